"""What the server may visit on somebody else's word: public addresses, and those that its operator allows."""

import socket
from typing import Any

import pytest

from freehold.kit.outside import check_address, find_place, read_hosts
from freehold.kit.problems import Invalid

NOBODY: frozenset[str] = frozenset()


def answers(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """The name service knows every name under these addresses; gives the list of what it was asked."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, **more: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def code_of(url: str, allowed: frozenset[str] = NOBODY) -> str | None:
    try:
        check_address(url, allowed)
    except Invalid as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "169.254.169.254",
        "168.63.129.16",
        "192.0.0.192",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[::127.0.0.1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::10.0.0.1]",
        "[2002:7f00:1::]",
        "[2001:db8::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
    ],
)
def test_no_address_inside_is_visited(host: str) -> None:
    assert code_of(f"http://{host}/score") == "AddressNotPublic"
    assert code_of(f"https://{host}:8443/score") == "AddressNotPublic"


@pytest.mark.parametrize("host", ["8.8.8.8", "[2001:4860:4860::8888]", "[::ffff:8.8.8.8]", "[64:ff9b::8.8.8.8]"])
def test_a_public_address_is(host: str) -> None:
    assert code_of(f"https://{host}/score") is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "score",
        "//8.8.8.8/",
        "ftp://8.8.8.8/",
        "file:///etc/passwd",
        "http://",
        "http://[",
        "http://8.8.8.8:0/",
        "http://8.8.8.8:none/",
        "http://8.8.8.8:99999/",
        "http://user@8.8.8.8/",
        "http://user:word@8.8.8.8/",
        "http://8.8.8.8\\@10.0.0.1/",
        "http://8.8.8.8/a b",
        "http://8.8.8.8/\r\nHost: inside",
        "http://8.8.8.8/" + "a" * 2_000,
    ],
)
def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    assert code_of(url) == "InvalidAddress"


@pytest.mark.parametrize("host", ["none.invalid", "a" * 70 + ".example", "a..b.example"])
def test_a_name_that_nobody_knows_is_said_to_be_unknown(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    def fails(*given: Any, **more: Any) -> None:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    assert code_of(f"https://{host}/") == "AddressNotResolved"


@pytest.mark.parametrize("addresses", [("8.8.8.8", "10.0.0.1"), ("10.0.0.1", "8.8.8.8"), ("::1",)])
def test_a_name_with_any_address_inside_is_refused(monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]) -> None:
    answers(monkeypatch, *addresses)
    assert code_of("https://mixed.example/") == "AddressNotPublic"


def test_the_checked_addresses_are_given_so_that_the_name_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answers(monkeypatch, "8.8.8.8", "8.8.4.4", "8.8.8.8")
    place = find_place("HTTPS://Public.Example.:8443/a/ü?b=c%20d#part", NOBODY)
    assert place == ("https", "public.example", 8443, "/a/%C3%BC?b=c%20d", ("8.8.8.8", "8.8.4.4"))
    assert asked == ["public.example"]


@pytest.mark.parametrize(
    ("allowed", "url", "is_allowed"),
    [
        ("127.0.0.1", "http://127.0.0.1:5000/", True),
        ("127.0.0.1", "http://127.0.0.2/", False),
        ("10.0.0.0/8, fd00::/8", "http://10.9.9.9/", True),
        ("10.0.0.0/8, fd00::/8", "http://[fd00::1]/", True),
        ("10.0.0.0/8", "http://192.168.0.1/", False),
        ("::1", "http://[::1]/", True),
        (" , ", "http://127.0.0.1/", False),
    ],
)
def test_the_operator_may_allow_addresses_and_networks(allowed: str, url: str, is_allowed: bool) -> None:
    assert (code_of(url, read_hosts(allowed)) is None) is is_allowed


def test_the_operator_may_allow_a_name_but_not_those_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, "10.0.0.1")
    allowed = read_hosts("Models.Inside.")
    assert code_of("http://models.inside/score", allowed) is None
    assert code_of("http://MODELS.inside./score", allowed) is None
    assert code_of("http://other.models.inside/score", allowed) == "AddressNotPublic"


def test_a_refusal_says_what_to_do_and_not_where_the_name_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, "10.20.30.40")
    with pytest.raises(Invalid) as refused:
        check_address("https://secretive.example/?key=hush", NOBODY)
    assert "FREEHOLD_OUTSIDE_HOSTS" in refused.value.message
    assert not any(word in refused.value.message for word in ("10.20", "secretive", "hush"))
