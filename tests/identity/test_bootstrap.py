import logging
from contextlib import closing
from pathlib import Path

import pytest

from freehold.domain.access import service as access
from freehold.domain.access.actor import Action, WorkspaceName
from freehold.domain.access.bootstrap import bootstrap
from freehold.domain.access.directory import service as directory
from freehold.domain.access.directory.rules import hash_secret, is_secret_of
from freehold.domain.access.owner import mint_for_owner, owner_client
from freehold.domain.access.rules import READER
from freehold.kit.problems import Forbidden, NotFound
from freehold.storage.database import open_database
from freehold.storage.keys import KeyStore, KeysUnusable
from tests.identity.conftest import World


def test_first_start_gives_an_owner_a_workspace(world: World) -> None:
    name = WorkspaceName(world.owner.subscription_id, "freehold", ("default",))
    owner = world.actor()
    workspace, actions = world.services.database.read_now(lambda db: access.enter(db, owner, name))
    assert actions == frozenset(Action)
    assert workspace.name == "default"
    default, _ = world.services.database.read_now(lambda db: access.enter(db, owner, None))
    assert default == workspace


def test_second_start_makes_nothing(world: World) -> None:
    before = owner_client(world.services.keys)
    assert world.services.database.write_now(bootstrap) is False
    assert owner_client(world.services.keys) == before


def test_local_token_needs_only_the_key_folder(world: World) -> None:
    token = mint_for_owner(world.services.keys, world.clock, "api://freehold")
    assert world.get(token).status_code == 200


def test_keys_of_other_data_are_refused(world: World, tmp_path: Path) -> None:
    services = world.services
    strange = KeyStore(tmp_path / "strange", world.clock)
    database = open_database(services.settings, world.clock, services.ids, strange)
    with closing(database), pytest.raises(KeysUnusable) as refused:
        database.write_now(bootstrap)
    assert refused.value.code == "KeysOfAnotherServer"


def test_owners_secret_lies_nowhere_in_clear(world: World) -> None:
    world.ask_for_token()
    secret = world.owner.client_secret.encode()
    files = [path for path in world.folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert not [path for path in files if secret in path.read_bytes()]


def test_printed_owner_shows_no_secret(world: World) -> None:
    assert world.owner.client_secret not in repr(world.owner) + str(world.owner) + f"{[world.owner]}"


def test_secrets_and_tokens_are_never_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = world.ask_for_token().json()["access_token"]
    world.get(token)
    world.get(token[:-4] + "AAAA")
    world.ask_for_token(client_secret="a wrong secret")
    text = "\n".join(
        f"{record.getMessage()} {record.__dict__}"
        for record in caplog.records
        if record.name.startswith(("freehold", "uvicorn"))
    )
    for word in (token, token.split(".")[1], world.owner.client_secret, "a wrong secret", world.owner.object_id):
        assert word not in text


def test_charlie_sees_nothing_and_a_reader_only_reads(world: World) -> None:
    database, owner = world.services.database, world.actor()
    workspace, _ = database.read_now(lambda db: access.enter(db, owner, None))
    charlie = database.write_now(lambda db: directory.add_person(db, kind="person", display_name="Charlie"))
    with pytest.raises(NotFound):
        database.read_now(lambda db: access.enter(db, charlie, None))
    database.write_now(lambda db: directory.grant(db, charlie, READER, workspace_id=workspace.workspace_id))
    database.read_now(lambda db: access.allow(db, charlie, Action.READ, workspace))
    with pytest.raises(Forbidden):
        database.read_now(lambda db: access.allow(db, charlie, Action.WRITE, workspace))


def test_display_name_is_sealed_in_the_database(world: World) -> None:
    canary = "Ada Canary Lovelace"
    world.services.database.write_now(lambda db: directory.add_person(db, kind="person", display_name=canary))
    assert not [p for p in world.folder.rglob("*") if p.is_file() and canary.encode() in p.read_bytes()]


def test_secret_is_checked(world: World) -> None:
    kept = hash_secret("right")
    assert is_secret_of("right", kept)
    assert not is_secret_of("wrong", kept)
    assert not is_secret_of("right", None)
    assert not is_secret_of("right", "no hash at all")


def test_unknown_client_takes_as_long_as_a_known_one() -> None:
    """Both hash; a comparison of one hash with none would differ a hundredfold."""
    from time import perf_counter

    def seconds(secret_hash: str | None) -> float:
        began = perf_counter()
        is_secret_of("wrong", secret_hash)
        return perf_counter() - began

    kept = hash_secret("right")
    known, unknown = (min(seconds(each) for _ in range(5)) for each in (kept, None))
    assert 0.2 < known / unknown < 5
