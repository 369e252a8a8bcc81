"""Runs, their parameters, tags, properties and events."""

from collections.abc import Iterator

from sqlalchemy import Index, UniqueConstraint

from freehold.records.catalogue import Record
from freehold.records.columns import (
    flag,
    integer,
    json,
    key,
    link,
    moment,
    plain,
    text,
    workspace,
)
from freehold.records.rules import (
    HISTORY,
    KEPT_UNTIL_ERASED,
    Container,
    LinkKind,
    Removed,
    Repeats,
    Rows,
    Rules,
    Writes,
)

_PARENT_TAGS = Repeats("run_row", "parent_row", "key", frozenset({"mlflow.parentRunId", "mlflow.rootRunId"}))
"""As MLflow's clients name a parent, and Azure's and Databricks' servers the top of its line (`mlflow.rootRunId`)."""
_PARENT_PROPERTIES = Repeats(
    "run_row", "parent_row", "key", frozenset({"azureml.pipelinerunid", "azureml.rootpipelinerunid"})
)
"""As Azure's pipeline service wrote into a step's properties which pipeline run it belongs to."""
_CONTENT = Rules(Container.WORKSPACE, Rows(HISTORY), Removed(), Writes.GROWING, KEPT_UNTIL_ERASED)


class Run(Record, table="runs", rules=_CONTENT):
    """`deleted_at`: MLflow's delete, restorable. `hidden_at`: an erasure has begun and the run reads as 404.

    `author_alias` is the name that the client wrote for its user (`mlflow.user`), interned as an alias of the
    member; the alias goes with the last run that bears it. `details` holds what only the Azure façade reads: run
    definition, error, warnings, lineage.
    """

    row_id = key()
    workspace_id = workspace()
    experiment_row = link("experiments", LinkKind.DEEP)
    parent_row = link("runs", LinkKind.SHALLOW, null=True, index=True)
    run_id = text(plain())
    run_number = integer()
    name = text(plain())
    description = text(plain(), null=True, address=True)
    status = text(plain())
    run_type = text(plain(), null=True)
    target = text(plain(), null=True, address=True)
    script_name = text(plain(), null=True, address=True)
    data_container_id = text(plain())
    details = json(plain(), null=True)
    hidden_in_lists = flag()
    created_by = link("members", LinkKind.DECORRELATE, null=True, index=True)
    author_alias = link("member_aliases", LinkKind.REFCOUNT, null=True, index=True)
    created_at = moment()
    started_at = moment(null=True)
    ended_at = moment(null=True)
    deleted_at = moment(null=True)
    hidden_at = moment(null=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("workspace_id", "run_id")
        yield UniqueConstraint("workspace_id", "data_container_id")
        yield Index(None, "experiment_row", "started_at")
        yield Index(None, "experiment_row", "row_id")
        yield Index(None, "experiment_row", "created_at", "row_id")
        yield Index(None, "workspace_id", "row_id")


class RunParameter(Record, table="run_parameters", rules=_CONTENT):
    row_id = key()
    workspace_id = workspace()
    run_row = link("runs", LinkKind.DEEP)
    key = text(plain())
    value = text(plain(), address=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("run_row", "key", "workspace_id")


class RunTag(Record, table="run_tags", rules=_CONTENT):
    row_id = key()
    workspace_id = workspace()
    run_row = link("runs", LinkKind.DEEP)
    key = text(plain())
    value = text(plain(), repeats=_PARENT_TAGS, address=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("run_row", "key", "workspace_id")


class RunProperty(Record, table="run_properties", rules=_CONTENT):
    """Azure's immutable-by-convention string map beside the tags. The SDK says there where code lies."""

    row_id = key()
    workspace_id = workspace()
    run_row = link("runs", LinkKind.DEEP)
    key = text(plain())
    value = text(plain(), repeats=_PARENT_PROPERTIES, address=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("run_row", "key", "workspace_id")


class RunEvent(Record, table="run_events", rules=_CONTENT):
    """What a client reported: `Microsoft.MachineLearning.Run.Start` and the like, in order of arrival."""

    row_id = key()
    workspace_id = workspace()
    run_row = link("runs", LinkKind.DEEP, index=True)
    name = text(plain())
    data = json(plain(), null=True)
    happened_at = moment()
