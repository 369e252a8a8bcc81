"""Data folders with one operation asked for, and the process that works it off until a planted death.

The processes are forked from a server that has everything imported; each leads a process group of its own, so that its
children die with it. The operation's steps run as the engine runs them, without the workflow engine around them, whose
own deaths tests/operations and tests/system/test_kill_operations.py see to.
"""

import os
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from uuid import uuid4

from freehold.domain.access.actor import WorkspaceName, WorkspaceRef
from freehold.domain.access.bootstrap import RESOURCE_GROUP
from freehold.domain.access.kinds import Kind
from freehold.domain.runs.service import log_parameters
from freehold.domain.workspaces.service import Wanted, list_subscriptions, put_workspace
from freehold.kit.clock import Clock
from freehold.kit.faults import GROUP, TRACE, VARIABLE
from freehold.lifecycle.erase import ERASE
from freehold.lifecycle.export import Since, export_kind, request_export
from freehold.lifecycle.imports.operation import import_kind, request_import
from freehold.lifecycle.kept import remove_expired_bags
from freehold.operations import queries
from freehold.operations.model import Operation
from freehold.operations.runner import Runner
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction
from tests.lifecycle.erase.site import Site, open_site
from tests.lifecycle.imports.bags import files_of, frozen, rows_of
from tests.patience import patient

ROOT = Path(__file__).parents[3]
PATIENCE = patient(90)
VARIANTS = ("export", "increment", "import", "import-new-ids", "import-tree", "erase")
_forks = get_context("forkserver")
_forks.set_forkserver_preload([__name__])


@dataclass
class Base:
    """A prepared data folder: what is asked for, what must go (`gone`) and what must stay (`kept`)."""

    folder: Path
    operation_id: str
    gone: list[str]
    kept: list[str]


def open_whole(folder: Path, clock: Clock | None = None) -> Site:
    """A site whose engine knows all three kinds."""
    site = open_site(folder, clock=clock)
    site.engine.kinds.pop(ERASE.name)
    for kind in (export_kind(), import_kind(), ERASE):
        site.engine.register(kind.name, kind.steps, clean_up=kind.clean_up, on_failure=kind.on_failure)
    return site


def prepare(folder: Path, variant: str) -> Base:
    site = open_whole(folder)
    try:
        if variant == "increment":
            return _growing(site)
        return _importing(site, variant) if variant.startswith("import") else _filled(site, variant)
    finally:
        site.close()


def _filled(site: Site, variant: str) -> Base:
    experiment = site.experiment()
    site.run(experiment, points=500)
    kept = site.canaries.copy()
    site.canaries.clear()
    going = site.experiment() if variant == "erase" else experiment
    run_id = site.run(going, points=500)
    if variant == "export":
        operation = ask_export(site, Scope.WORKSPACE, None)
        return Base(site.folder, operation.operation_id, [], [*kept, *site.canaries])
    site.work_off(ask_export(site, Scope.EXPERIMENT, going.experiment_id))
    operation = site.request(Scope.EXPERIMENT, going.experiment_id)
    return Base(site.folder, operation.operation_id, [going.experiment_id, run_id, *site.canaries], kept)


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
    sent.write_bytes(content or frozen())
    try:
        return site.database.write_now(
            lambda db: request_import(
                db, site.engine, site.actor, into or site.workspace, sent, site.folder, new_ids=new_ids
            )
        )
    finally:
        sent.unlink(missing_ok=True)
        sent.parent.rmdir()


def sweep(folder: Path) -> None:
    """What a server does every half a minute about bags and what served to make them."""
    site = open_whole(folder)
    try:
        remove_expired_bags(site.database, site.settings)
    finally:
        site.close()


def run(folder: Path, fault: str = "", trace: str = "") -> int:
    """Work off what the folder asks for in a process of its own; its exit code, that of a signal negative."""
    process = _forks.Process(target=_work, args=(folder, fault, trace))
    process.start()
    process.join(PATIENCE)
    code = process.exitcode
    if code is None:
        process.kill()
        raise AssertionError(f"it did not end in {PATIENCE:.0f} s")
    return code


def _work(folder: Path, fault: str, trace: str) -> None:
    os.setsid()
    site = open_whole(folder)
    environment = {"PYTHONPATH": str(ROOT / "src"), VARIABLE: fault + GROUP if fault else "", TRACE: trace}
    os.environ.update(environment)
    runner = Runner(site.database, site.settings, site.engine.kinds, site.engine._stopping)
    for operation_id in site.database.read_now(queries.unfinished_ids):
        while runner.run_slice(operation_id):
            pass
    site.close()
