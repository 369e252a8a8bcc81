"""What a workspace has decided about how long its runs are kept."""

from collections.abc import Iterator

from sqlalchemy import Index, UniqueConstraint

from freehold.records.catalogue import Record
from freehold.records.columns import integer, json, key, link, moment, plain, text, workspace
from freehold.records.rules import (
    KEPT_UNTIL_ERASED,
    Container,
    LinkKind,
    Removed,
    Rules,
    Withheld,
    Writes,
)


class RetentionPolicy(
    Record,
    table="retention_policies",
    rules=Rules(
        Container.WORKSPACE,
        Withheld(because="how long content is kept is decided where it lies, not by whoever reads the bag"),
        Removed(),
        Writes.GROWING,
        KEPT_UNTIL_ERASED,
    ),
):
    """One version of a workspace's retention policy; in force while `ended_at` is null, at most one at a time.

    `looked_at`: when it was last looked what is due, `even_since`: from when on those looks followed each other as
    time does, `next_at`: when to look again. `operation_id`: the last erasure that it asked for, a random id.
    """

    row_id = key()
    workspace_id = workspace()
    version = integer()
    document = json(plain())
    changed_by = link("members", LinkKind.DECORRELATE, null=True, index=True)
    operation_id = text(plain(), null=True)
    created_at = moment()
    ended_at = moment(null=True)
    looked_at = moment()
    even_since = moment()
    next_at = moment()

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("workspace_id", "version")
