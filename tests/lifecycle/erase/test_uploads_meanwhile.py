"""Uploads while something is erased: what was on its way to that goes, what is somebody else's stays."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from freehold.domain.artifacts import queries
from freehold.domain.artifacts import service as artifacts
from freehold.domain.artifacts.service import ArtifactName, ArtifactView
from freehold.domain.artifacts.transfer import reap, upload
from freehold.kit.clock import SystemClock
from freehold.kit.problems import Problem
from freehold.lifecycle import proof, search
from freehold.operations.model import State
from freehold.records.artifacts import Artifact, StoredObject
from freehold.records.rules import Scope
from freehold.storage.blobs import open_objects
from tests.lifecycle.erase.site import Site

SIZES = pytest.mark.parametrize("size", [1_000, 3_000_000], ids=["small", "in parts"])


def _stored(site: Site) -> set[str]:
    store = site.folder / "store"
    return {path.relative_to(store).as_posix() for path in store.rglob("*") if path.is_file()}


def _send(site: Site, run_id: str, content: bytes, meanwhile: Callable[[], Any]) -> ArtifactView:
    """Half of the content, then `meanwhile`, then the rest."""

    async def pieces() -> AsyncIterator[bytes]:
        yield content[: len(content) // 2]
        await asyncio.to_thread(meanwhile)
        yield content[len(content) // 2 :]

    name, objects = ArtifactName("ExperimentRun", run_id, "sent.bin"), open_objects(site.settings)
    return asyncio.run(upload(site.database, objects, site.actor, site.workspace, name, pieces()))


@SIZES
def test_what_was_on_its_way_to_a_run_goes_with_it(plain_site: Site, size: int) -> None:
    """Also when it ends behind the certificate: nothing tells by its content whose it was."""
    site = plain_site
    run_id = site.run(site.experiment())
    seen: list[set[str]] = []

    def erase() -> None:
        assert site.erase(Scope.RUN, run_id).state is State.SUCCEEDED
        seen.append(_stored(site))

    with pytest.raises(Problem):
        _send(site, run_id, b"\x07" * size, erase)
    reap(site.database, open_objects(site.settings), SystemClock(), by_age=False)
    assert seen == [set()]
    assert _stored(site) == set()


@SIZES
def test_what_is_on_its_way_to_another_run_is_left_to_its_sender(plain_site: Site, size: int) -> None:
    """Though it speaks of what goes: it is a mention."""
    site = plain_site
    experiment = site.experiment()
    run_id, other = site.run(experiment), site.run(experiment)
    content = f"compared with {run_id}. ".encode() * (size // 40)

    def erase() -> None:
        done = site.erase(Scope.RUN, run_id)
        assert done.state is State.SUCCEEDED

    sent = _send(site, other, content, erase)
    assert sent.object_key in _stored(site)
    assert (site.folder / "store" / sent.object_key).read_bytes() == content


@pytest.mark.parametrize("point", ["erase:search:read", "erase:search:elsewhere"])
def test_what_comes_while_the_search_reads_is_no_residue(
    plain_site: Site, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    site = plain_site
    experiment = site.experiment()
    run_id, other = site.run(experiment), site.run(experiment)

    def passing(at: str) -> None:
        if at == point:
            site.artifact(other, "report.txt", f"compared with {run_id}".encode())

    monkeypatch.setattr(search, "passing", passing)
    site.erase(Scope.RUN, run_id)
    bench = SimpleNamespace(settings=site.settings, report=lambda said: None)
    needle = {"ids": [base64.b64encode(run_id.encode()).decode()], "values": []}
    found = search.search(bench, {"erasures": [needle], "born_at": 0})
    assert (found["residue_in"], found["residue_keys"]) == ([], [])


def test_only_what_nothing_owns_or_awaits_is_taken_for_a_late_upload(plain_site: Site) -> None:
    site = plain_site
    run_id = site.run(site.experiment())
    name = ArtifactName("ExperimentRun", run_id, "coming.txt")
    coming = site.database.write_now(lambda db: artifacts.begin_upload(db, site.workspace, name))
    owned = _stored(site)
    keys = [*owned, coming, "objects/aa/nobody"]
    assert site.database.write_now(lambda db: proof._doom_unowned(db, keys)) == ["objects/aa/nobody"]
    assert site.database.read_now(lambda db: queries.doomed_keys(db, limit=10)) == ["objects/aa/nobody"]


def test_bytes_whose_row_nothing_refers_to_are_no_mention(plain_site: Site) -> None:
    """A row is no owner by itself: whoever forgot it is not to hide what it holds."""
    site = plain_site
    experiment = site.experiment()
    run_id, other = site.run(experiment), site.run(experiment)
    before = _stored(site)
    site.artifact(other, "report.txt", f"compared with {run_id}".encode())
    (left,) = _stored(site) - before

    row = sa.select(StoredObject.c.row_id).where(StoredObject.c.object_key == left)
    forget = sa.delete(Artifact.table).where(Artifact.c.object_row.in_(row))
    site.database.write_now(lambda db: db.execute(forget))
    assert site.erase(Scope.RUN, run_id).state is State.SUCCEEDED
    assert left not in _stored(site)
    assert site.database.read_now(lambda db: db.execute(row).first()) is None


def test_a_failure_behind_the_last_byte_leaves_nothing(plain_site: Site) -> None:
    site = plain_site
    run_id = site.run(site.experiment())
    before, name = _stored(site), ArtifactName("ExperimentRun", run_id, "taken.txt")
    site.artifact(run_id, "taken.txt", b"first")
    kept = _stored(site)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"second"

    objects = open_objects(site.settings)
    with pytest.raises(Problem) as refused:
        asyncio.run(upload(site.database, objects, site.actor, site.workspace, name, pieces(), must_be_empty=True))
    assert refused.value.code == "BlobAlreadyExists"
    reap(site.database, objects, SystemClock(), by_age=False)
    assert _stored(site) == kept != before
