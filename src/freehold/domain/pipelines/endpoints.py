"""Pipeline endpoints: a lasting name over versions of pipelines, of which one is the default."""

from typing import Any, NamedTuple

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.pipelines import objects, rules, runs
from freehold.domain.pipelines.objects import NewObject, ObjectView
from freehold.domain.pipelines.published import Submission, submit
from freehold.domain.pipelines.runs import PipelineRunView
from freehold.kit.problems import Conflict, Invalid, NotFound
from freehold.storage.transaction import Transaction

KIND = rules.ENDPOINT
VERSIONS, DEFAULT = "PipelineVersionList", "DefaultVersion"
_FIRST = "0"


class EndpointChange(NamedTuple):
    """None leaves a thing as it is. `versions`: all of them, as (version, pipeline's id)."""

    name: str | None
    status: str | None
    versions: list[tuple[str, str]] | None
    default_version: str | None
    fields: dict[str, Any]


def create_endpoint(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, name: str, pipeline_id: str, document: dict[str, Any]
) -> ObjectView:
    """With one version, 0. Raises Conflict where the name is taken, NotFound for a pipeline that is not here."""
    _refuse_taken(db, workspace, name)
    objects.get(db, workspace, rules.PIPELINE, pipeline_id)
    versions = {VERSIONS: [{"Version": _FIRST, "PipelineId": pipeline_id}], DEFAULT: _FIRST}
    return objects.add(db, actor, workspace, KIND, NewObject(document | versions, name))


def change_endpoint(db: Transaction, workspace: WorkspaceRef, endpoint_id: str, change: EndpointChange) -> ObjectView:
    """Raises NotFound, Conflict, Invalid."""
    standing = objects.get(db, workspace, KIND, endpoint_id)
    if change.name is not None and change.name != standing.name:
        _refuse_taken(db, workspace, change.name)
    fields = dict(change.fields)
    held = [(each["Version"], each["PipelineId"]) for each in standing.document[VERSIONS]]
    versions = change.versions if change.versions is not None else held
    for version in versions:
        if version not in held:
            objects.get(db, workspace, rules.PIPELINE, version[1])
    default = change.default_version or standing.document[DEFAULT]
    _check(versions, default)
    fields |= {VERSIONS: [{"Version": version, "PipelineId": of} for version, of in versions], DEFAULT: default}
    return objects.change(db, workspace, KIND, endpoint_id, fields=fields, name=change.name, status=change.status)


def pipelines_of(db: Transaction, workspace: WorkspaceRef, endpoint_id: str, *, active_only: bool) -> list[ObjectView]:
    """Those of its versions that stand, the oldest version first."""
    endpoint = objects.get(db, workspace, KIND, endpoint_id)
    ids = dict.fromkeys(each["PipelineId"] for each in endpoint.document[VERSIONS])
    found = [objects.find(db, workspace, rules.PIPELINE, each) for each in ids]
    return [each for each in found if each is not None and (not active_only or each.status == rules.ACTIVE)]


def submit_endpoint(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, endpoint_id: str, version: str | None, said: Submission
) -> PipelineRunView:
    """A run of one of its versions, by itself the default. Raises NotFound, Conflict where it is disabled."""
    endpoint = objects.get(db, workspace, KIND, endpoint_id)
    runs.refuse_disabled(endpoint)
    wanted = version or endpoint.document[DEFAULT]
    for each in endpoint.document[VERSIONS]:
        if each["Version"] == wanted:
            return submit(db, actor, workspace, rules.PIPELINE, each["PipelineId"], said)
    raise NotFound("VersionNotFound", "The pipeline endpoint has no such version.", target="pipelineVersion")


def _refuse_taken(db: Transaction, workspace: WorkspaceRef, name: str) -> None:
    try:
        objects.get_by_name(db, workspace, KIND, name)
    except NotFound:
        return
    raise Conflict(
        "PipelineEndpointExists", "A pipeline endpoint of this name stands already. Use it, or another name."
    )


def _check(versions: list[tuple[str, str]], default: str) -> None:
    names = [version for version, _ in versions]
    if not names or len(set(names)) != len(names) or len(names) > rules.MOST_VERSIONS:
        message = f"A pipeline endpoint has 1 to {rules.MOST_VERSIONS} versions, each with a Version of its own."
        raise Invalid("InvalidVersions", message, target=VERSIONS)
    if default not in names:
        raise Invalid("UnknownVersion", "DefaultVersion names one of the versions.", target=DEFAULT)
