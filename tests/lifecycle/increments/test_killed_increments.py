"""The making of an increment may be killed anywhere: it goes on, and ends as the same bag, byte for byte."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest

from freehold.kit import durable
from freehold.lifecycle.bag.verify import verify_bag
from freehold.lifecycle.increments import task
from freehold.lifecycle.increments.combining import combine
from freehold.lifecycle.spool import Entry, Spool
from tests.conftest import House
from tests.lifecycle.export.content import add_file, fill, job_of
from tests.lifecycle.export.test_resuming import ROOT, counts, finish
from tests.lifecycle.increments.edits import Edits, full, increment
from tests.lifecycle.increments.test_combining import same_payload
from tests.sent_bags import as_sent

STEP = "step"


def start(house: House) -> "subprocess.Popen[bytes]":
    """The worker as the server starts it, with an increment to make."""
    pipe, environment = subprocess.PIPE, os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "freehold.worker", "export"]
    child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
    job = job_of(house, STEP) | {"since": "base"}
    assert child.stdin is not None
    child.stdin.write(json.dumps({"settings": msgspec.to_builtins(house.settings), "job": job}).encode() + b"\n")
    child.stdin.flush()
    return child


def killed_after(house: House, pieces: int) -> bool:
    """kill -9 when so many pieces were told as finished; False when the increment was ready before."""
    child = start(house)
    for line in islice(counts(child), pieces):
        if b"progress" not in line:
            assert b"result" in line, child.communicate()[1].decode()
            child.communicate()
            return False
    child.kill()
    child.communicate()
    return True


def bytes_of(bag: Path) -> dict[str, bytes]:
    return {str(path.relative_to(bag)): path.read_bytes() for path in sorted(bag.rglob("*")) if path.is_file()}


def moved(spool: Spool, away: Path, move: Callable[..., Any]) -> None:
    """Both folders of the export: what a try has left."""
    for name, folder in (("bag", spool.bag), ("spool", spool.folder)):
        if folder.exists():
            move(folder, away / name)


def begun(house: House, away: Path) -> dict[str, bytes]:
    """An increment of which the snapshot is taken and no more, and what an undisturbed try makes of it."""
    run_ids = fill(house)
    full(house, "base")
    Edits(house, random.Random(7)).some(12)
    add_file(house, run_ids["one"], "late.txt", b"late")
    spool = Spool(house.settings.data_folder, STEP)
    assert killed_after(house, 1)
    moved(spool, away, shutil.copytree)
    finish(start(house))
    undisturbed = bytes_of(spool.bag)
    spool.drop()
    for name, folder in (("bag", spool.bag), ("spool", spool.folder)):
        if (away / name).exists():
            shutil.copytree(away / name, folder)
    return undisturbed


def check_made(house: House, undisturbed: dict[str, bytes], to: Path) -> None:
    spool = Spool(house.settings.data_folder, STEP)
    assert bytes_of(spool.bag) == undisturbed
    assert verify_bag(as_sent(spool.bag)).faults == []
    combine(as_sent(Spool(house.settings.data_folder, "base").bag), [as_sent(spool.bag)], to)
    assert same_payload(to, full(house, "whole"))


def test_a_killed_increment_goes_on_and_ends_as_the_same_bag(sqlite_house: House, tmp_path: Path) -> None:
    """Killed in the whole bag's stages, then in those of the increment itself."""
    undisturbed = begun(sqlite_house, tmp_path)
    spool = Spool(sqlite_house.settings.data_folder, STEP)
    for pieces in (1, 3, 6, 9):
        before = {(entry.stage, entry.number) for each in (spool, spool.whole()) for entry in each.entries()}
        assert killed_after(sqlite_house, pieces)
        after = [(entry.stage, entry.number) for each in (spool.whole(), spool) for entry in each.entries()]
        assert len(after) >= len(before) + pieces, "a try repeated what an earlier one had finished"
    assert "increment" in {stage for stage, _ in after}
    finish(start(sqlite_house))
    check_made(sqlite_house, undisturbed, tmp_path / "combined")


@pytest.mark.exhaustive
def test_killed_after_every_piece_it_ends_as_the_same_bag(sqlite_house: House, tmp_path: Path) -> None:
    undisturbed = begun(sqlite_house, tmp_path)
    kills = 0
    while killed_after(sqlite_house, 1):
        kills += 1
        assert kills < 200
    assert kills > 20
    finish(start(sqlite_house))
    check_made(sqlite_house, undisturbed, tmp_path / "combined")


def test_what_the_journal_names_is_durable_before_it_does(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a power cut leaves a journal that names a comparison of which the bytes are lost."""
    happened: list[str] = []
    synced, recorded = durable.sync, Spool.record

    def sync(path: Path) -> None:
        happened.append(path.name)
        synced(path)

    def record(spool: Spool, entry: Entry) -> None:
        happened.append(f"{entry.stage} {entry.number}")
        recorded(spool, entry)

    fill(sqlite_house)
    full(sqlite_house, "base")
    monkeypatch.setattr(task, "sync", sync)
    monkeypatch.setattr(Spool, "record", record)
    increment(sqlite_house, STEP, "base")
    compared = [place for place, each in enumerate(happened) if each.startswith("delta-")]
    assert compared
    for place in compared:
        number = happened[place].removeprefix("delta-").removesuffix(".part")
        assert happened[place + 1 : place + 3] == [STEP, f"{task.STAGE} {number}"], "its folder, then the journal"
