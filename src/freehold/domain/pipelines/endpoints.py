"""Pipeline endpoints: a lasting name over versions of pipelines, of which one is the default."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import Paging
from freehold.domain.holds.service import refuse_loss
from freehold.domain.pipelines import objects, queries, rules, runs
from freehold.domain.pipelines.objects import NewObject, ObjectView
from freehold.domain.pipelines.published import Submission, submit
from freehold.domain.pipelines.queries import Wanted
from freehold.domain.pipelines.runs import PipelineRunView
from freehold.kit.problems import Conflict, Invalid, NotFound
from freehold.records.pipelines import PipelineObject
from freehold.storage.transaction import Transaction

KIND = rules.ENDPOINT
VERSIONS, DEFAULT = "PipelineVersionList", "DefaultVersion"
_FIRST = "0"


class Version(NamedTuple):
    """`pipeline_id`, `pipeline_row`: None where its pipeline does not stand any more."""

    name: str
    pipeline_id: str | None
    pipeline_row: int | None


class EndpointView(NamedTuple):
    """The object, and all of its versions, as they were given."""

    object: ObjectView
    versions: list[Version]

    @property
    def default(self) -> str:
        return str(self.object.document[DEFAULT])

    @property
    def shown(self) -> list[tuple[str, str]]:
        """Name and pipeline's id, of those that can be submitted."""
        return [(each.name, each.pipeline_id) for each in self.versions if each.pipeline_id is not None]


class FoundEndpoints(NamedTuple):
    endpoints: list[EndpointView]
    next_place: list[Any] | None


class EndpointChange(NamedTuple):
    """None leaves a thing as it is. `versions`: all of them, as (version, pipeline's id)."""

    name: str | None
    status: str | None
    versions: list[tuple[str, str]] | None
    default_version: str | None
    fields: dict[str, Any]


def create_endpoint(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, name: str, pipeline_id: str, document: dict[str, Any]
) -> EndpointView:
    """With one version, 0. Raises Conflict where the name is taken, NotFound for a pipeline that is not here."""
    _refuse_taken(db, workspace, name)
    pipeline = objects.get(db, workspace, rules.PIPELINE, pipeline_id)
    made = objects.add(db, actor, workspace, KIND, NewObject(document | {DEFAULT: _FIRST}, name))
    queries.put_versions(db, workspace.workspace_id, made.row_id, [(_FIRST, pipeline.row_id)])
    return _view(db, workspace, made)


def get_endpoint(db: Transaction, workspace: WorkspaceRef, endpoint_id: str) -> EndpointView:
    """Raises NotFound."""
    return _view(db, workspace, objects.get(db, workspace, KIND, endpoint_id))


def get_endpoint_by_name(db: Transaction, workspace: WorkspaceRef, name: str) -> EndpointView:
    """Raises NotFound."""
    return _view(db, workspace, objects.get_by_name(db, workspace, KIND, name))


def list_endpoints(db: Transaction, workspace: WorkspaceRef, paging: Paging, wanted: Wanted) -> FoundEndpoints:
    found = objects.list_objects(db, workspace, KIND, paging, wanted)
    return FoundEndpoints(_views(db, workspace, found.objects), found.next_place)


def change_endpoint(db: Transaction, workspace: WorkspaceRef, endpoint_id: str, change: EndpointChange) -> EndpointView:
    """Raises NotFound, Conflict, Invalid."""
    standing = get_endpoint(db, workspace, endpoint_id)
    if change.name is not None and change.name != standing.object.name:
        _refuse_taken(db, workspace, change.name)
    _change_versions(db, workspace, standing, change)
    fields = change.fields | {DEFAULT: change.default_version}
    changed = objects.change(db, workspace, KIND, endpoint_id, fields=fields, name=change.name, status=change.status)
    return _view(db, workspace, changed)


