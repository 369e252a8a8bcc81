"""The data folder that every world of the oracle begins with: its people, and one workspace of each."""

import time
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from freehold.domain.access import rules
from freehold.domain.access.actor import Actor
from freehold.domain.access.authority import Authority
from freehold.domain.access.directory import service as directory
from freehold.domain.access.issuer import TokenIssuer
from freehold.kit.clock import SystemClock
from freehold.kit.ids import UuidSource
from freehold.records.containers import Subscription
from freehold.storage.database import open_database
from freehold.storage.keys import KeyStore
from freehold.storage.transaction import Transaction
from tests.world import Person, World, make_world

FRESH_SECONDS = 1_800


class Template(NamedTuple):
    world: World
    people: dict[str, Person]

    def __repr__(self) -> str:
        """Short: a failure shows it beside the script that matters."""
        return "Template()"


class Templates:
    """A new one each half hour: tokens are good for an hour, and many worlds take longer than that."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: list[Template] = []
        self._until = 0.0

    def current(self) -> Template:
        if time.monotonic() > self._until:
            self._made.append(make_template(self._folder / f"template-{len(self._made)}"))
            self._until = time.monotonic() + FRESH_SECONDS
        return self._made[-1]

    def __repr__(self) -> str:
        """As short as a template."""
        return "Templates()"


def make_template(folder: Path) -> Template:
    """Alice owns, Bob contributes to the first workspace, Dora to everything of Alice's, Charlie is elsewhere."""
    world = make_world(folder)
    settings = world.settings()
    clock = SystemClock()
    keys = KeyStore(settings.key_folder, clock)
    database = open_database(settings, clock, UuidSource(clock), keys)
    try:
        actor = database.write_now(_add_dora)
        issuer = TokenIssuer(Authority.of(actor.tenant_id, ()), keys.tokens, clock)
        dora = Person("Dora", issuer.issue(actor, client_id=actor.object_id).token, actor.object_id)
    finally:
        database.close()
    return Template(world, {"alice": world.alice, "bob": world.bob, "charlie": world.charlie, "dora": dora})


def _add_dora(db: Transaction) -> Actor:
    dora = directory.add_person(db, kind="person", display_name="Dora Diver")
    row = db.execute(sa.select(Subscription.c.row_id)).scalars().first()
    directory.grant(db, dora, rules.CONTRIBUTOR, subscription_row=row)
    return dora
