"""A person in one workspace: a random id that records refer to, and the names clients write for them."""

from freehold.domain.access import queries
from freehold.domain.access.actor import Actor
from freehold.storage.transaction import Transaction


def member_of(db: Transaction, actor: Actor, workspace_id: int) -> int:
    """The row of the actor's membership, made at their first deed here."""
    found = queries.find_member(db, workspace_id, actor.person_row)
    if found is None:
        queries.add_member(db, workspace_id, actor.person_row)
        found = queries.find_member(db, workspace_id, actor.person_row)
    assert found is not None, "a membership that was just written is there"
    return found


def alias_of(db: Transaction, workspace_id: int, member_row: int, alias: str) -> int:
    """The row of a name that a client wrote for this member, stored once."""
    found = queries.find_alias(db, workspace_id, member_row, alias)
    if found is None:
        queries.add_alias(db, workspace_id, member_row, alias)
        found = queries.find_alias(db, workspace_id, member_row, alias)
    assert found is not None, "an alias that was just written is there"
    return found
