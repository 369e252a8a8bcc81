"""Whatever a server writes below its data folder lies in a place that says what it holds and how it is forgotten."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.records.places import place_of
from tests.lifecycle.imports.content import export_bag, import_bag, other_workspace
from tests.system.test_logs import Canaries, leave_and_forget, use_it_badly, use_it_well
from tests.world import World, make_world

MADE_BY_THE_TEST = {"server.log", "server.out"}


class Watcher:
    """Looks, again and again, which files there are."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._done = folder, threading.Event()
        self.seen: set[str] = set()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def end(self) -> set[str]:
        self._done.set()
        self._thread.join()
        self._look()
        return self.seen - MADE_BY_THE_TEST

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            self._look()

    def _look(self) -> None:
        for folder, _, files in os.walk(self._folder):
            self.seen |= {(Path(folder) / name).relative_to(self._folder).as_posix() for name in files}


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path / "data").start()
    yield made
    made.kill()


def test_every_file_of_a_busy_server_lies_in_a_declared_place(busy: World, tmp_path: Path) -> None:
    watcher = Watcher(busy.folder)
    try:
        plant = Canaries()
        run_id = use_it_well(busy, plant)
        use_it_badly(busy, plant)
        bag = export_bag(busy, tmp_path / "bag.tar")
        assert import_bag(busy, bag, at=other_workspace(busy, "again"), new_ids="true")["state"] == "Succeeded"
        leave_and_forget(busy, run_id)
        busy.stop()
    finally:
        seen = watcher.end()
    places = {path: place_of(path) for path in seen}
    assert sorted(path for path, place in places.items() if place is None) == []
    met = {place.name for place in places.values() if place is not None}
    assert met >= {"database", "operations", "objects", "bags", "spools", "imports", "lock", "keys"}, "all were used"
