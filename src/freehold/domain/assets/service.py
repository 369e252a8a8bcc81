"""What one can do with assets. An asset counts the bytes it is made of, so they outlive the run they came from."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.access.authors import Author, author_of
from freehold.domain.artifacts.rules import ASSET_ORIGIN, RUN_ORIGIN
from freehold.domain.assets import queries
from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import ANY_LABELS, Having, Paging
from freehold.domain.documents.rules import check_text
from freehold.domain.documents.service import Labels, change_document, labels_of, new_document, put_labels, take_version
from freehold.domain.runs import queries as run_queries
from freehold.domain.runs import service as runs
from freehold.kit.problems import Invalid, NotFound
from freehold.records.assets import Asset
from freehold.storage.transaction import Transaction

KIND = "asset"
LONGEST_NAME = 255
MOST_FILES = 10_000
MOST_ENTRIES = 100
KEY, TAIL = "by", "tail"
"""Of a kept entry of a run: whether it is an `id` or a `prefix`, and what it says behind the run's container."""


class Entry(NamedTuple):
    """One of the `artifacts` of an asset as clients name them: by whole id, or by the beginning of it."""

    id: str | None
    prefix: str | None

    @property
    def name(self) -> str:
        return self.id or self.prefix or ""


class NewAsset(NamedTuple):
    name: str
    artifacts: Sequence[Entry]
    document: dict[str, Any]
    run_id: str | None = None
    tags: dict[str, str] | None = None
    properties: dict[str, str] | None = None


class AssetView(NamedTuple):
    """Times are microseconds UTC. `version` counts the assets of the name, from 1.

    `artifacts` as they are named now: by the asset itself once their run is erased, and where not all that are of runs
    are of the one that it is linked to, for no link tells when another goes.
    """

    row_id: int
    asset_id: str
    name: str
    version: int
    artifacts: list[dict[str, str]]
    document: dict[str, Any]
    run_id: str | None
    labels: Labels
    author: Author | None
    created_at: int
    updated_at: int


class FoundAssets(NamedTuple):
    assets: list[AssetView]
    next_place: list[Any] | None


def create_asset(db: Transaction, actor: Actor, workspace: WorkspaceRef, new: NewAsset) -> AssetView:
    """Raises Invalid for entries that name nothing that could be, NotFound for those of a run that is not here."""
    check_text("name", new.name, most=LONGEST_NAME)
    if not new.name or len(new.artifacts) > MOST_ENTRIES:
        raise Invalid("InvalidAsset", f"An asset has a name and at most {MOST_ENTRIES} artifacts.", target="name")
    values = new_document(db, actor, workspace)
    places = [_place(db, workspace, entry) for entry in new.artifacts]
    named_run = run_queries.find_writable(db, workspace.workspace_id, new.run_id) if new.run_id else None
    run_row = named_run[0] if named_run else next((place.run_row for place in places if place.run_row), None)
    asset_id = db.new_id().replace("-", "")
    row_id = documents.add(
        db,
        workspace.workspace_id,
        Asset,
        values | {"asset_id": asset_id, "name": new.name, "run_row": run_row, "document": {}},
    )
    owns = _take(db, workspace, row_id, places) and all(place.run_row in (None, run_row) for place in places)
    kept = {
        "version": take_version(db, workspace, KIND, new.name),
        "artifacts": [
            _kept(entry, is_of_run=place.run_row is not None)
            for entry, place in zip(new.artifacts, places, strict=True)
        ]
        if owns
        else [],
        "owns": owns,
        "ofRun": any(place.run_row for place in places),
        "given": new.document,
    }
    documents.change(db, workspace.workspace_id, Asset, row_id, {"document": kept})
    put_labels(db, workspace, Asset, row_id, tags=new.tags, properties=new.properties)
    return get_asset(db, workspace, asset_id)


def get_asset(db: Transaction, workspace: WorkspaceRef, asset_id: str) -> AssetView:
    found = find_asset(db, workspace, asset_id)
    if found is None:
        raise _missing()
    return found


def find_asset(db: Transaction, workspace: WorkspaceRef, asset_id: str) -> AssetView | None:
    row = queries.find(db, workspace.workspace_id, asset_id)
    return _views(db, [row])[0] if row else None


def list_assets(
    db: Transaction,
    workspace: WorkspaceRef,
    paging: Paging,
    *,
    name: str | None = None,
    run_id: str | None = None,
    labels: Having = ANY_LABELS,
) -> FoundAssets:
    run_row = runs.row_of(db, workspace, run_id) if run_id is not None else None
    page = queries.find_page(db, workspace.workspace_id, paging, name=name, run_row=run_row, labels=labels)
    return FoundAssets(_views(db, page.rows), page.next_place)


def files_of(db: Transaction, workspace: WorkspaceRef, found: Sequence[AssetView]) -> dict[int, list[str]]:
    """Row of an asset → paths of its files, at most MOST_FILES together."""
    paths: dict[int, list[str]] = {each.row_id: [] for each in found}
    for row in queries.files_of(db, workspace.workspace_id, list(paths), limit=MOST_FILES):
        paths[row.asset_row].append(row.path)
    return paths


