"""A child in reserve does what one that is started anew does, is there again afterwards, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from freehold.operations import children
from freehold.operations.children import run_child
from freehold.operations.spare import SpareChild, end, seconds_waited, stands_aside, start
from tests.conftest import House
from tests.operations.conftest import ROOT, needs_idle_policy, until
from tests.operations.test_children import WORKER
from tests.world import make_world


@pytest.fixture
def spare(monkeypatch: pytest.MonkeyPatch) -> Iterator[SpareChild]:
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'src'}{os.pathsep}{ROOT}")
    spare = SpareChild(WORKER, pause=0.05)
    monkeypatch.setattr(children, "spare", spare)
    monkeypatch.setattr(children, "WORKER", WORKER)
    yield spare
    spare.close()


def waiting(spare: SpareChild) -> "subprocess.Popen[bytes]":
    until(lambda: spare._child is not None)
    assert spare._child is not None
    return spare._child


def run(house: House, task: str, file: Path) -> Any:
    return run_child(task, {"file": str(file)}, house.settings, command=WORKER)


def test_the_one_that_waits_does_the_task_and_another_follows(house: House, spare: SpareChild, tmp_path: Path) -> None:
    spare.keep(0)
    first = waiting(spare)
    assert run(house, "count", tmp_path / "out")["pid"] == first.pid
    assert first.returncode is not None
    second = waiting(spare)
    assert second.pid != first.pid
    assert run(house, "count", tmp_path / "out")["pid"] == second.pid


def test_one_that_died_is_replaced_by_one_started_for_the_task(house: House, spare: SpareChild, tmp_path: Path) -> None:
    spare.keep(0)
    dead = waiting(spare)
    dead.kill()
    dead.wait()
    assert run(house, "count", tmp_path / "out")["pid"] != dead.pid


def test_two_tasks_at_once_have_a_child_each(house: House, spare: SpareChild, tmp_path: Path) -> None:
    spare.keep(0)
    child = waiting(spare)
    assert spare.take() is child
    assert spare.take() is None
    assert run(house, "count", tmp_path / "out")["pid"] != child.pid
    end(child)


def test_none_is_kept_unless_asked_for_nor_after_the_end(house: House, spare: SpareChild, tmp_path: Path) -> None:
    run(house, "count", tmp_path / "out")
    time.sleep(0.3)
    assert spare._child is None
    spare.keep(0)
    child = waiting(spare)
    spare.close()
    assert child.poll() is not None
    spare.renew()
    time.sleep(0.3)
    assert spare._child is None


def test_it_steps_back_from_its_first_moment_on(spare: SpareChild) -> None:
    spare.keep(7)
    child = waiting(spare)
    until(lambda: os.getpriority(os.PRIO_PROCESS, child.pid) == os.nice(0) + 7)


@needs_idle_policy
def test_beside_clients_it_stands_aside_for_a_task_that_does_so_too(
    house: House, spare: SpareChild, tmp_path: Path
) -> None:
    spare.keep(7, lambda: True)
    child = waiting(spare)
    assert os.sched_getscheduler(child.pid) == os.SCHED_IDLE
    settings = msgspec.structs.replace(house.settings, niceness=7)
    told = run_child("policy", {}, settings, command=WORKER, aside=True)
    assert told == {"pid": child.pid, "policy": os.SCHED_IDLE}


@needs_idle_policy
def test_one_that_stands_aside_serves_a_task_that_need_not(
    house: House, spare: SpareChild, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that is idle by then nothing is lost by that, and a second won."""
    monkeypatch.setattr(children, "seconds_waited", lambda process: 0.0)  # others may use the processors
    spare.keep(7, lambda: True)
    child = waiting(spare)
    told = run_child("policy", {}, house.settings, command=WORKER)
    assert told == {"pid": child.pid, "policy": os.SCHED_IDLE}


@needs_idle_policy
def test_one_that_others_do_not_let_through_is_replaced(
    house: House, spare: SpareChild, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare.keep(7, lambda: True)
    child = waiting(spare)
    file = tmp_path / "out"
    waited = iter([1.0, *[1.5] * 2, *[7.0] * 100])
    monkeypatch.setattr(children, "seconds_waited", lambda process: next(waited) if process == child.pid else 0.0)
    told = run_child("linger_aside", {"file": str(file)}, house.settings, command=WORKER)
    assert told["policy"] != os.SCHED_IDLE
    assert child.returncode is not None


@needs_idle_policy
def test_how_long_a_process_waits_is_seen() -> None:
    """Two that compute on one processor, one of which stands aside."""
    processor = min(os.sched_getaffinity(0))
    command = (sys.executable, "-c", f"import os; os.sched_setaffinity(0, [{processor}])\nwhile True: pass")
    both = [start(command), start(command, aside=True)]
    try:
        until(lambda: seconds_waited(both[1].pid) > 0.5)
        assert [stands_aside(each.pid) for each in both] == [False, True]
    finally:
        for each in both:
            end(each)
    assert seconds_waited(both[1].pid) == 0.0


@needs_idle_policy
def test_where_nothing_steps_back_none_stands_aside(spare: SpareChild) -> None:
    spare.keep(0, lambda: True)
    assert os.sched_getscheduler(waiting(spare).pid) != os.SCHED_IDLE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_keeps_one_and_it_ends_with_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setenv("FREEHOLD_SPARE_WORKER", "true")
    world = make_world(tmp_path / "data").start()
    try:
        process = world.process
        assert process is not None
        server = psutil.Process(process.pid)
        until(lambda: _spares_of(server), 60)
        (child,) = _spares_of(server)
        os.kill(process.pid, number)
        until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 30)
    finally:
        world.kill()


def _spares_of(server: psutil.Process) -> list[psutil.Process]:
    """A server has others for a moment: importing croniter runs `file`."""
    found = []
    for child in server.children():
        with suppress(psutil.NoSuchProcess):  # also a ZombieProcess, ended and not yet waited for
            if "wait" in child.cmdline():
                found.append(child)
    return found


def test_the_words_of_both_sides_agree() -> None:
    """A child that gets no order ends by itself."""
    ended = subprocess.run(
        [sys.executable, "-m", "freehold.worker", "wait", "0"], stdin=subprocess.DEVNULL, timeout=120, check=False
    )
    assert ended.returncode != 0
