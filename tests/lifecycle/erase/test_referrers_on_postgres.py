"""On PostgreSQL, where many write at once: what refers to a thing, and what takes it away, see each other."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from freehold.domain.artifacts.service import ArtifactName, delete_artifact
from freehold.domain.artifacts.transfer import upload
from freehold.domain.assets.service import Entry, NewAsset, create_asset
from freehold.domain.images.service import NewImage, create_image
from freehold.domain.manifests.service import NewManifest, create_manifest
from freehold.domain.models.service import NewModel, register_model
from freehold.domain.runs.service import create_run
from freehold.domain.services.service import Change, NewService, change_service, create_service
from freehold.kit.problems import NotFound
from freehold.lifecycle.erase import StillNeeded, request_erasure
from freehold.lifecycle.reach import Reach
from freehold.lifecycle.removal import Removal
from freehold.lifecycle.selection import HIDDEN, Target, key_of
from freehold.lifecycle.targets import find_root, root_of
from freehold.records.artifacts import ObjectLedgerEntry, StoredObject
from freehold.records.catalogue import catalogue
from freehold.records.rules import Scope
from freehold.records.serving import ManifestModel
from freehold.storage.blobs import open_objects
from freehold.storage.transaction import Transaction
from tests.lifecycle.erase.lingering import Lingering
from tests.lifecycle.erase.site import Site, open_site
from tests.postgres import PostgresServer


@pytest.fixture
def site(tmp_path: Path, postgres: PostgresServer) -> Iterator[Site]:
    made = open_site(tmp_path / "data", url=postgres.make_database())
    yield made
    made.close()


@pytest.fixture
def model(site: Site) -> str:
    new = NewModel("digits", "http://x/y", {})
    return site.database.write_now(lambda db: register_model(db, site.actor, site.workspace, new)).model_id


def _manifest(db: Transaction, site: Site, model: str) -> object:
    return create_manifest(db, site.actor, site.workspace, NewManifest("man", [model], {}))


def _image(db: Transaction, site: Site, model: str) -> object:
    return create_image(db, site.actor, site.workspace, NewImage("img", [model], {}))


def _service(db: Transaction, site: Site, model: str) -> object:
    return create_service(db, site.actor, site.workspace, NewService("svc", "ACI", {}, model_names=[model]))


def _erase(db: Transaction, site: Site, scope: Scope, root_id: str) -> object:
    return request_erasure(db, site.engine, site.actor, site.workspace, scope, root_id)


Referring = Callable[[Transaction, Site, str], object]
REFERRING = [_manifest, _image, _service]


@pytest.mark.parametrize("refer", REFERRING)
def test_a_model_is_needed_by_what_is_about_to_be_committed(site: Site, model: str, refer: Referring) -> None:
    both = Lingering(site.database)
    both.first(lambda db: refer(db, site, model))
    with pytest.raises(StillNeeded):
        both.then(lambda db: _erase(db, site, Scope.MODEL, model))


@pytest.mark.parametrize("refer", REFERRING)
def test_nothing_new_refers_to_a_model_that_is_about_to_go(site: Site, model: str, refer: Referring) -> None:
    both = Lingering(site.database)
    both.first(lambda db: _erase(db, site, Scope.MODEL, model))
    with pytest.raises(NotFound):
        both.then(lambda db: refer(db, site, model))


def test_a_service_is_not_moved_to_an_image_that_is_about_to_go(site: Site) -> None:
    def make(db: Transaction) -> str:
        create_service(db, site.actor, site.workspace, NewService("svc", "ACI", {}))
        return create_image(db, site.actor, site.workspace, NewImage("img", [], {})).image_id

    image = site.database.write_now(make)
    both = Lingering(site.database)
    both.first(lambda db: _erase(db, site, Scope.IMAGE, image))
    with pytest.raises(NotFound):
        both.then(lambda db: change_service(db, site.workspace, "svc", Change(image_name=image)))


def test_what_stands_and_refused_to_lose_a_model_is_never_cut_from_it(site: Site, model: str) -> None:
    """However it came that the model is hidden: the removal fails, and the manifest keeps its model."""
    site.database.write_now(lambda db: _manifest(db, site, model))
    target = site.database.read_now(lambda db: find_root(db, site.workspace.workspace_id, Scope.MODEL, model))
    site.database.write_now(lambda db: _hide(db, target))
    with pytest.raises(sa.exc.IntegrityError):
        site.database.write_now(lambda db: _take(db, target, "models"))
    assert len(site.database.read_now(lambda db: db.execute(sa.select(ManifestModel.c.row_id)).all())) == 1


def test_bytes_go_whose_last_two_referrers_go_at_the_same_moment(site: Site) -> None:
    run, asset = _run_and_asset_of_one_object(site)
    here = site.workspace.workspace_id
    of_run = Target(Scope.RUN, here, (site.row_of("runs", "run_id", run),))
    of_asset = Target(Scope.ASSET, here, (site.row_of("assets", "asset_id", asset),))
    for each in (of_run, of_asset):
        site.database.write_now(partial(_hide, target=each))
    both = Lingering(site.database)
    both.first(lambda db: _take(db, of_run, "artifacts"))
    both.then(lambda db: _take(db, of_asset, "asset_files"))
    assert site.database.read_now(lambda db: db.execute(sa.select(StoredObject.c.row_id)).all()) == []
    doomed = site.database.read_now(lambda db: db.execute(sa.select(ObjectLedgerEntry.c.doomed_at)).scalars().all())
    assert len(doomed) == 1
    assert doomed[0] is not None


def test_bytes_go_whose_last_two_referrers_are_deleted_one_by_one(site: Site) -> None:
    """A file is deleted while the asset that counts its bytes is erased."""
    run, asset = _run_and_asset_of_one_object(site)
    here = site.workspace.workspace_id
    row = site.row_of("assets", "asset_id", asset)
    site.database.write_now(lambda db: _hide(db, Target(Scope.ASSET, here, (row,))))
    both = Lingering(site.database)
    both.first(lambda db: _take(db, Target(Scope.ASSET, here, (row,)), "asset_files"))
    both.then(lambda db: delete_artifact(db, site.workspace, ArtifactName("ExperimentRun", run, "m.bin")))
    assert site.database.read_now(lambda db: db.execute(sa.select(StoredObject.c.row_id)).all()) == []


def _run_and_asset_of_one_object(site: Site) -> tuple[str, str]:
    async def pieces() -> AsyncIterator[bytes]:
        yield secrets.token_bytes(5_000)

    experiment = site.experiment()
    run = site.database.write_now(lambda db: create_run(db, site.actor, site.workspace, experiment))
    name = ArtifactName("ExperimentRun", run, "m.bin")
    asyncio.run(upload(site.database, open_objects(site.settings), site.actor, site.workspace, name, pieces()))
    new = NewAsset("shared", [Entry("/".join(name), None)], {})
    return run, site.database.write_now(lambda db: create_asset(db, site.actor, site.workspace, new)).asset_id


def _hide(db: Transaction, target: Target) -> None:
    table = root_of(target.scope).table
    db.execute(sa.update(table).where(key_of(table).in_(target.root_rows)).values({HIDDEN: db.now()}))


def _take(db: Transaction, target: Target, table: str) -> object:
    """One turn of the rows of an erasure."""
    reach, record = Reach(target), catalogue()[table]
    also = frozenset(str(each.table.name) for each in reach.records())
    return Removal(record, reach.rows(record), also=also).remove(db, 100)
