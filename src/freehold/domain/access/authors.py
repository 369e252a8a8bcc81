"""Who made a thing, as façades print it: the person joined in from the directory, or only the pseudonym."""

from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from freehold.domain.access.directory.service import PROFILE_CONTEXT
from freehold.storage.keys import KeyGone
from freehold.storage.transaction import Transaction


class Author(NamedTuple):
    """The person behind `created_by`, or only the pseudonym when the person was forgotten."""

    object_id: str | None
    tenant_id: str | None
    name: str
    member_id: str


def author_of(db: Transaction, row: sa.Row[Any]) -> Author | None:
    """Of a row with `queries.AUTHOR_COLUMNS`."""
    if row.creator_member_id is None:
        return None
    if row.creator_object_id is None:
        return Author(None, None, row.creator_member_id, row.creator_member_id)
    return Author(row.creator_object_id, row.creator_tenant_id, _name(db, row.creator_profile), row.creator_member_id)


def _name(db: Transaction, profile: bytes) -> str:
    """Empty where the profile came with a backup that is older than the destruction of its envelope key."""
    try:
        opened = db.keys.envelope.open_(profile, PROFILE_CONTEXT)
    except KeyGone:
        return ""
    return msgspec.json.decode(opened, type=dict[str, str]).get("display_name", "")
