"""What one can do with runs."""

from typing import Any

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.access.members import alias_of, member_of
from freehold.domain.experiments import queries as experiment_queries
from freehold.domain.experiments.service import ExperimentRef, ExperimentView
from freehold.domain.forgetting.service import erased, refuse_forgotten
from freehold.domain.holds.queries import lock_containers
from freehold.domain.holds.rules import written_in
from freehold.domain.holds.service import refuse_loss
from freehold.domain.notifications.rules import RUN
from freehold.domain.notifications.service import News, tell
from freehold.domain.runs import queries, rules
from freehold.domain.runs.parents import PARENT_TAG, new_parent, row_of_parent, without_erased
from freehold.domain.runs.views import USER_TAG, RunView, views
from freehold.kit.problems import Conflict, Invalid, NotFound
from freehold.records.runs import Run, RunParameter, RunProperty, RunTag
from freehold.storage.transaction import Transaction

CONTAINER_PREFIX = "dcid."
NO_ROW = -1


def create_run(
    db: Transaction,
    actor: Actor,
    workspace: WorkspaceRef,
    experiment: ExperimentView | ExperimentRef,
    *,
    run_id: str | None = None,
    name: str = "",
    status: str = "Running",
    started_at: int | None = None,
    parent_run_id: str | None = None,
    user: str | None = None,
    tags: dict[str, str] | None = None,
    fields: dict[str, Any] | None = None,
) -> str:
    """Make a run and give its id. `user` (or the tag mlflow.user) is interned as an alias of the member.

    `fields` are further columns of the run's row (description, run_type, target, script_name, details …).
    Raises Conflict when the experiment is archived, or the id or the artifacts' container stands already, NotFound when
    either was erased.
    """
    if experiment.archived_at is not None:
        raise Conflict("ExperimentArchived", "The experiment is archived or deleted. Restore it to log into it.")
    run_id, container = _new_or_checked_names(db, workspace, run_id, (fields or {}).get("data_container_id"))
    tags = dict(tags or {})
    rules.check_name(name)
    rules.check_status(status)
    rules.check_map("tag", tags, rules.LONGEST_TAG)
    member = member_of(db, actor, workspace.workspace_id)
    written = tags.pop(USER_TAG, None) or user
    alias = alias_of(db, workspace.workspace_id, member, written) if written else None
    parent = row_of_parent(db, workspace, parent_run_id or tags.get(PARENT_TAG))
    values = {
        "experiment_row": experiment.row_id,
        "parent_row": parent,
        "run_id": run_id,
        "run_number": experiment_queries.take_run_number(db, workspace.workspace_id, experiment.row_id),
        "name": name,
        "status": status,
        "data_container_id": container,
        "hidden_in_lists": False,
        "created_by": member,
        "author_alias": alias,
        "created_at": db.now(),
        "started_at": started_at,
    }
    row_id = queries.add(db, workspace.workspace_id, values | (fields or {}))
    if status in rules.ENDS:
        _tell_end(db, workspace, row_id, status)
    queries.put_entries(db, workspace.workspace_id, RunTag, row_id, without_erased(db, workspace, RunTag, tags))
    return run_id


def get_run(db: Transaction, workspace: WorkspaceRef, run_id: str) -> RunView:
    """Also one that MLflow's delete has set aside. Raises NotFound."""
    found = find_run(db, workspace, run_id)
    if found is None:
        raise NotFound("RunNotFound", "There is no run with this id in the workspace.")
    return found


def find_run(db: Transaction, workspace: WorkspaceRef, run_id: str) -> RunView | None:
    row = queries.find(db, workspace.workspace_id, run_id)
    return views(db, workspace, [row])[0] if row else None


def open_run(db: Transaction, workspace: WorkspaceRef, run_id: str) -> int:
    """The row of a run that may be written to. Raises NotFound, or Conflict when it is set aside as deleted."""
    found = queries.find_writable(db, workspace.workspace_id, run_id)
    if found is None:
        raise NotFound("RunNotFound", "There is no run with this id in the workspace.")
    row_id, deleted_at = found
    if deleted_at is not None:
        raise Conflict("RunDeleted", "This run is deleted. Restore it before you write to it.")
    return row_id


