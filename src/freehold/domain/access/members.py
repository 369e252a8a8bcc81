"""A person in one workspace: a random id that records refer to, and the names clients write for them."""

import sqlalchemy as sa

from freehold.domain.access.actor import Actor
from freehold.records.people import Member, MemberAlias
from freehold.storage.portable import Prepared, upsert
from freehold.storage.transaction import Transaction

_find_member = Prepared(
    lambda _: sa.select(Member.c.row_id).where(
        Member.c.workspace_id == sa.bindparam("workspace_id"),
        Member.c.person_row == sa.bindparam("person_row"),
    )
)
_find_alias = Prepared(
    lambda _: sa.select(MemberAlias.c.row_id).where(
        MemberAlias.c.workspace_id == sa.bindparam("workspace_id"),
        MemberAlias.c.member_row == sa.bindparam("member_row"),
        MemberAlias.c.alias == sa.bindparam("alias"),
    )
)


def member_of(db: Transaction, actor: Actor, workspace_id: int) -> int:
    """The row of the actor's membership, made at their first deed here."""
    wanted = {"workspace_id": workspace_id, "person_row": actor.person_row}
    found = _find_member.one(db.connection, wanted)
    if found is None:
        member = wanted | {"member_id": db.new_id(), "created_at": db.now()}
        db.execute(upsert(db.connection, Member.table).values(member).on_conflict_do_nothing())
        found = _find_member.one(db.connection, wanted)
    assert found is not None, "a membership that was just written is there"
    return int(found[0])


def alias_of(db: Transaction, workspace_id: int, member_row: int, alias: str) -> int:
    """The row of a name that a client wrote for this member, stored once."""
    wanted = {"workspace_id": workspace_id, "member_row": member_row, "alias": alias}
    found = _find_alias.one(db.connection, wanted)
    if found is None:
        db.execute(upsert(db.connection, MemberAlias.table).values(wanted).on_conflict_do_nothing())
        found = _find_alias.one(db.connection, wanted)
    assert found is not None, "an alias that was just written is there"
    return int(found[0])
