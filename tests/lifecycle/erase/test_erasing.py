"""What an erasure promises beside the bytes: hidden at once, refused where it must be, not undone by anybody."""

import hashlib
import json
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from freehold.domain.access.actor import Actor
from freehold.domain.access.directory import service as directory
from freehold.domain.access.queries import find_member
from freehold.domain.artifacts import queries as artifact_queries
from freehold.domain.artifacts import service as artifacts
from freehold.domain.artifacts.service import ArtifactName
from freehold.domain.artifacts.transfer import reap
from freehold.domain.experiments.service import create_experiment, get_experiment
from freehold.domain.forgetting.service import is_forgotten
from freehold.domain.images.service import NewImage, create_image
from freehold.domain.metrics.service import log_metrics
from freehold.domain.models.service import NewModel, register_model
from freehold.domain.notifications.rules import OPERATION
from freehold.domain.notifications.service import News, tell
from freehold.domain.runs.service import create_run, get_run, set_tags
from freehold.kit.clock import SystemClock
from freehold.kit.problems import Conflict, NotFound, PreconditionFailed, Problem
from freehold.lifecycle import certificate, cleaning, erase, evidence, holds, proof
from freehold.lifecycle.erase import StillNeeded, request_erasure
from freehold.lifecycle.idempotency import once
from freehold.lifecycle.levels import LEFT_OUT
from freehold.lifecycle.plan import plan_erasure
from freehold.lifecycle.removal import Removal
from freehold.operations import runner
from freehold.operations.model import Operation as OperationView
from freehold.operations.model import State
from freehold.records.lifecycle import BagReference, Certificate, KeptBag
from freehold.records.operations import IdempotencyKey, Operation, OperationTarget
from freehold.records.rules import Scope
from freehold.storage import portable
from freehold.storage.blobs import StoredBytes, open_objects
from freehold.storage.metrics import Point
from freehold.storage.transaction import Transaction
from tests.lifecycle.erase.site import Site, traces
from tests.storage.sqlite_pages import dead_bytes

WRITER = "freehold-writer"


def test_hidden_before_anything_is_removed(plain_site: Site) -> None:
    site = plain_site
    run_id = site.run(site.experiment())
    site.request(Scope.RUN, run_id)
    with pytest.raises(NotFound):
        site.database.read_now(lambda db: get_run(db, site.workspace, run_id))
    with pytest.raises(NotFound):
        site.database.write_now(lambda db: log_metrics(db, site.workspace, run_id, [Point("m", 1, 1, 1.0)]))
    with pytest.raises(NotFound):
        site.database.write_now(lambda db: set_tags(db, site.actor, site.workspace, run_id, {"a": "b"}))


@pytest.mark.parametrize("scope", [Scope.RUN, Scope.EXPERIMENT])
def test_a_lifted_hold_of_what_is_hidden_is_not_found(plain_site: Site, scope: Scope) -> None:
    site = plain_site
    experiment = site.experiment()
    run_id, other = site.run(experiment), site.run(site.experiment())

    def hold(db: Transaction, run_id: str) -> str:
        placed = holds.place(db, site.actor, site.workspace, Scope.RUN, run_id, f"about {run_id}")
        return holds.lift(db, site.actor, site.workspace, placed.hold_id).hold_id

    gone, kept = (site.database.write_now(partial(hold, run_id=each)) for each in (run_id, other))
    site.request(scope, run_id if scope is Scope.RUN else experiment.experiment_id)
    listed = site.database.read_now(lambda db: holds.list_all(db, site.actor, site.workspace))
    assert [each.hold_id for each in listed] == [kept]
    with pytest.raises(NotFound):
        site.database.write_now(lambda db: holds.lift(db, site.actor, site.workspace, gone))


def test_a_hold_is_named_to_whom_may_list_it(site: Site) -> None:
    def look(db: Transaction) -> tuple[object, object, str]:
        placed = holds.place(db, site.actor, site.workspace, Scope.WORKSPACE, None, "case 7").hold_id
        stranger = directory.add_person(db, kind="person", display_name="Someone")
        return (
            holds.seen_by(db, site.actor, [placed]),
            holds.seen_by(db, stranger, [placed]),
            placed,
        )

    owner, stranger, placed = site.database.write_now(look)
    assert (owner, stranger) == ([(placed, site.workspace.path)], [])