def row_of(db: Transaction, workspace: WorkspaceRef, run_id: str) -> int:
    """The row of a run, for lists that ask for what belongs to it; one that no row has where it is not here."""
    found = queries.find_writable(db, workspace.workspace_id, run_id)
    return found[0] if found else NO_ROW


def change_run(db: Transaction, workspace: WorkspaceRef, run_id: str, fields: dict[str, Any]) -> None:
    """Set columns of the run's row: name, status, started_at, ended_at, description, details …

    Raises NotFound, Conflict, Invalid, UnderHold where a hold keeps what stands in one.
    """
    row_id = open_run(db, workspace, run_id)
    _refuse_loss_of_columns(db, workspace, row_id, fields)
    if "status" in fields:
        rules.check_status(fields["status"])
    rules.check_name(fields.get("name") or "")
    rules.check_details(fields.get("details") or {})
    ends = fields.get("status") in rules.ENDS and queries.status_of(db, workspace.workspace_id, row_id)
    queries.change(db, workspace.workspace_id, row_id, fields)
    if ends and ends != fields["status"]:
        _tell_end(db, workspace, row_id, fields["status"])


def _refuse_loss_of_columns(db: Transaction, workspace: WorkspaceRef, row_id: int, fields: dict[str, Any]) -> None:
    written = written_in(fields)
    run = queries.find_by_row(db, workspace.workspace_id, row_id) if written else None
    if run is not None:
        standing = written_in({name: run._mapping[name] for name in fields})
        refuse_loss(db, workspace, Run, row_id, standing, written)


def _tell_end(db: Transaction, workspace: WorkspaceRef, row_id: int, status: str) -> None:
    """Whoever made the run is told."""
    run = queries.find_by_row(db, workspace.workspace_id, row_id)
    if run is not None:
        moments = {"started_at": run.started_at or run.created_at, "ended_at": run.ended_at or db.now()}
        news = News(RUN, status, f"run {status.lower()}", run.created_by, run_row=row_id, **moments)
        tell(db, workspace.workspace_id, news)


def set_tags(db: Transaction, actor: Actor, workspace: WorkspaceRef, run_id: str, tags: dict[str, str]) -> None:
    """Also `mlflow.user`, which becomes the run's author, and the tag that names a parent, whose child it becomes.

    Raises UnderHold where a hold keeps the value of one that stands.
    """
    rules.check_map("tag", tags, rules.LONGEST_TAG)
    row_id = open_run(db, workspace, run_id)
    others = {key: value for key, value in tags.items() if key != USER_TAG}
    if USER_TAG in tags:
        author = _author_tag(db, workspace, row_id)
        refuse_loss(db, workspace, Run, row_id, author, tags)
        member = member_of(db, actor, workspace.workspace_id)
        alias = alias_of(db, workspace.workspace_id, member, tags[USER_TAG])
        queries.change_author(db, workspace.workspace_id, row_id, alias)
    parent = new_parent(db, workspace, row_id, tags.get(PARENT_TAG))
    if parent is not None:
        queries.change(db, workspace.workspace_id, row_id, {"parent_row": parent})
    _put(db, workspace, RunTag, row_id, without_erased(db, workspace, RunTag, others))


def remove_tags(db: Transaction, workspace: WorkspaceRef, run_id: str, keys: list[str]) -> int:
    """How many of the tags stood. Raises UnderHold."""
    row_id = open_run(db, workspace, run_id)
    going = queries.standing_entries(db, workspace.workspace_id, RunTag, row_id, keys)
    author = _author_tag(db, workspace, row_id) if USER_TAG in keys else {}
    refuse_loss(db, workspace, Run, row_id, going | author, {})
    removed = queries.remove_tags(db, workspace.workspace_id, row_id, keys)
    if USER_TAG in keys:
        queries.change_author(db, workspace.workspace_id, row_id, None)
        removed += 1
    return removed


