"""Data folders with one operation asked for, and the process that works it off until a planted death.

The processes are forked from a server that has everything imported; each leads a process group of its own, so that its
children die with it. The operation's steps run as the engine runs them, without the workflow engine around them, whose
own deaths tests/operations and tests/system/test_kill_operations.py see to.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from uuid import uuid4

import sqlalchemy as sa

from freehold.domain.access.actor import WorkspaceName, WorkspaceRef
from freehold.domain.access.bootstrap import RESOURCE_GROUP
from freehold.domain.access.kinds import Kind
from freehold.domain.runs.service import log_parameters
from freehold.domain.workspaces.service import Wanted, list_subscriptions, put_workspace
from freehold.kit.clock import Clock
from freehold.kit.faults import GROUP, TRACE, VARIABLE
from freehold.lifecycle.bag.split import Splitter
from freehold.lifecycle.bag.tar import iter_tar, kept_files
from freehold.lifecycle.erase import ERASE
from freehold.lifecycle.export import Since, export_kind, request_export
from freehold.lifecycle.imports.operation import import_kind, request_import
from freehold.lifecycle.kept import remove_expired_bags, remove_withdrawn_bags
from freehold.operations import queries
from freehold.operations.model import Operation
from freehold.operations.runner import Runner
from freehold.records.artifacts import ObjectLedgerEntry, StoredObject
from freehold.records.rules import Scope
from freehold.records.runs import Run
from freehold.storage.transaction import Transaction
from tests.lifecycle.erase.site import Site, open_site
from tests.lifecycle.imports.bags import files_of, frozen, rows_of
from tests.patience import patient

ROOT = Path(__file__).parents[3]
PATIENCE = patient(90)
OBJECTS = "FREEHOLD_OBJECTS"
VARIANTS = ("export", "increment", "import", "import-new-ids", "import-tree", "erase")
IN_CLOUDS = (
    "s3-export",
    "s3-import",
    "s3-erase",
    "s3-versioned-erase",
    "azure-import",
    "azure-erase",
)
"""The same, with the objects in a cloud's store, whose name begins the variant's."""
LARGE = 17 << 20
"""Bytes of an object that is put in three parts."""
CUT_UPLOADS = 2_050
"""Uploads that never ended, and wait in the ledger: with the objects that go, three batches of removals."""
EXPORT = export_kind()
_forks = get_context("forkserver")
_forks.set_forkserver_preload([__name__])


@dataclass
class Base:
    """A prepared data folder: what is asked for, what must go (`gone`) and what must stay (`kept`).

    `cut`: keys of objects under which uploads in parts were cut off.
    """

    folder: Path
    operation_id: str
    gone: list[str]
    kept: list[str]
    cut: list[str] = field(default_factory=list)


def open_whole(folder: Path, clock: Clock | None = None) -> Site:
    """A site whose engine knows all three kinds, with its objects where the environment says."""
    site = open_site(folder, clock=clock, objects=os.environ.get(OBJECTS, ""))
    site.engine.kinds.pop(ERASE.name)
    for kind in (export_kind(), import_kind(), ERASE):
        site.engine.register(kind.name, kind.steps, clean_up=kind.clean_up, on_failure=kind.on_failure)
    return site


def prepare(folder: Path, variant: str) -> Base:
    site = open_whole(folder)
    try:
        if variant in IN_CLOUDS:
            return prepare_in_cloud(site, *variant.split("-", 1))
        if variant == "increment":
            return _growing(site)
        return _importing(site, variant) if variant.startswith("import") else _filled(site, variant)
    finally:
        site.close()


def _filled(site: Site, variant: str, large: int = 0) -> Base:
    """`large`: bytes of one more object of what is exported or erased."""
    experiment = site.experiment()
    site.run(experiment, points=500)
    kept = site.canaries.copy()
    site.canaries.clear()
    going = site.experiment() if variant == "erase" else experiment
    run_id = site.run(going, points=500)
    if large:
        site.artifact(run_id, "large.bin", secrets.token_bytes(large) + site.canary("large").encode())
    if variant == "export":
        operation = ask_export(site, Scope.WORKSPACE, None)
        return Base(site.folder, operation.operation_id, [], [*kept, *site.canaries])
    site.work_off(ask_export(site, Scope.EXPERIMENT, going.experiment_id))
    operation = site.request(Scope.EXPERIMENT, going.experiment_id)
    return Base(site.folder, operation.operation_id, [going.experiment_id, run_id, *site.canaries], kept)


def prepare_in_cloud(site: Site, service: str, variant: str) -> Base:
    """As in a folder, with a large object; what goes has left uploads that were cut off, and many that wait."""
    if variant == "import":
        return _importing_large(site)
    if variant == "export":
        return _filled(site, variant, LARGE)
    base = _filled(site, "erase", LARGE)
    number = CUT_UPLOADS if variant == "erase" and service == "s3" else 10
    waiting = [f"objects/{each % 256:02x}/{uuid4()}" for each in range(number)]
    objects = sa.select(StoredObject.c.object_key).order_by(StoredObject.c.row_id.desc()).limit(1)
    largest = site.database.read_now(lambda db: str(db.execute(objects).scalar_one()))

    def cut_off(db: Transaction) -> None:
        rows = [{"object_key": key, "created_at": db.now(), "doomed_at": db.now()} for key in waiting]
        db.execute(ObjectLedgerEntry.table.insert(), rows)

    site.database.write_now(cut_off)
    base.cut = [largest, waiting[-1]]
    return base


def _importing_large(site: Site) -> Base:
    """Of a bag that another server made, with one object that is put in parts."""
    with TemporaryDirectory() as scratch:
        other = open_site(Path(scratch) / "other")
        other.engine.register(EXPORT.name, EXPORT.steps)
        run_id = other.run(other.experiment(), points=50)
        other.artifact(run_id, "large.bin", secrets.token_bytes(LARGE))
        exported = other.work_off(ask_export(other, Scope.WORKSPACE, None))
        bag = Path(scratch) / "bag.tar"
        kept = other.folder / "exports" / exported.operation_id
        bag.write_bytes(b"".join(iter_tar(kept, "bag", 0, files=kept_files)))
        other.close()
        operation = ask_import(site, content=bag.read_bytes())
    return Base(site.folder, operation.operation_id, [], other.canaries)


def _growing(site: Site) -> Base:
    """A bag that is kept, and what came and went since, of which an increment on it is asked for."""
    experiment = site.experiment()
    going = site.run(experiment, points=500)
    site.run(experiment, points=500)
    base = site.work_off(ask_export(site, Scope.EXPERIMENT, experiment.experiment_id))
    site.canaries.clear()
    site.database.write_now(lambda db: log_parameters(db, site.workspace, going, [("late", site.canary("late"))]))
    site.run(experiment, points=500)
    operation = ask_export(site, Scope.EXPERIMENT, experiment.experiment_id, Since(base.operation_id))
    return Base(site.folder, operation.operation_id, [], site.canaries)


def ask_export(site: Site, scope: Scope, root_id: str | None, since: Since | None = None) -> Operation:
    def ask(db: Transaction) -> Operation:
        folder = site.folder if since is not None else None
        return request_export(
            db, site.engine, site.actor, site.workspace, scope, root_id, since=since, data_folder=folder
        )

    return site.database.write_now(ask)


def _importing(site: Site, variant: str) -> Base:
    tree = variant == "import-tree"
    into = site.database.write_now(lambda db: _make_account(site, db)) if tree else None
    operation = ask_import(site, variant == "import-new-ids", into, frozen(2 if tree else 1))
    return Base(site.folder, operation.operation_id, [], [])


def _make_account(site: Site, db: Transaction) -> WorkspaceRef:
    """Where the frozen bag's tree has its root."""
    subscription = list_subscriptions(db, site.actor)[0].subscription_id
    account = rows_of(files_of(frozen(2)), "containers")[0]["name"]
    name = WorkspaceName(subscription, RESOURCE_GROUP, (account,), Kind.EXPERIMENTATION_ACCOUNT)
    return put_workspace(db, site.actor, name, Wanted(location="local"))[0].ref