@pytest.mark.parametrize("is_swept", [False, True])
def test_objects_count_for_the_erasure_whoever_removes_their_bytes(
    plain_site: Site, monkeypatch: pytest.MonkeyPatch, is_swept: bool
) -> None:
    """A sweep may come between the rows and the objects; objects of others that are on their way do not count."""
    site = plain_site
    run_id = site.run(site.experiment())
    for number in range(3):
        site.artifact(run_id, f"more/{number}", b"content %d" % number)
    plan = site.database.read_now(lambda db: plan_erasure(db, site.workspace, Scope.RUN, run_id))
    objects = open_objects(site.settings)
    swept: list[int] = []

    def sweep(kind: str, step: str, moment: str) -> None:
        if is_swept and (step, moment) == ("objects", "before"):
            swept.append(reap(site.database, objects, SystemClock()))

    monkeypatch.setattr(runner, "die_if_planted", sweep)
    site.database.write_now(lambda db: artifact_queries.doom(db, ["objects/aa/of-another"]))
    done = site.erase(Scope.RUN, run_id)
    assert done.progress.counts["objects"] == sum(each.number for each in plan.objects) >= 3
    assert bool(sum(swept)) is is_swept


def test_a_hidden_run_is_not_made_again_before_its_id_is_on_the_list(plain_site: Site) -> None:
    site = plain_site
    experiment, other = site.experiment(), site.experiment()
    run_id = site.run(experiment, run_id="my-own-run-id-0002")
    site.request(Scope.EXPERIMENT, experiment.experiment_id)  # nothing has been worked off: its row stands
    assert not site.database.read_now(lambda db: is_forgotten(db, "run", site.workspace.public_id, run_id))
    with pytest.raises(NotFound, match="erased"):
        site.database.write_now(lambda db: create_run(db, site.actor, site.workspace, other, run_id=run_id))