def set_properties(db: Transaction, workspace: WorkspaceRef, run_id: str, properties: dict[str, str]) -> None:
    """Raises UnderHold where a hold keeps the value of one that stands."""
    rules.check_map("property", properties, rules.LONGEST_TAG)
    row_id = open_run(db, workspace, run_id)
    _put(db, workspace, RunProperty, row_id, without_erased(db, workspace, RunProperty, properties))


def _put(
    db: Transaction,
    workspace: WorkspaceRef,
    record: type[RunTag] | type[RunProperty],
    row_id: int,
    entries: dict[str, str],
) -> None:
    standing = queries.standing_entries(db, workspace.workspace_id, record, row_id, list(entries))
    refuse_loss(db, workspace, Run, row_id, standing, entries)
    queries.put_entries(db, workspace.workspace_id, record, row_id, entries)


def _author_tag(db: Transaction, workspace: WorkspaceRef, row_id: int) -> dict[str, str]:
    run = queries.find_by_row(db, workspace.workspace_id, row_id)
    return {USER_TAG: run.author} if run is not None and run.author is not None else {}


def log_parameters(db: Transaction, workspace: WorkspaceRef, run_id: str, parameters: list[tuple[str, str]]) -> None:
    """All or none. Raises Conflict where a parameter stands with another value."""
    row_id = open_run(db, workspace, run_id)
    wanted: dict[str, str] = {}
    standing = queries.entries_of(db, workspace.workspace_id, [row_id])[row_id].parameters
    for key, value in parameters:
        rules.check_same_parameter(key, wanted.get(key, standing.get(key, value)), value)
        wanted[key] = value
    rules.check_map("parameter", wanted, rules.LONGEST_PARAMETER)
    queries.put_entries(db, workspace.workspace_id, RunParameter, row_id, wanted)


def delete_run(db: Transaction, workspace: WorkspaceRef, run_id: str) -> None:
    """MLflow's delete: set aside, restorable. An erasure is another thing (lifecycle)."""
    run = get_run(db, workspace, run_id)
    if run.deleted_at is None:
        queries.change(db, workspace.workspace_id, run.row_id, {"deleted_at": db.now()})


def restore_run(db: Transaction, workspace: WorkspaceRef, run_id: str) -> None:
    """An erasure that is about to be committed is waited for: what it takes is not said to be back. Raises NotFound."""
    lock_containers(db, workspace.workspace_id, shared=True)
    run = get_run(db, workspace, run_id)
    queries.change(db, workspace.workspace_id, run.row_id, {"deleted_at": None})


def record_event(db: Transaction, workspace: WorkspaceRef, run_id: str, name: str, data: Any, at: int | None) -> None:
    if not name or len(name) > rules.LONGEST_KEY:
        raise Invalid("InvalidEvent", f"An event's name has 1 to {rules.LONGEST_KEY} characters.", target="name")
    queries.add_event(db, workspace.workspace_id, open_run(db, workspace, run_id), name, data, at or db.now())


def _new_or_checked_names(
    db: Transaction, workspace: WorkspaceRef, run_id: str | None, container: str | None
) -> tuple[str, str]:
    """A run's id and its artifacts' container: either names the artifacts, so no other run may have it as either."""
    if run_id is None:
        run_id = db.new_id().replace("-", "")
        if container is None:
            return run_id, CONTAINER_PREFIX + run_id
    rules.check_run_id(run_id)
    refuse_forgotten(db, "run", workspace.public_id, run_id)
    if container is not None:
        refuse_forgotten(db, "run", workspace.public_id, container.removeprefix(CONTAINER_PREFIX))
    container = container or CONTAINER_PREFIX + run_id
    alike = queries.named_so(db, workspace.workspace_id, run_id, container)
    if any(each.run_id == run_id for each in alike):
        if queries.find_writable(db, workspace.workspace_id, run_id) is None:
            raise erased("run")  # hidden: its row stands until the erasure has come to it
        raise Conflict("RunExists", "A run with this id stands already.")
    if alike:
        message = "Artifacts of another run go by this id or dataContainerId. Use a new id, and no dataContainerId."
        raise Conflict("ArtifactContainerExists", message)
    return run_id, container
