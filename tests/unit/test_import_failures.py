"""What `freehold import` says of an import that failed: what its report found, else what the server said."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from freehold.cli import imports
from freehold.cli.failure import Failure
from freehold.client import FreeholdError

MANIFEST, MIDWAY = "manifest-sha256.txt", 4
"""Of the archive, which has the head and the bytes of each file as pieces."""
NOTHING: dict[str, Any] = {"erased_count": 0, "erased": [], "taken_count": 0, "taken": []}
TAKEN = NOTHING | {"taken_count": 1, "taken": [{"record": "runs", "what": {"run_id": "first"}}]}


class Server:
    def __init__(self, report: dict[str, Any]) -> None:
        self.import_report = lambda _: report
        self.drop_import = lambda _: None


NAMED = NOTHING | {"taken_count": 1, "taken": [{"record": "experiments", "what": {"name": "digits"}}]}


@pytest.mark.parametrize(
    ("report", "new_ids", "said"),
    [
        (NOTHING, False, "The disk is full."),
        (
            TAKEN,
            False,
            "1 id or name stands already: use --new-ids, or an empty workspace of another server.\n"
            "  taken: runs run_id first",
        ),
        (
            NAMED | {"names_taken_count": 1},
            False,
            "1 id or name stands already: use --new-ids with an empty workspace (1 is a name, and it changes none), "
            "or an empty workspace of another server.\n  taken: experiments name digits",
        ),
        (
            NAMED,
            True,
            "1 name stands already, and --new-ids changes none: use an empty workspace.\n"
            "  taken: experiments name digits",
        ),
    ],
)
def test_it_says_what_stood_in_the_way(
    monkeypatch: pytest.MonkeyPatch, report: dict[str, Any], new_ids: bool, said: str
) -> None:
    def watch(*_: object, **__: object) -> None:
        raise FreeholdError(507, "InsufficientStorage", "The disk is full.")

    monkeypatch.setattr(imports, "watch", watch)
    operation: Any = type("Operation", (), {"id": "1"})
    server: Any = Server(report)
    with pytest.raises(Failure) as failure:
        imports._wait(server, operation, quiet=True, new_ids=new_ids)
    assert str(failure.value) == said


def test_what_is_not_listed_is_counted() -> None:
    taken = [{"record": "runs", "what": {"run_id": str(number)}} for number in range(69)]
    lines = list(imports._conflicts(NOTHING | {"taken_count": 69, "taken": taken}))
    assert (len(lines), lines[-1]) == (imports.TOLD + 1, "  taken: 49 more; --json lists all")
    (*_, last) = imports._conflicts(NOTHING | {"taken_count": 5_000, "taken": taken})
    assert last == "  taken: 4,980 more; --json lists the first 69"


def shorten(bag: Path) -> None:
    os.truncate(bag / "data" / "first", 2 * imports.PIECE)


def remove(bag: Path) -> None:
    (bag / "data" / "second").unlink()


def put_a_folder_in_its_place(bag: Path) -> None:
    remove(bag)
    (bag / "data" / "second").mkdir()


def write_over_the_manifest(bag: Path) -> None:
    (bag / MANIFEST).write_text("\n" * 100_000)


@pytest.mark.parametrize("change", [shorten, remove, put_a_folder_in_its_place, write_over_the_manifest])
def test_a_folder_that_changes_while_it_is_sent_is_told(tmp_path: Path, change: Callable[[Path], None]) -> None:
    bag = tmp_path / "bag"
    (bag / "data").mkdir(parents=True)
    (bag / MANIFEST).write_text("".join(f"{'0' * 64}  data/{name}\n" for name in ("first", "second")))
    (bag / "data" / "first").write_bytes(bytes(8 * imports.PIECE))
    (bag / "data" / "second").write_bytes(b"second")

    def send() -> None:
        for number, _ in enumerate(imports._pieces(bag)):
            if number == (0 if change is write_over_the_manifest else MIDWAY):
                change(bag)

    with pytest.raises(Failure, match="changed while it was sent, and nothing of it is kept") as failure:
        send()
    assert failure.value.code == "BagChanged"
