"""A signed address opens what it was signed for, to whom it was given, for as long as it says, and nothing else."""

from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx
import pytest

from freehold.api.signed_urls import LIFETIME_SECONDS, check_url, sign_url
from freehold.domain.access.actor import Action, Actor, WorkspaceRef
from freehold.domain.access.kinds import Kind
from freehold.domain.artifacts.service import ArtifactName
from freehold.kit.clock import MICROSECONDS, FixedClock
from freehold.kit.problems import Forbidden
from freehold.storage.keys import KeyStore
from tests.blobs.conftest import Blob, make_blob, trust
from tests.world import World

ACTOR = Actor(1, "person", "object", "tenant", "person")
WORKSPACE = WorkspaceRef(1, "public", "s", "g", "w", "local", Kind.WORKSPACE, "providers/p/workspaces/w")
NAME = ArtifactName("ExperimentRun", "dcid.r", "a/ü?#.txt")


def changed(address: str, path: str | None = None, **query: str) -> str:
    parts = urlsplit(address)
    wanted = dict(parse_qsl(parts.query)) | query
    return urlunsplit((parts.scheme, parts.netloc, path or parts.path, urlencode(wanted), ""))


def test_an_unsigned_address_opens_nothing(blob: Blob) -> None:
    blob.put(b"secret")
    bare = blob.read.partition("?")[0]
    for method in ("GET", "HEAD", "PUT"):
        answer = blob.client.request(method, bare)
        assert answer.status_code == 403
        assert answer.headers["x-ms-error-code"] == "AuthenticationFailed"
    own = blob.world.alice.headers
    assert blob.client.get(bare, headers=own).status_code == 403


@pytest.mark.parametrize("part", ["sv", "sp", "se", "skoid", "sktid", "sig"])
def test_a_changed_part_closes_it(blob: Blob, part: str) -> None:
    blob.put(b"secret")
    for value in ("", "2", "rcw", "9" * 30, blob.world.charlie.object_id, "%ff"):
        answer = blob.client.get(changed(blob.read, **{part: value}))
        assert answer.status_code == 403, value
        assert b"secret" not in answer.content


def test_it_opens_no_other_artifact(blob: Blob) -> None:
    blob.put(b"mine")
    other = make_blob(blob.world, blob.client)
    other.put(b"other")
    stolen = changed(blob.read, path=urlsplit(other.read).path)
    assert blob.client.get(stolen).status_code == 403


def test_reading_is_not_writing(blob: Blob) -> None:
    answer = blob.client.put(blob.read, content=b"x", headers={"x-ms-blob-type": "BlockBlob"})
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (403, "AuthorizationPermissionMismatch")
    assert blob.client.get(blob.write).status_code == 404
    blob.put(b"x")
    assert blob.client.get(blob.write).content == b"x"


def test_a_plain_connection_serves_it_as_well(blob: Blob) -> None:
    blob.put(b"x")
    parts = urlsplit(blob.read)
    assert httpx.get(f"{blob.world.url}{parts.path}?{parts.query}").content == b"x"


def test_it_dies_with_what_it_names(world: World) -> None:
    with httpx.Client(verify=trust(world)) as client:
        blob = make_blob(world, client)
        blob.put(b"x")
        body = {"scope": "run", "id": blob.run}
        answer = world.post("/freehold/v1/erasures", body, world.alice, headers={"Idempotency-Key": "one"})
        assert answer.status_code == 202
        assert blob.get().status_code == 404
        late = blob.put(b"late")
        assert (late.status_code, late.headers["x-ms-error-code"]) == (404, "RunNotFound")


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys", FixedClock())


def sign(keys: KeyStore, clock: FixedClock, may: Action = Action.READ) -> dict[str, str]:
    address = sign_url("https://127.0.0.1:1", keys, clock, ACTOR, WORKSPACE, NAME, may=may)
    assert address.startswith(
        "https://freehold.blob.sas@127.0.0.1:1/blobs/public/ExperimentRun/dcid.r/a/%C3%BC%3F%23.txt?"
    )
    return dict(parse_qsl(urlsplit(address).query))


def test_it_ends_when_it_says(keys: KeyStore) -> None:
    clock = FixedClock()
    query = sign(keys, clock)
    clock.at += LIFETIME_SECONDS * MICROSECONDS - MICROSECONDS
    assert check_url(query, keys, clock, "public", NAME, may=Action.READ).object_id == "object"
    clock.at += 2 * MICROSECONDS
    with pytest.raises(Forbidden, match="expired"):
        check_url(query, keys, clock, "public", NAME, may=Action.READ)


def test_it_holds_over_a_rotation_and_ends_with_its_key(keys: KeyStore) -> None:
    clock = FixedClock()
    query = sign(keys, clock, Action.WRITE)
    old = keys.object_urls.key_id
    keys.object_urls.rotate()
    check_url(query, keys, clock, "public", NAME, may=Action.WRITE)
    keys.object_urls.destroy(old)
    with pytest.raises(Forbidden, match="not signed"):
        check_url(query, keys, clock, "public", NAME, may=Action.WRITE)


def test_parts_cannot_be_shifted(keys: KeyStore) -> None:
    clock = FixedClock()
    query = sign(keys, clock)
    shifted = ArtifactName("ExperimentRun", "dcid.r/a", "ü?#.txt")
    with pytest.raises(Forbidden):
        check_url(query, keys, clock, "public", shifted, may=Action.READ)