def ask_import(
    site: Site, new_ids: bool = False, into: WorkspaceRef | None = None, content: bytes | None = None
) -> Operation:
    sent = site.folder / "imports" / f"{uuid4()}.sent" / "bag"
    sent.parent.mkdir(parents=True)
    with closing(Splitter(sent, large=3_000)) as splitter:
        splitter.feed(content or frozen())
        splitter.finish()
    try:
        return site.database.write_now(
            lambda db: request_import(
                db, site.engine, site.actor, into or site.workspace, sent, site.folder, new_ids=new_ids
            )
        )
    finally:
        shutil.rmtree(sent.parent)


def sweep(folder: Path) -> None:
    """What a server does every half a minute about bags and what served to make them."""
    site = open_whole(folder)
    try:
        remove_withdrawn_bags(site.database, site.settings)
        remove_expired_bags(site.database, site.settings)
    finally:
        site.close()


def run(
    folder: Path,
    fault: str = "",
    trace: str = "",
    environment: Mapping[str, str] = MappingProxyType({}),
    on_start: Callable[[int], None] | None = None,
) -> int:
    """Work off what the folder asks for in a process of its own; its exit code, that of a signal negative.

    `on_start` is told its process group.
    """
    return in_a_process(_work, folder, fault, trace, dict(environment), on_start=on_start)


def in_a_process(work: Callable[..., None], *given: object, on_start: Callable[[int], None] | None = None) -> int:
    """Do that in a process group of its own; its exit code, that of a signal negative."""
    process = _forks.Process(target=work, args=given)
    process.start()
    if on_start is not None and process.pid is not None:
        on_start(process.pid)
    process.join(PATIENCE)
    code = process.exitcode
    if code is None:
        process.kill()
        raise AssertionError(f"it did not end in {PATIENCE:.0f} s")
    return code


def upload(folder: Path, size: int, fault: str, environment: Mapping[str, str]) -> None:
    """Of a file of so many random bytes, to the only run there is; for a process of its own."""
    os.setsid()
    os.environ.update(environment)
    site = open_whole(folder)
    run_id = site.database.read_now(lambda db: str(db.execute(sa.select(Run.c.run_id)).scalar_one()))
    os.environ[VARIABLE] = fault + GROUP if fault else ""
    site.artifact(run_id, "sent.bin", secrets.token_bytes(size))
    site.close()


def _work(folder: Path, fault: str, trace: str, environment: Mapping[str, str]) -> None:
    os.setsid()
    os.environ.update(environment)
    site = open_whole(folder)
    os.environ.update({"PYTHONPATH": str(ROOT / "src"), VARIABLE: fault + GROUP if fault else "", TRACE: trace})
    runner = Runner(site.database, site.settings, site.engine.kinds, site.engine._stopping)
    for operation_id in site.database.read_now(queries.unfinished_ids):
        while runner.run_slice(operation_id):
            pass
    site.close()
