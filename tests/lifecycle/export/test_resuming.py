"""An export may be killed anywhere; what it finished stands, and the bag is the one it would have been."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from freehold.domain.metrics.queries import add_chunk
from freehold.kit.faults import EXIT_CODE, VARIABLE
from freehold.kit.problems import Conflict, InsufficientStorage
from freehold.lifecycle.bag.verify import verify_bag
from freehold.lifecycle.export_task import BYTES_AT_ONCE, Export, write_bag
from freehold.lifecycle.points import POINTS_IN_PART
from freehold.lifecycle.spool import ExportJob, Spool
from freehold.storage.metrics import MetricColumns, encode_segment
from tests.conftest import House
from tests.lifecycle.export.content import LocalBench, add_experiment, add_file, add_run, export, fill, job_of
from tests.sent_bags import as_sent

MANIFEST = "manifest-sha256.txt"
FINISHED = "export:journal:synced"
ROOT = Path(__file__).parents[3]


def start(house: House, operation_id: str) -> "subprocess.Popen[bytes]":
    """The worker as the server starts it: settings and job on its standard input, which stays open."""
    command = [sys.executable, "-m", "freehold.worker", "export"]
    pipe, environment = subprocess.PIPE, os.environ | {"PYTHONPATH": str(ROOT / "src")}
    child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
    order = {"settings": msgspec.to_builtins(house.settings), "job": job_of(house, operation_id)}
    assert child.stdin is not None
    child.stdin.write(json.dumps(order).encode() + b"\n")
    child.stdin.flush()
    return child


def finish(child: "subprocess.Popen[bytes]") -> dict[str, Any]:
    """The worker's answer."""
    assert child.stdout is not None
    out = child.stdout.read()  # to the end first: the worker ends when its standard input does
    _, fault = child.communicate()
    assert child.returncode == 0, fault.decode()
    result: dict[str, Any] = json.loads(out.splitlines()[-1])["result"]
    return result


def export_by_worker(house: House, operation_id: str) -> Path:
    finish(start(house, operation_id))
    return Spool(house.settings.data_folder, operation_id).bag


def counts(child: "subprocess.Popen[bytes]") -> Iterator[bytes]:
    """What it says, but what its bag will name: that comes before anything is done. Then nothing, again and again."""
    assert child.stdout is not None
    return (line for line in iter(child.stdout.readline, None) if b'"references"' not in line)


def kill_after(child: "subprocess.Popen[bytes]", lines: int) -> bool:
    """kill -9 when the worker has said so many lines of how far it is; False when it had ended before."""
    said = list(islice(counts(child), lines))
    child.kill()
    _, fault = child.communicate()
    assert all(said), fault.decode()
    return all(b"progress" in line for line in said)


def dies(child: "subprocess.Popen[bytes]") -> bool:
    """Whether it died where a death was planted; False when it came to its end."""
    assert child.stdout is not None
    child.stdout.read()
    _, fault = child.communicate()
    assert child.returncode in (0, EXIT_CODE), fault.decode()
    return child.returncode == EXIT_CODE


