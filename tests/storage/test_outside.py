"""Where the server may be sent by a datastore: deny by default, whatever the document says."""

import asyncio
from pathlib import Path

import pytest

from freehold.kit.outside import is_public
from freehold.kit.problems import Forbidden, Invalid
from freehold.settings import Settings
from freehold.storage.outside.hosts import Address, allowed_addresses, check_address
from freehold.storage.outside.opening import open_outside
from freehold.storage.outside.places import Bucket, Container, Folder, OutsideStore, Place


def open_now(settings: Settings, place: Place) -> OutsideStore:
    return asyncio.run(open_outside(settings, place))


@pytest.mark.parametrize(
    "path", ["{data}", "{data}/store", "{data}/..", "relative", "/etc", "{root}/../x", "{root}/link"]
)
def test_folders_of_the_server_and_beyond_the_root_are_refused(tmp_path: Path, path: str) -> None:
    root = tmp_path / "root"
    (root / "data" / "store").mkdir(parents=True)
    (root / "link").symlink_to("/etc")
    settings = Settings(data=str(root / "data"), outside_folders=str(root))
    with pytest.raises((Forbidden, Invalid)):
        open_now(settings, Folder(path.format(data=root / "data", root=root)))
    with pytest.raises(Forbidden):  # it would hold the server's own
        open_now(settings, Folder(str(root)))


@pytest.mark.parametrize(
    "place",
    [
        Container("acct", "box", "127.0.0.1:10000", "http"),
        Container("acct", "box", "core.windows.net", "http"),
        Container("acct.evil.example/", "box", "core.windows.net", "https"),
        Container("acct", "box", "allowed.example/../x", "https"),
        Container("acct", "box", "user@allowed.example", "https"),
        Container("acct", "box", "allowed.example#", "http"),
        Container("acct", "box/../other", "core.windows.net", "https"),
        Bucket("bucket", "us-east-1", "http://169.254.169.254"),
        Bucket("bucket", "us-east-1", "http://allowed.example"),
        Bucket("bucket", "us-east-1", "https://allowed.example:444"),
        Bucket("bucket", "us-east-1", "file:///etc"),
        Bucket("bucket", "evil.example/", None),
        Bucket("bucket", "us-east-1", "https://allowed.example/path"),
    ],
    ids=repr,
)
def test_hosts_that_nobody_allowed_are_refused(place: Container | Bucket, tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path), outside_hosts="allowed.example")
    with pytest.raises((Forbidden, Invalid)):
        open_now(settings, place)


def test_a_clouds_name_that_leads_inside_is_refused() -> None:
    inside = Address("https", "localhost", 443)
    with pytest.raises(Forbidden):
        asyncio.run(check_address(inside, frozenset(), is_cloud=True))
    asyncio.run(check_address(inside, allowed_addresses("localhost"), is_cloud=False))


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "::1", "fe80::1",
     "fd00:ec2::254", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b:1::1", "64:ff9b::a00:1"],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


def test_public_addresses() -> None:
    assert is_public("20.60.1.1")
    assert is_public("2603:1030:20e::1")
