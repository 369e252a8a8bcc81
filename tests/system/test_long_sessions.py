"""A client that works for longer than a token holds takes a new one, where it can have one."""

from collections.abc import Iterator

import pytest

from freehold.cli import local
from freehold.cli.connection import connect
from freehold.client import Freehold, FreeholdError
from freehold.domain.access.authority import OWN_AUDIENCE
from freehold.domain.access.owner import mint_for_owner
from freehold.kit.clock import MICROSECONDS, SystemClock
from freehold.storage.keys import KeyStore
from tests.world import World


class TwoHoursAgo(SystemClock):
    def now(self) -> int:
        return super().now() - 2 * 3_600 * MICROSECONDS


@pytest.fixture
def expired(shared_world: World) -> str:
    folder = shared_world.settings().key_folder
    return mint_for_owner(KeyStore(folder, SystemClock()), TwoHoursAgo(), OWN_AUDIENCE)


def test_an_expired_token_is_renewed_and_the_request_goes_again(shared_world: World, expired: str) -> None:
    tokens = iter([expired, shared_world.alice.token])
    with Freehold(shared_world.url, lambda: next(tokens)) as server:
        plan = server.plan_export("workspace")
        assert server.plan_export("workspace") == plan


def test_what_is_sent_piece_by_piece_goes_once_and_with_a_new_token(shared_world: World, expired: str) -> None:
    tokens, sent = iter([expired, shared_world.alice.token]), []

    def pieces() -> Iterator[bytes]:
        sent.append(b"no bag")
        yield b"no bag"

    with Freehold(shared_world.url, lambda: next(tokens)) as server, pytest.raises(FreeholdError) as refused:
        server.wait(server.import_bag(pieces(), dry_run=True))
    assert (refused.value.code.startswith("Bag"), len(sent)) == (True, 1)


def test_a_token_that_stays_refused_is_told(shared_world: World, expired: str) -> None:
    for token in (expired, lambda: expired):
        with Freehold(shared_world.url, token) as server, pytest.raises(FreeholdError) as refused:
            server.operations()
        assert refused.value.status == 401


def test_commands_renew_tokens_of_this_machine(
    shared_world: World, expired: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FREEHOLD_URL", "FREEHOLD_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    tokens = iter([expired, local.mint_token(shared_world.settings())])
    monkeypatch.setattr(local, "mint_token", lambda _: next(tokens))
    with connect(str(shared_world.folder), None, None) as server:
        server.operations()