def pipelines_of(db: Transaction, workspace: WorkspaceRef, endpoint_id: str, *, active_only: bool) -> list[ObjectView]:
    """Those of its versions that stand, the oldest version first."""
    versions = get_endpoint(db, workspace, endpoint_id).versions
    rows = list(dict.fromkeys(each.pipeline_row for each in versions if each.pipeline_row is not None))
    found = objects.views_of(db, workspace, rows, rules.PIPELINE)
    return [found[row] for row in rows if row in found and (not active_only or found[row].status == rules.ACTIVE)]


def submit_endpoint(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, endpoint_id: str, version: str | None, said: Submission
) -> PipelineRunView:
    """A run of one of its versions, by itself the default. Raises NotFound, Conflict where it is disabled."""
    endpoint = get_endpoint(db, workspace, endpoint_id)
    runs.refuse_disabled(endpoint.object)
    wanted = version or endpoint.default
    for each in endpoint.versions:
        if each.name == wanted and each.pipeline_id is not None:
            return submit(db, actor, workspace, rules.PIPELINE, each.pipeline_id, said)
    raise NotFound("VersionNotFound", "The pipeline endpoint has no such version.", target="pipelineVersion")


def link_versions(db: Transaction, workspace_id: int) -> None:
    """For endpoints that came from an older release, whose documents named the pipelines."""
    is_endpoint = PipelineObject.c.kind == KIND
    for row_id, document in documents.saying(db, workspace_id, PipelineObject, [VERSIONS], is_endpoint):
        found = {
            each["Version"]: queries.find_row(db, workspace_id, rules.PIPELINE, each["PipelineId"])
            for each in document[VERSIONS]
        }
        queries.put_versions(db, workspace_id, row_id, list(found.items()))
        kept = {name: value for name, value in document.items() if name != VERSIONS}
        documents.change(db, workspace_id, PipelineObject, row_id, {"document": kept})


def _change_versions(db: Transaction, workspace: WorkspaceRef, standing: EndpointView, change: EndpointChange) -> None:
    """Names whose pipelines are gone stay beside those given: no client can send what it was not shown."""
    given = change.versions if change.versions is not None else standing.shown
    names = [name for name, _ in given]
    emptied = [each.name for each in standing.versions if each.pipeline_id is None and each.name not in names]
    default = change.default_version or standing.default
    if default not in [*names, *emptied]:
        raise Invalid("UnknownVersion", "DefaultVersion names one of the versions.", target=DEFAULT)
    if given == standing.shown:
        return
    _check(names)
    row_id = standing.object.row_id
    refuse_loss(db, workspace, PipelineObject, row_id, {VERSIONS: standing.shown}, {VERSIONS: given})
    rows = [(name, objects.get(db, workspace, rules.PIPELINE, of).row_id) for name, of in given]
    queries.put_versions(db, workspace.workspace_id, row_id, [*((name, None) for name in emptied), *rows])


def _view(db: Transaction, workspace: WorkspaceRef, found: ObjectView) -> EndpointView:
    return _views(db, workspace, [found])[0]


def _views(db: Transaction, workspace: WorkspaceRef, found: Sequence[ObjectView]) -> list[EndpointView]:
    versions: dict[int, list[Version]] = defaultdict(list)
    for row in queries.versions_of_endpoints(db, workspace.workspace_id, [each.row_id for each in found]):
        versions[row.endpoint_row].append(Version(row.version_name, row.pipeline_object_id, row.pipeline_row))
    return [EndpointView(each, versions[each.row_id]) for each in found]


def _refuse_taken(db: Transaction, workspace: WorkspaceRef, name: str) -> None:
    try:
        objects.get_by_name(db, workspace, KIND, name)
    except NotFound:
        return
    raise Conflict(
        "PipelineEndpointExists", "A pipeline endpoint of this name stands already. Use it, or another name."
    )


def _check(names: Sequence[str]) -> None:
    if not names or len(set(names)) != len(names) or len(names) > rules.MOST_VERSIONS:
        message = f"A pipeline endpoint has 1 to {rules.MOST_VERSIONS} versions, each with a Version of its own."
        raise Invalid("InvalidVersions", message, target=VERSIONS)
