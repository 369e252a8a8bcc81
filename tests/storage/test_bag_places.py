"""A bag goes into an object store under a name that is free, a large one in parts and never whole in memory."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.cli import bag_place
from freehold.cli.bag_place import BagPlace
from freehold.cli.failure import Failure
from freehold.lifecycle.bag.verify import verify_bag
from freehold.storage.cloud import parts
from tests.commands import freehold
from tests.stores import BUCKET, Store, run_moto, s3_client, s3_environment
from tests.world import World

CONTENT = bytes(range(256)) * (20 << 12)
"""20 MiB."""


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with run_moto() as moto:
        for name, value in (s3_environment(moto) | {"AWS_ALLOW_HTTP": "true"}).items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("FREEHOLD_OBJECTS")
        yield moto


def put(to: str, content: bytes) -> None:
    place = BagPlace.of(to)
    with place as file:
        file.write_bytes(content)
        place.finish()


def test_the_command_puts_a_bag_into_a_bucket(shared_world: World, s3: Store, tmp_path: Path) -> None:
    place = f"s3://{BUCKET}/bags/one.tar"
    freehold(shared_world, "export", "workspace", "--alone", "--to", place)
    s3_client(s3).download_file(BUCKET, "bags/one.tar", str(tmp_path / "one.tar"))
    assert verify_bag(tmp_path / "one.tar").ok
    assert "StoreRefused" in freehold(shared_world, "export", "workspace", "--alone", "--to", place, expect=1)


@pytest.mark.parametrize("whole", [0, 64 << 20], ids=["in parts", "in one request"])
def test_what_is_there_under_the_name_stays(s3: Store, monkeypatch: pytest.MonkeyPatch, whole: int) -> None:
    monkeypatch.setattr(bag_place, "WHOLE", whole)
    address, client = f"s3://{BUCKET}/kept-{whole}.tar", s3_client(s3)
    put(address, CONTENT)
    with pytest.raises(Failure, match=r"something has this name there, and stays as it is"):
        put(address, b"another")
    assert client.get_object(Bucket=BUCKET, Key=f"kept-{whole}.tar")["Body"].read() == CONTENT


@pytest.mark.parametrize(
    ("address", "endpoint", "said"),
    [
        ("s3://no-such-bucket/bag.tar", None, "there is no such bucket"),
        (f"s3://{BUCKET}/bag.tar", "http://127.0.0.1:9", "no store answers there as it should"),
    ],
)
def test_why_a_store_does_not_take_a_bag_is_told(
    s3: Store, monkeypatch: pytest.MonkeyPatch, address: str, endpoint: str | None, said: str
) -> None:
    if endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        monkeypatch.setenv("AWS_ENDPOINT", endpoint)
    with pytest.raises(Failure, match=said):
        put(address, b"bag")


def test_a_large_bag_goes_in_no_more_parts_than_a_store_takes(s3: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in ((bag_place, "WHOLE", 0), (bag_place, "PART", 5 << 20), (parts, "MOST_PARTS", 2)):
        monkeypatch.setattr(module, name, value)
    put(f"s3://{BUCKET}/large.tar", CONTENT)
    found = s3_client(s3).head_object(Bucket=BUCKET, Key="large.tar")
    assert (found["ContentLength"], found["ETag"].strip('"').partition("-")[2]) == (len(CONTENT), "2")


def test_a_large_bag_is_never_whole_in_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, f"file://{tmp_path}/bag.tar"], capture_output=True, text=True, check=True
    )
    assert (tmp_path / "bag.tar").stat().st_size == 400 << 20
    (tmp_path / "bag.tar").unlink()
    assert int(done.stdout) < 200


_MEASURED = """
import sys
from pathlib import Path
from freehold.cli.bag_place import BagPlace
place = BagPlace.of(sys.argv[1])
with place as path:
    with path.open("wb") as file:
        file.truncate(400 << 20)
    place.finish()
highest = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(int(highest.split()[1]) >> 10)
"""
