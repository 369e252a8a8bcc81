"""What one can do with services. A service is named by its name, or by its id (2018)."""

import secrets as random
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.access.authors import Author, author_of
from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import Paging
from freehold.domain.documents.rules import check_name
from freehold.domain.documents.service import Labels, change_document, labels_of, new_document, put_labels, spread
from freehold.domain.images import service as images
from freehold.domain.images.service import ImageView
from freehold.domain.models import service as models
from freehold.domain.models.service import ModelView
from freehold.domain.notifications.rules import SERVICE
from freehold.domain.notifications.service import News, tell
from freehold.domain.secrets import rules as secret_rules
from freehold.domain.secrets import service as secrets
from freehold.domain.services import queries, rules
from freehold.domain.services.queries import ANY, Wanted
from freehold.kit.problems import Conflict, Invalid, NotFound
from freehold.records.serving import Service, ServiceModel
from freehold.storage.transaction import Transaction

KIND = "service"
LONGEST_NAME = 64
PRIMARY, SECONDARY = "primaryKey", "secondaryKey"
KEYS = (PRIMARY, SECONDARY)
MOST_MODELS = 100


class NewService(NamedTuple):
    """It runs an image, or models without one. `scoring_uri`: where somebody runs it already."""

    name: str
    compute_type: str
    document: dict[str, Any]
    image_name: str | None = None
    model_names: Sequence[str] = ()
    scoring_uri: str | None = None
    is_probed: bool = False
    tags: dict[str, str] | None = None
    properties: dict[str, str] | None = None


class ServiceView(NamedTuple):
    """Times are microseconds UTC. `models`: those that it runs without an image."""

    row_id: int
    service_id: str
    name: str
    compute_type: str
    state: str
    is_probed: bool
    scoring_uri: str | None
    image: ImageView | None
    models: list[ModelView]
    document: dict[str, Any]
    labels: Labels
    author: Author | None
    created_at: int
    updated_at: int


class FoundServices(NamedTuple):
    services: list[ServiceView]
    next_place: list[Any] | None


class Change(NamedTuple):
    """What to change of a service; None leaves it as it is. `document`: fields to set in it."""

    document: dict[str, Any] | None = None
    image_name: str | None = None
    model_names: Sequence[str] | None = None
    scoring_uri: str | None = None
    is_probed: bool | None = None
    tags: dict[str, str] | None = None
    properties: dict[str, str] | None = None


class Report(NamedTuple):
    state: str
    scoring_uri: str | None = None
    error: dict[str, Any] | None = None


class Keys(NamedTuple):
    primary: str
    secondary: str


def create_service(db: Transaction, actor: Actor, workspace: WorkspaceRef, new: NewService) -> ServiceView:
    """Raises Conflict where one of this name stands, NotFound for an image or a model that is not here, Invalid."""
    check_name(KIND, new.name, most=LONGEST_NAME)
    if queries.find(db, workspace.workspace_id, new.name) is not None:
        raise Conflict("ServiceExists", "A service of this name stands already. Update it, or delete it first.")
    image = images.get_image(db, workspace, new.image_name) if new.image_name else None
    model_rows = _models(db, workspace, new.model_names)
    document, hidden = secret_rules.part(new.document)
    values = new_document(db, actor, workspace) | {
        "service_id": db.new_id(),
        "name": new.name,
        "compute_type": rules.check_compute_type(new.compute_type),
        "state": rules.TRANSITIONING,
        "is_probed": new.is_probed,
        "scoring_uri": new.scoring_uri,
        "image_row": image.row_id if image else None,
        "document": document,
    }
    row_id = documents.add(db, workspace.workspace_id, Service, values)
    secrets.keep(db, workspace, Service, row_id, hidden | {name: _new_key() for name in KEYS})
    _run_models(db, workspace, row_id, model_rows)
    put_labels(db, workspace, Service, row_id, tags=new.tags, properties=new.properties)
    return get_service(db, workspace, new.name)


def get_service(db: Transaction, workspace: WorkspaceRef, name: str, *, opens: bool = False) -> ServiceView:
    """By name or id. `opens`: with the secrets of its document. Raises NotFound."""
    return _views(db, workspace, [_find(db, workspace, name)], opens=opens)[0]


def list_services(
    db: Transaction, workspace: WorkspaceRef, paging: Paging, wanted: Wanted = ANY, *, opens: bool = False
) -> FoundServices:
    page = queries.find_page(db, workspace.workspace_id, paging, wanted)
    return FoundServices(_views(db, workspace, page.rows, opens=opens), page.next_place)


def views_of(db: Transaction, workspace: WorkspaceRef, rows: Sequence[int]) -> dict[int, ServiceView]:
    """Row → view, of those that stand."""
    found = queries.find_rows(db, workspace.workspace_id, rows)
    return {view.row_id: view for view in _views(db, workspace, found)}


