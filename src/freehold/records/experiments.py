"""Experiments and their tags."""

from collections.abc import Iterator

from sqlalchemy import Index, UniqueConstraint

from freehold.records.catalogue import Record
from freehold.records.columns import integer, key, link, moment, plain, text, workspace
from freehold.records.rules import (
    HISTORY,
    KEPT_UNTIL_ERASED,
    Container,
    LinkKind,
    Removed,
    Rows,
    Rules,
    Writes,
)

_CONTENT = Rules(Container.WORKSPACE, Rows(HISTORY), Removed(), Writes.GROWING, KEPT_UNTIL_ERASED)


class Experiment(Record, table="experiments", rules=_CONTENT):
    """`archived_at`: archived (Azure) or deleted but restorable (MLflow). `deleted_at`: the second of them, for what
    is archived is only put out of sight and nothing may erase it by itself. `hidden_at`: an erasure has begun.

    `next_run_number` is a counter that goes on after a run is erased.
    """

    row_id = key()
    workspace_id = workspace()
    experiment_id = text(plain())
    name = text(plain())
    description = text(plain(), null=True, address=True)
    next_run_number = integer()
    created_by = link("members", LinkKind.DECORRELATE, null=True, index=True)
    created_at = moment()
    updated_at = moment()
    archived_at = moment(null=True)
    deleted_at = moment(null=True)
    hidden_at = moment(null=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("workspace_id", "experiment_id")
        yield UniqueConstraint("workspace_id", "name")
        yield Index(None, "workspace_id", "row_id")


class ExperimentTag(Record, table="experiment_tags", rules=_CONTENT):
    row_id = key()
    workspace_id = workspace()
    experiment_row = link("experiments", LinkKind.DEEP)
    key = text(plain())
    value = text(plain(), address=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("workspace_id", "experiment_row", "key")
