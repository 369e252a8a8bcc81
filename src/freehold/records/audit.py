"""The audit log: an entry can be erased, its leaf stays, so the log remains whole without telling."""

from freehold.records.catalogue import Record
from freehold.records.columns import blob, key, link, moment, plain, text, workspace
from freehold.records.rules import (
    KEPT_UNTIL_ERASED,
    WORKSPACE_ONLY,
    Container,
    LinkKind,
    Removed,
    Retained,
    Rows,
    Rules,
    Withheld,
    Writes,
)


class LogLeaf(
    Record,
    table="log_leaves",
    rules=Rules(
        Container.SERVER,
        Withheld(because="leaves are salted digests; they prove the order of the log, not its content"),
        Retained(
            because="a leaf without its entry and salt tells nothing",
            basis="integrity of the log",
        ),
        Writes.APPEND_ONLY,
        KEPT_UNTIL_ERASED,
    ),
):
    """H(salt ‖ entry), in order."""

    row_id = key()
    leaf = blob(plain())
    created_at = moment()


class AuditEntry(
    Record,
    table="audit_entries",
    rules=Rules(
        Container.WORKSPACE,
        Rows(WORKSPACE_ONLY),
        Removed(),
        Writes.APPEND_ONLY,
        KEPT_UNTIL_ERASED,
    ),
):
    """Who did what: ids only, never a name. `target_id` is the random id of an operation's target, if any."""

    row_id = key()
    workspace_id = workspace()
    leaf_row = link(
        "log_leaves",
        LinkKind.RETAIN,
        because="the leaf keeps the log whole after the entry is gone",
        basis="integrity of the log",
    )
    salt = blob(plain())
    action = text(plain())
    target_id = text(plain(), null=True)
    member_row = link("members", LinkKind.DECORRELATE, null=True)
    happened_at = moment()