@pytest.mark.parametrize("at_once", [1, 2, 4, 5, 6])
def test_every_id_below_is_on_the_list_before_any_row_goes(
    plain_site: Site, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    site = plain_site
    monkeypatch.setattr(erase, "ROWS_AT_ONCE", at_once)
    experiment = site.experiment()
    run_ids = [site.run(experiment, points=500) for _ in range(5)]
    listed: list[int] = []
    remove = Removal.remove

    def seen(self: Removal, db: Transaction, *rest: Any, **more: Any) -> Counter[str]:
        listed.append(sum(is_forgotten(db, "run", site.workspace.public_id, each) for each in run_ids))
        return remove(self, db, *rest, **more)

    monkeypatch.setattr(Removal, "remove", seen)
    site.erase(Scope.EXPERIMENT, experiment.experiment_id)
    assert set(listed) == {5}


def test_nobody_waits_while_statements_are_put_together(plain_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first and last look of an erasure held all writers for 20 ms beside clients, most of it spent on that."""
    site = plain_site
    experiment = site.experiment()
    site.run(experiment, points=500)
    made: list[tuple[str, str]] = []
    make = portable._Compiled.__init__

    def noted(self: Any, *given: Any) -> None:
        make(self, *given)
        made.append((threading.current_thread().name, self.sql))

    monkeypatch.setattr(portable._Compiled, "__init__", noted)
    assert site.erase(Scope.EXPERIMENT, experiment.experiment_id).progress.counts["runs"] == 1
    assert any("FROM runs" in sql for _, sql in made)
    assert [sql for thread, sql in made if thread == WRITER and not sql.startswith("UPDATE operations")] == []


@pytest.mark.parametrize("at_once", [1, 2, 4, 5])
def test_all_objects_go_however_few_go_at_once(plain_site: Site, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    site = plain_site
    for name in ("FEWEST_OBJECTS", "OBJECTS_AT_ONCE"):
        monkeypatch.setattr(erase, name, at_once)
    experiment = site.experiment()
    for _ in range(4):
        site.run(experiment, points=1)
    objects = [path for path in (site.folder / "store").rglob("*") if path.is_file()]
    ended = site.erase(Scope.EXPERIMENT, experiment.experiment_id)
    assert len(objects) == ended.progress.counts["objects"] >= 4
    assert [path for path in (site.folder / "store").rglob("*") if path.is_file()] == []


def test_a_row_that_comes_below_what_has_gone_goes_too(plain_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands in the way of a member that it is about; the erasure failed for good on that."""
    site = plain_site
    site.run(site.experiment(), points=500)
    came: list[str] = []
    remove = Removal.remove

    def and_one_comes(self: Removal, db: Transaction, *rest: Any, **more: Any) -> Counter[str]:
        gone = remove(self, db, *rest, **more)
        if self.going.table.name == "experiments" and gone and not came:
            came.append("late")
            member = find_member(db, site.workspace.workspace_id, site.actor.person_row)
            tell(db, site.workspace.workspace_id, News(OPERATION, "Succeeded", "export succeeded", member, ended_at=2))
        return gone

    monkeypatch.setattr(Removal, "remove", and_one_comes)
    ended = site.erase(Scope.WORKSPACE, None)
    assert came
    assert ended.state is State.SUCCEEDED, ended.error_code


def test_what_is_hidden_is_decided_without_counting_what_goes(plain_site: Site) -> None:
    """So it takes no longer for a large experiment than for a small one: the same statements, none of them on rows
    that only a count would look at."""
    site = plain_site
    experiment = site.experiment()
    site.run(experiment, points=500)
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        site.request(Scope.EXPERIMENT, experiment.experiment_id)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert said
    assert not [each for each in said if "count(" in each.lower()]
    assert not [each for each in said if re.search(r"FROM (latest_metrics|metric_segments|run_parameters)\b", each)]


def test_erased_ids_stay_gone(plain_site: Site) -> None:
    site = plain_site
    experiment = site.experiment()
    other = site.experiment()
    run_id = site.run(experiment, run_id="my-own-run-id-0001")
    site.erase(Scope.EXPERIMENT, experiment.experiment_id)
    with pytest.raises(NotFound):
        site.database.write_now(lambda db: create_run(db, site.actor, site.workspace, other, run_id=run_id))
    with pytest.raises(NotFound):
        site.database.read_now(lambda db: get_experiment(db, site.workspace, experiment.experiment_id))
    with pytest.raises(NotFound):
        site.database.write_now(
            lambda db: create_experiment(
                db, site.actor, site.workspace, "again", experiment_id=experiment.experiment_id
            )
        )
    name = ArtifactName("ExperimentRun", f"dcid.{run_id}", "late.txt")
    with pytest.raises(NotFound):
        site.database.write_now(lambda db: artifacts.register(db, site.actor, site.workspace, name))


def test_erased_name_can_be_used_again(plain_site: Site) -> None:
    site = plain_site
    first = site.experiment("digits")
    site.erase(Scope.EXPERIMENT, first.experiment_id)
    assert site.experiment("digits").experiment_id != first.experiment_id


def test_child_run_stays_without_its_parent(plain_site: Site) -> None:
    site = plain_site
    experiment = site.experiment()
    parent = site.run(experiment)
    child = site.database.write_now(
        lambda db: create_run(db, site.actor, site.workspace, experiment, parent_run_id=parent)
    )
    operation = site.erase(Scope.RUN, parent)
    assert operation.state is State.SUCCEEDED
    assert site.database.read_now(lambda db: get_run(db, site.workspace, child)).parent_run_id is None


def test_shared_object_goes_with_its_last_referrer(plain_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site = plain_site
    late: list[str] = []
    monkeypatch.setattr(proof, "_remove_unowned", lambda _, places: late.extend(places))
    experiment = site.experiment()
    first, second = site.run(experiment), site.run(experiment)
    site.artifact(first, "shared.bin", b"bytes that two runs refer to, one object")
    from freehold.records.artifacts import Artifact

    def share(db: Transaction) -> None:
        row = db.execute(sa.select(Artifact.table).where(Artifact.c.path == "shared.bin")).mappings().one()
        run_row = site_row
        values = dict(row) | {"run_row": run_row, "container": f"dcid.{second}"}
        del values["row_id"]
        db.execute(Artifact.table.insert().values(values))

    site_row = site.row_of("runs", "run_id", second)
    site.database.write_now(share)
    content = ["bytes that two runs refer to, one object"]
    gone = site.erase(Scope.RUN, first)
    assert (gone.state, gone.progress.counts["objects"]) == (State.SUCCEEDED, 2)
    assert len(traces(site.folder / "store", content)) == 1
    gone = site.erase(Scope.RUN, second)
    assert (gone.state, gone.progress.counts["objects"]) == (State.SUCCEEDED, 3)
    assert late == [], "the search found bytes that should have gone with their rows"
    assert traces(site.folder / "store", content) == {}


def test_mention_by_another_owner_is_counted_and_kept(plain_site: Site) -> None:
    site = plain_site
    experiment = site.experiment()
    doomed, witness = site.run(experiment), site.run(experiment)
    report = f"compared with {doomed}, it is worse"
    site.artifact(witness, "report.txt", report.encode())
    site.database.write_now(lambda db: set_tags(db, site.actor, site.workspace, witness, {"see": f"run {doomed}"}))
    operation = site.erase(Scope.RUN, doomed)
    assert operation.state is State.SUCCEEDED
    assert operation.result is not None
    assert operation.result["scan"]["mentions"] >= 1
    assert traces(site.folder / "store", [report])


def test_copies_that_hold_it_go_first(plain_site: Site) -> None:
    site = plain_site
    experiment, other = site.experiment(), site.experiment()
    run_id, neighbour = site.run(experiment), site.run(experiment)
    run_row, neighbour_row = (site.row_of("runs", "run_id", each) for each in (run_id, neighbour))
    bags = {
        "workspace": {},
        "experiment": {"experiment_row": experiment.row_id},
        "run": {"run_row": run_row},
        "neighbour": {"run_row": neighbour_row},
        "other": {"experiment_row": other.row_id},
    }
    operations = {name: _keep_bag(site, links) for name, links in bags.items()}
    plan = site.database.read_now(lambda db: plan_erasure(db, site.workspace, Scope.RUN, run_id))
    covering = {operations[name] for name in ("workspace", "experiment", "run")}
    assert {copy.operation_id for copy in plan.copies} == covering
    assert site.erase(Scope.RUN, run_id).state is State.SUCCEEDED
    left = {path.name for path in (site.folder / "exports").iterdir()}
    assert left == {operations["neighbour"], operations["other"]}
    rows = site.database.read_now(lambda db: set(db.execute(sa.select(KeptBag.c.operation_id)).scalars()))
    assert rows == left


def test_copies_that_name_it_go_first(plain_site: Site) -> None:
    """The bag of a run had its parent's id in it, in its row and in tags, whoever is its parent now."""
    site = plain_site
    experiment = site.experiment()
    parent, child = site.run(experiment), site.run(experiment)
    rows = {each: site.row_of("runs", "run_id", each) for each in (parent, child)}
    naming, neighbour = (_keep_bag(site, {"run_row": rows[child]}) for _ in range(2))

    def name(db: Transaction) -> None:
        for operation_id, named in ((naming, parent), (neighbour, child)):
            values = {"operation_id": operation_id, "workspace_id": 1, "run_row": rows[named]}
            db.execute(BagReference.table.insert().values(values))

    site.database.write_now(name)
    plan = site.database.read_now(lambda db: plan_erasure(db, site.workspace, Scope.RUN, parent))
    assert [copy.operation_id for copy in plan.copies] == [naming]
    assert site.erase(Scope.RUN, parent).state is State.SUCCEEDED
    assert [path.name for path in (site.folder / "exports").iterdir()] == [neighbour]
    for record in (KeptBag, BagReference):
        left = sa.select(record.c.operation_id)
        assert site.database.read_now(lambda db, left=left: db.execute(left).scalars().all()) == [neighbour]  # type: ignore[misc]  # binds the loop's value


def _keep_bag(site: Site, links: dict[str, int]) -> str:
    def add(db: Transaction) -> str:
        operation_id = db.new_id()
        values = {"operation_id": operation_id, "state": "ready", "parts": [], "size": 3, "snapshot_at": db.now()}
        db.execute(KeptBag.table.insert().values(values | links | {"workspace_id": 1, "expires_at": db.now() * 2}))
        return operation_id

    operation_id = site.database.write_now(add)
    folder = site.folder / "exports" / operation_id
    folder.mkdir(parents=True)
    (folder / "bag.txt").write_text("a bag")
    return operation_id


def test_plan_that_changed_is_not_carried_out(plain_site: Site) -> None:
    site = plain_site
    run_id = site.run(site.experiment())
    plan = site.database.read_now(lambda db: plan_erasure(db, site.workspace, Scope.RUN, run_id))
    with pytest.raises(PreconditionFailed):
        site.request(Scope.RUN, run_id, plan_digest="0" * 64)
    site.database.read_now(lambda db: get_run(db, site.workspace, run_id))
    site.database.write_now(lambda db: log_metrics(db, site.workspace, run_id, [Point("m", 1, 1, 1.0)]))
    assert site.request(Scope.RUN, run_id, plan_digest=plan.digest).kind == "erase"


def test_second_request_finds_nothing(plain_site: Site) -> None:
    site = plain_site
    run_id = site.run(site.experiment())
    site.request(Scope.RUN, run_id)
    with pytest.raises(NotFound):
        site.request(Scope.RUN, run_id)


def test_stranger_may_not_erase(plain_site: Site) -> None:
    site = plain_site
    run_id = site.run(site.experiment())
    stranger = Actor(10_000, "nobody", "o", "t", "person")
    site.actor, owner = stranger, site.actor
    with pytest.raises(NotFound):
        site.request(Scope.RUN, run_id)
    site.actor = owner


def test_paperwork_names_nothing(plain_site: Site) -> None:
    site = plain_site
    run_id = site.run(site.experiment())
    operation = site.erase(Scope.RUN, run_id)

    def rows(db: Transaction) -> tuple[str, Sequence[sa.Row[Any]]]:
        told = [str(row) for table in (Operation, Certificate) for row in db.execute(sa.select(table.table))]
        targets = db.execute(sa.select(OperationTarget.table)).all()
        return "".join(told), targets

    told, targets = site.database.read_now(rows)
    assert operation.target_id in told
    assert run_id not in told
    assert targets == []


def test_a_repeated_request_is_known_and_its_digest_tells_nothing(plain_site: Site) -> None:
    """Who reads the table and guesses an id that was erased must not be able to see that it was."""
    site = plain_site
    run_id = site.run(site.experiment())
    request = b"POST /freehold/v1/erasures\n" + json.dumps({"scope": "run", "id": run_id}).encode()

    def ask(db: Transaction) -> str:
        def make(db: Transaction) -> OperationView:
            return request_erasure(db, site.engine, site.actor, site.workspace, Scope.RUN, run_id)

        return once(db, site.actor, run_id, request, make).operation_id

    assert site.database.write_now(ask) == site.database.write_now(ask)
    kept = sa.select(IdempotencyKey.c.key_digest, IdempotencyKey.c.request_digest)
    digests = set(site.database.read_now(lambda db: db.execute(kept).one()))
    guessed = {hashlib.new(name, text).digest() for name in ("sha256", "sha512") for text in (request, run_id.encode())}
    assert digests.isdisjoint(guessed)
    assert [len(each) for each in digests] == [32, 32]


def test_certificate_says_what_its_search_leaves_out(plain_site: Site) -> None:
    site = plain_site
    operation = site.erase(Scope.RUN, site.run(site.experiment()))
    query = sa.select(Certificate.c.jws).where(Certificate.c.operation_id == operation.operation_id)
    jws = site.database.read_now(lambda db: db.execute(query).scalar_one())
    said = " ".join(certificate.verify(site.keys.certificates.jwks(), jws)["not_covered"])
    for each in LEFT_OUT:
        assert each in said
    numbers = (f"{evidence.NEEDLES:,} values", f"{evidence.BITS} bits", f"{evidence.ROWS_SAMPLED} rows")
    for number in (*numbers, f"{evidence.ROOTS_SAMPLED} of", f"{evidence.OBJECTS_SAMPLED} objects"):
        assert number in said


def test_certificate_verifies_until_a_byte_is_changed(plain_site: Site) -> None:
    site = plain_site
    run_id = site.run(site.experiment())
    operation = site.erase(Scope.RUN, run_id)
    query = sa.select(Certificate.c.jws).where(Certificate.c.operation_id == operation.operation_id)
    jws = site.database.read_now(lambda db: db.execute(query).scalar_one())
    jwks = site.keys.certificates.jwks()
    statement = certificate.verify(jwks, jws)
    assert statement["level"] == "verified"
    assert statement["requested_at"] <= statement["erased_at"] <= statement["verified_at"]
    assert statement["counts"]["runs"] == 1
    assert statement["search"]["residue"] == 0
    assert statement["search"]["needles"] - statement["search"]["mentions"] > 50
    assert statement["search"]["bytes_scanned"] > (site.folder / "freehold.db").stat().st_size
    head, body, signature = jws.split(".")
    middle = len(body) // 2
    forged = body[:middle] + ("A" if body[middle] != "A" else "B") + body[middle + 1 :]
    with pytest.raises(Problem):
        certificate.verify(jwks, f"{head}.{forged}.{signature}")


def test_evidence_and_its_key_are_destroyed(plain_site: Site) -> None:
    site = plain_site
    operation = site.erase(Scope.RUN, site.run(site.experiment()))
    assert site.keys.operations.ids() == []
    assert list((site.settings.key_folder / "needles").iterdir()) == []
    assert operation.state is State.SUCCEEDED


def _residue_in_a_file(site: Site, run_id: str) -> Path:
    path = site.folder / "tmp" / "forgotten.part"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x" * 70_000 + run_id.encode().hex().encode())
    return path


def test_residue_anywhere_blocks_verified(plain_site: Site) -> None:
    """The eraser has done its part; the verifier finds the id, in hex, in a file that nobody claims."""
    site = plain_site
    run_id = site.run(site.experiment())
    path = _residue_in_a_file(site, run_id)
    operation = site.request(Scope.RUN, run_id)
    with pytest.raises(Problem) as refused:
        site.work_off(operation)
    assert refused.value.code == "ResidueFound"
    assert "tmp" in refused.value.message
    assert run_id not in refused.value.message
    assert site.operation(operation.operation_id).state is State.RUNNING
    path.unlink()
    done = site.work_off(operation)
    assert done.state is State.SUCCEEDED


@pytest.mark.parametrize("content", ["log of {}", "0707"], ids=["that names its run", "of any bytes"])
def test_late_upload_is_removed_before_verified(plain_site: Site, content: str) -> None:
    """Bytes that arrive while their run is erased have a ledger entry and no owner."""
    site = plain_site
    run_id = site.run(site.experiment())
    name = ArtifactName("ExperimentRun", run_id, "log.txt")
    object_key = site.database.write_now(lambda db: artifacts.begin_upload(db, site.workspace, name))
    path = site.folder / "store" / object_key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content.format(run_id))
    assert site.erase(Scope.RUN, run_id).state is State.SUCCEEDED
    assert not path.exists()
    with pytest.raises(Conflict) as told:
        site.database.write_now(
            lambda db: artifacts.own_object(db, site.workspace, object_key, StoredBytes(0, "0" * 64))
        )
    assert told.value.code == "UploadExpired"


def test_bytes_that_nobody_owns_are_removed_before_verified(plain_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """They arrive when the objects have gone: only the search finds them."""
    site = plain_site
    run_id = site.run(site.experiment())
    path = site.folder / "store" / "objects" / "aa" / "0c1f9c3e-6a1b-4f0e-9a5d-0d1b2c3d4eaa"

    def arrive(point: str) -> None:
        if point == "erase:strays:removed":
            path.parent.mkdir(parents=True)
            path.write_bytes(f"log of {run_id}".encode())

    monkeypatch.setattr(proof, "passing", arrive)
    assert site.erase(Scope.RUN, run_id).state is State.SUCCEEDED
    assert not path.exists()


def test_the_file_holds_no_dead_byte_when_it_is_searched(plain_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither free pages nor the slack of others, whatever a build of SQLite leaves there."""
    site = plain_site
    experiment = site.experiment()
    run_id = site.run(experiment, points=20_000)
    for number in range(300):
        tags = {f"{number * 7919 % 300:03d}-{key}": f"{run_id} " * 9 for key in "abc"}
        site.database.write_now(lambda db, tags=tags: set_tags(db, site.actor, site.workspace, run_id, tags))  # type: ignore[misc]  # binds the loop's value
    seen: list[int] = []

    def look(point: str) -> None:
        if point == "erase:database:cleaned":
            seen.append(dead_bytes(site.folder / "freehold.db"))

    monkeypatch.setattr(proof, "passing", look)
    assert site.work_off(site.request(Scope.RUN, run_id)).state is State.SUCCEEDED
    assert seen == [0]


def test_reader_that_stays_blocks_verified(plain_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site = plain_site
    run_id = site.run(site.experiment())
    monkeypatch.setattr(cleaning, "LOG_PATIENCE", 2)
    with closing(sqlite3.connect(site.folder / "freehold.db", isolation_level=None)) as reader:
        reader.execute("begin")
        reader.execute("select count(*) from runs").fetchone()
        operation = site.request(Scope.RUN, run_id)
        with pytest.raises(Problem) as refused:
            site.work_off(operation)
        assert refused.value.code == "LogInUse"
        assert site.operation(operation.operation_id).state is State.RUNNING
    assert site.work_off(operation).state is State.SUCCEEDED


def test_erasures_at_the_same_time_share_a_search(plain_site: Site) -> None:
    """Three erasures come to be proved while a fourth is: one more search serves the three."""
    site = plain_site
    experiment = site.experiment()
    operations = [site.request(Scope.RUN, site.run(experiment)) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(site.work_off, operations))
    assert {operation.state for operation in done} == {State.SUCCEEDED}
    shared = [operation.result["scan"]["erasures"] for operation in done if operation.result]
    assert max(shared) > 1
    assert sorted(shared) != [1, 1, 1, 1]


def model_of(site: Site, name: str) -> str:
    new = NewModel(name, None, {})
    return site.database.write_now(lambda db: register_model(db, site.actor, site.workspace, new)).model_id


def image_of(site: Site, name: str, model: str) -> str:
    new = NewImage(name, [model], {})
    return site.database.write_now(lambda db: create_image(db, site.actor, site.workspace, new)).image_id


def test_what_is_still_needed_is_named_and_stays(plain_site: Site) -> None:
    site = plain_site
    model = model_of(site, "digits")
    image = image_of(site, "served", "digits:1")
    with pytest.raises(StillNeeded, match="image served:1"):
        site.request(Scope.MODEL, model)
    assert site.erase(Scope.IMAGE, image).state is State.SUCCEEDED
    assert site.erase(Scope.MODEL, model).state is State.SUCCEEDED


def test_what_is_being_erased_needs_nothing_any_more(plain_site: Site) -> None:
    """The image is hidden but its rows stand: the model may go at once, in whatever order the two are worked off."""
    site = plain_site
    model = model_of(site, "digits")
    of_image = site.request(Scope.IMAGE, image_of(site, "served", "digits:1"))
    of_model = site.request(Scope.MODEL, model)
    assert site.work_off(of_model).state is State.SUCCEEDED
    assert site.work_off(of_image).state is State.SUCCEEDED