def add_many(house: House) -> None:
    """More than one part of points and more than one group of files."""
    run_id = add_run(house, add_experiment(house, "large"), "large", points=0)
    for number in range(2):
        add_file(house, run_id, f"many/{number}", b"%d" % number * BYTES_AT_ONCE)
    size = 1 << 20
    for number in range(POINTS_IN_PART // size + 1):
        step = np.arange(number * size, (number + 1) * size)
        columns = MetricColumns(["b", "a"], (step % 2).astype(np.uint16), step, step * 1_000, np.sqrt(step))
        payload = encode_segment(columns)
        house.database.write_now(lambda db, payload=payload: add_chunk(db, 1, 1, size, payload))  # type: ignore[misc]  # binds the loop's value


def test_two_exports_of_one_state_have_the_same_bytes(house: House) -> None:
    fill(house)
    one, other = export(house, "one"), export(house, "other")
    assert (one / MANIFEST).read_bytes() == (other / MANIFEST).read_bytes()
    assert (one / "bag-info.txt").read_bytes() != (other / "bag-info.txt").read_bytes()


def test_a_killed_export_goes_on_at_its_last_finished_part(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed behind each entry of its journal, and begun again."""
    house = sqlite_house
    add_many(house)
    whole = export_by_worker(house, "whole")
    spool = Spool(house.settings.data_folder, "killed")
    kills = 0
    monkeypatch.setenv(VARIABLE, FINISHED)
    while dies(start(house, "killed")):
        kills += 1
        assert len(list(spool.entries())) >= kills, "a try repeated what an earlier one had finished"
        assert kills < 20
    monkeypatch.delenv(VARIABLE)
    finish(start(house, "killed"))
    assert kills >= 6  # snapshot, two groups of files, two parts of points, contents
    assert verify_bag(as_sent(spool.bag)).faults == []
    assert (spool.bag / MANIFEST).read_bytes() == (whole / MANIFEST).read_bytes()


def test_changes_after_the_snapshot_do_not_show(sqlite_house: House) -> None:
    house = sqlite_house
    run_ids = fill(house)
    before = export_by_worker(house, "before")
    assert kill_after(start(house, "cut"), 1)
    add_run(house, add_experiment(house, "late"), "late")
    add_file(house, run_ids["one"], "late.txt", b"late")
    finish(start(house, "cut"))
    assert (Spool(house.settings.data_folder, "cut").bag / MANIFEST).read_bytes() == (before / MANIFEST).read_bytes()


@pytest.mark.exhaustive
def test_kills_at_any_moment_leave_the_same_bag(sqlite_house: House) -> None:
    house = sqlite_house
    add_many(house)
    whole = export_by_worker(house, "whole")
    chance = random.Random(5)
    for number in range(20):
        spool = Spool(house.settings.data_folder, f"killed-{number}")
        for _ in range(3):
            child = start(house, spool.bag.name)
            time.sleep(chance.uniform(0.3, 3.0))
            child.kill()
            child.communicate()
        finish(start(house, spool.bag.name))
        assert (spool.bag / MANIFEST).read_bytes() == (whole / MANIFEST).read_bytes()
        spool.drop()


def test_a_torn_journal_line_is_done_again(sqlite_house: House) -> None:
    house = sqlite_house
    fill(house)
    whole = export_by_worker(house, "whole")
    spool = Spool(house.settings.data_folder, "torn")
    assert kill_after(start(house, "torn"), 2)
    with (spool.folder / "journal.jsonl").open("r+b") as journal:
        journal.truncate(len(journal.read()) - 7)
    finish(start(house, "torn"))
    assert (spool.bag / MANIFEST).read_bytes() == (whole / MANIFEST).read_bytes()


def test_an_export_whose_rows_were_erased_says_so(sqlite_house: House) -> None:
    house = sqlite_house
    fill(house)
    assert kill_after(start(house, "cut"), 1)
    house.database.write_now(lambda db: db.connection.exec_driver_sql("DELETE FROM metric_segments").rowcount)
    with pytest.raises(Conflict) as told:
        write_bag(LocalBench(house), job_of(house, "cut"))
    assert told.value.code == "ExportSuperseded"


def test_an_export_whose_folders_were_purged_says_so(sqlite_house: House) -> None:
    house = sqlite_house
    fill(house)
    spool = Spool(house.settings.data_folder, "purged")

    class Purging(LocalBench):
        def report(self, progress: Any) -> None:
            if "points" in progress:
                shutil.rmtree(spool.bag)

    with pytest.raises(Conflict) as told:
        write_bag(Purging(house), job_of(house, "purged"))
    assert told.value.code == "ExportSuperseded"
    spool.drop()
    assert not Path(spool.bag).exists()


def test_a_stage_that_fails_stops_the_one_beside_it(sqlite_house: House) -> None:
    house = sqlite_house
    fill(house)
    steps: list[int] = []

    class Failing(Export):
        def _copy_objects(self) -> None:
            time.sleep(0.1)
            raise InsufficientStorage("InsufficientStorage", "The disk is full.")

        def _write_points(self) -> None:
            for number in range(10_000):
                self.settle("endless", number, writer=self.points_writer)
                steps.append(number)
                time.sleep(0.01)

    job = msgspec.convert(job_of(house, "stops"), ExportJob)
    with pytest.raises(InsufficientStorage):
        Failing(LocalBench(house), job, Spool(house.settings.data_folder, "stops")).run(())
    assert 1 <= len(steps) < 1_000
