"""The bar of bytes: what goes through it is what comes out, and it says how far it is."""

import io

import pytest
from rich.console import Console

from freehold.cli import moving as bars
from freehold.cli.moving import TOLD_EVERY, moving

PIECES = [b"a" * TOLD_EVERY, b"b", b"c" * TOLD_EVERY]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    drawn = io.StringIO()
    monkeypatch.setattr(bars, "errors", Console(file=drawn, force_terminal=True, width=120))
    return drawn


def test_it_draws_how_many_bytes_of_how_many_have_moved(screen: io.StringIO) -> None:
    with moving("sending", 4 * TOLD_EVERY, quiet=False) as moved:
        assert list(moved.through(PIECES)) == PIECES
    assert "sending" in screen.getvalue()
    assert "2.0/4.0 MiB" in screen.getvalue()


def test_small_files_are_told_together(screen: io.StringIO) -> None:
    with moving("checking", quiet=False) as moved:
        for done in range(1_000):
            moved.reach(done)
    assert "999" not in screen.getvalue()


def test_a_quiet_one_draws_nothing(screen: io.StringIO) -> None:
    with moving("sending", quiet=True) as moved:
        assert list(moved.through(PIECES)) == PIECES
    assert screen.getvalue() == ""
