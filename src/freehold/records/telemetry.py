"""Telemetry: what people did with the workspace's lifecycle. It stays on this server."""

from collections.abc import Iterator

from sqlalchemy import Index, UniqueConstraint

from freehold.records.catalogue import Record
from freehold.records.columns import key, link, moment, plain, text, workspace
from freehold.records.rules import (
    WORKSPACE_ONLY,
    Container,
    LinkKind,
    Removed,
    Retention,
    Rows,
    Rules,
    Writes,
)


class TelemetryRecord(
    Record,
    table="telemetry_records",
    rules=Rules(
        Container.WORKSPACE,
        Rows(WORKSPACE_ONLY),
        Removed(),
        Writes.APPEND_ONLY,
        Retention("90 days", days=90, since="happened_at"),
    ),
):
    """One interaction of one member: which kind, when. No argument, no name."""

    row_id = key()
    workspace_id = workspace()
    member_row = link("members", LinkKind.DECORRELATE, null=True)
    interaction = text(plain())
    happened_at = moment()

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield Index(None, "happened_at")