def newest_of(db: Transaction, workspace: WorkspaceRef, found: Sequence[AssetView]) -> set[int]:
    """Rows of those that are the newest of their name."""
    return queries.newest_of(db, workspace.workspace_id, [each.name for each in found])


def views_of(db: Transaction, workspace: WorkspaceRef, rows: Sequence[int]) -> dict[int, AssetView]:
    """Row → view, of those that stand."""
    found = queries.find_rows(db, workspace.workspace_id, rows)
    return {view.row_id: view for view in _views(db, found)}


def change_asset(
    db: Transaction,
    workspace: WorkspaceRef,
    asset_id: str,
    *,
    document: dict[str, Any] | None = None,
    tags: dict[str, str] | None = None,
    properties: dict[str, str] | None = None,
) -> AssetView:
    row = queries.find(db, workspace.workspace_id, asset_id)
    if row is None:
        raise _missing()
    values: dict[str, Any] = {"updated_at": db.now()}
    if document is not None:
        values["document"] = row.document | {"given": document}
    change_document(db, workspace, Asset, row, values)
    put_labels(db, workspace, Asset, row.row_id, tags=tags, properties=properties)
    return get_asset(db, workspace, asset_id)


def name_by_links(db: Transaction, workspace_id: int) -> None:
    """For assets that came from an older release, whose documents named the runs that their artifacts are of."""
    for row_id, document in documents.saying(db, workspace_id, Asset, ["artifacts"], queries.says(f"{RUN_ORIGIN}/")):
        entries = [Entry(each.get("id"), each.get("prefix")) for each in document["artifacts"] if KEY not in each]
        containers = {each.name.split("/")[1] for each in entries if each.name.startswith(f"{RUN_ORIGIN}/")}
        for row in queries.find_rows(db, workspace_id, [row_id]) if containers else ():
            of_one = containers <= {row.run_id, row.run_container}
            made_of = [_kept(each, is_of_run=each.name.startswith(f"{RUN_ORIGIN}/")) for each in entries]
            said = {"artifacts": made_of if of_one else [], "owns": document["owns"] and of_one}
            documents.change(db, workspace_id, Asset, row_id, {"document": document | said})


def _missing() -> NotFound:
    return NotFound("AssetNotFound", "There is no asset with this id.")


class _Place(NamedTuple):
    origin: str
    container: str
    path: str
    run_row: int | None


def _place(db: Transaction, workspace: WorkspaceRef, entry: Entry) -> _Place:
    """Where the artifacts of an entry lie. An entry may name what was not uploaded yet: then it holds nothing."""
    origin, _, rest = entry.name.partition("/")
    container, _, path = rest.partition("/")
    if not origin or not container:
        message = "An artifact is named by `id` or `prefix`: origin/container/path."
        raise Invalid("InvalidArtifact", message, target="artifacts")
    if origin != RUN_ORIGIN:
        return _Place(origin, container, path, None)
    run_row = queries.run_of(db, workspace.workspace_id, container)
    if run_row is None:
        raise NotFound("RunNotFound", "There is no run whose artifacts this container holds.")
    return _Place(origin, queries.container_of(db, workspace.workspace_id, run_row), path, run_row)


def _take(db: Transaction, workspace: WorkspaceRef, row_id: int, places: Sequence[_Place]) -> bool:
    """Counts the bytes; gives whether every upload among them is this asset's own from now on."""
    is_one = len({(place.origin, place.container) for place in places}) <= 1
    owns = True
    for number, place in enumerate(places):
        below = "" if is_one else f"{number}/"
        where = (workspace.workspace_id, row_id, place.origin, place.container, place.path)
        files = queries.add_files(db, *where, below=below)
        if place.run_row is None:
            owns = queries.claim(db, *where) >= files and owns
    return owns


def _kept(entry: Entry, *, is_of_run: bool) -> dict[str, str]:
    """An entry of a run without the run's name, which the link tells as long as the run stands."""
    key = "id" if entry.id else "prefix"
    if not is_of_run:
        return {key: entry.name}
    return {KEY: key, TAIL: entry.name.removeprefix("/".join(entry.name.split("/")[:2]))}


def _views(db: Transaction, rows: Sequence[sa.Row[Any]]) -> list[AssetView]:
    return [_view(db, row) for row in rows]


def _view(db: Transaction, row: sa.Row[Any]) -> AssetView:
    kept = row.document
    stands_alone = not kept["owns"] or (kept["ofRun"] and row.run_id is None)
    return AssetView(
        row.row_id,
        row.asset_id,
        row.name,
        kept["version"],
        [{"prefix": f"{ASSET_ORIGIN}/{row.asset_id}"}] if stands_alone else [_named(row, e) for e in kept["artifacts"]],
        kept["given"],
        row.run_id,
        labels_of(row),
        author_of(db, row),
        row.created_at,
        row.updated_at,
    )


def _named(row: sa.Row[Any], kept: dict[str, str]) -> dict[str, str]:
    """An entry as clients name it."""
    return {kept[KEY]: f"{RUN_ORIGIN}/{row.run_container}{kept.get(TAIL, '')}"} if KEY in kept else kept