def change_service(db: Transaction, workspace: WorkspaceRef, name: str, change: Change) -> ServiceView:
    """A change of what it runs sets it moving again. Raises NotFound, Invalid."""
    row = _find(db, workspace, name)
    values: dict[str, Any] = {"updated_at": db.now()}
    if change.document is not None:
        document, hidden = secret_rules.part(change.document)
        kept = secrets.secrets_of(db, workspace, Service, [row.row_id])[row.row_id]
        secrets.keep(db, workspace, Service, row.row_id, kept | hidden)
        values["document"] = row.document | document
    if change.image_name is not None:
        values["image_row"] = images.get_image(db, workspace, change.image_name).row_id
        values["state"] = rules.TRANSITIONING
    if change.model_names is not None:
        model_rows = _models(db, workspace, change.model_names)
        documents.remove(db, workspace.workspace_id, ServiceModel, ServiceModel.c.service_row == row.row_id)
        _run_models(db, workspace, row.row_id, model_rows)
        values["state"] = rules.TRANSITIONING
    if change.scoring_uri is not None:
        values["scoring_uri"] = change.scoring_uri
    if change.is_probed is not None:
        values["is_probed"] = change.is_probed
    change_document(db, workspace, Service, row, values)
    put_labels(db, workspace, Service, row.row_id, tags=change.tags, properties=change.properties)
    return get_service(db, workspace, row.name)


def report_service(db: Transaction, workspace: WorkspaceRef, name: str, report: Report) -> ServiceView:
    """How it is, told by who runs it or by a probe; whoever made it is told of what is not well.

    Raises Conflict for a move that the life of a service does not have.
    """
    row = _find(db, workspace, name)
    rules.check_move(row.state, report.state)
    values: dict[str, Any] = {
        "state": report.state,
        "document": row.document | {"error": report.error},
        "updated_at": db.now(),
    }
    if report.scoring_uri is not None:
        values["scoring_uri"] = report.scoring_uri
    documents.change(db, workspace.workspace_id, Service, row.row_id, values)
    is_news = report.state in rules.TELLING or (report.state == rules.HEALTHY and row.state in rules.TELLING)
    if is_news and report.state != row.state:
        word = f"service {report.state.lower()}"
        tell(
            db,
            workspace.workspace_id,
            News(SERVICE, report.state, word, row.created_by, service_row=row.row_id, started_at=row.created_at),
        )
    return get_service(db, workspace, row.name)


def keys_of(db: Transaction, workspace: WorkspaceRef, name: str) -> Keys:
    row = _find(db, workspace, name)
    kept = secrets.secrets_of(db, workspace, Service, [row.row_id])[row.row_id]
    return Keys(kept.get(PRIMARY, ""), kept.get(SECONDARY, ""))


def renew_key(db: Transaction, workspace: WorkspaceRef, name: str, key: str, value: str | None = None) -> Keys:
    """`key`: Primary or Secondary, in any case. `value`: the key to set; a new one where it is None."""
    row = _find(db, workspace, name)
    wanted = {"primary": PRIMARY, "secondary": SECONDARY}.get(key.lower())
    if wanted is None:
        raise Invalid("InvalidKeyType", "keyType is Primary or Secondary.", target="keyType")
    kept = secrets.secrets_of(db, workspace, Service, [row.row_id])[row.row_id]
    secrets.keep(db, workspace, Service, row.row_id, kept | {wanted: value or _new_key()})
    return keys_of(db, workspace, row.name)


def _models(db: Transaction, workspace: WorkspaceRef, names: Sequence[str]) -> list[int]:
    """Their rows. Raises NotFound, Invalid."""
    if len(names) > MOST_MODELS:
        raise Invalid("TooManyModels", f"A service has at most {MOST_MODELS} models.", target="models")
    return list(dict.fromkeys(models.get_row(db, workspace, name) for name in names))


def _run_models(db: Transaction, workspace: WorkspaceRef, row_id: int, model_rows: Sequence[int]) -> None:
    for model_row in model_rows:
        documents.add(db, workspace.workspace_id, ServiceModel, {"service_row": row_id, "model_row": model_row})


def _new_key() -> str:
    return random.token_urlsafe(32)


def _find(db: Transaction, workspace: WorkspaceRef, name: str) -> sa.Row[Any]:
    row = queries.find(db, workspace.workspace_id, name)
    if row is None:
        raise NotFound("ServiceNotFound", "There is no service of this name in the workspace.")
    return row


def _views(
    db: Transaction, workspace: WorkspaceRef, rows: Sequence[sa.Row[Any]], *, opens: bool = False
) -> list[ServiceView]:
    kept = {row.row_id: row.document for row in rows}
    kept = secrets.with_secrets(db, workspace, Service, kept) if opens else kept
    held = {row.row_id: [model for (model,) in spread(row.model_rows)] for row in rows}
    of_models = models.views_of(db, workspace, sorted({row for each in held.values() for row in each}))
    of_images = images.views_of(db, workspace, [row.image_row for row in rows if row.image_row])
    return [
        ServiceView(
            row.row_id,
            row.service_id,
            row.name,
            row.compute_type,
            row.state,
            row.is_probed,
            row.scoring_uri,
            of_images.get(row.image_row),
            [of_models[each] for each in held[row.row_id] if each in of_models],
            kept[row.row_id],
            labels_of(row),
            author_of(db, row),
            row.created_at,
            row.updated_at,
        )
        for row in rows
    ]
