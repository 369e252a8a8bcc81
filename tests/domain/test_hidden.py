"""What an erasure has hidden is in no list, from the commit that hid it on."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import Paging
from freehold.domain.experiments import queries as experiments
from freehold.domain.listing import queries as listing
from freehold.domain.runs import queries as runs
from freehold.domain.search import queries as searching
from freehold.domain.whole import queries as whole
from freehold.lifecycle.selection import HIDDEN, Selection, Target
from freehold.records.artifacts import Artifact
from freehold.records.catalogue import catalogue
from freehold.records.experiments import Experiment
from freehold.records.rules import Scope
from freehold.records.runs import Run
from freehold.storage.transaction import Transaction
from tests.lifecycle.erase.site import Site, open_site

HERE = 1
WHOLE = Selection(Target(Scope.WORKSPACE, HERE, (HERE,)))
DOCUMENTS = ("assets", "models", "manifests", "images", "services", "computes", "datastores", "datasets")
Look = Callable[[Transaction, sa.Row[Any], str], int]
"""How many a list shows, given the experiment's row and the run's id."""


def _of_documents(name: str) -> Look:
    record = catalogue()[name]

    def look(db: Transaction, _: sa.Row[Any], __: str) -> int:
        page = documents.find_page(db, HERE, record, Paging(limit=1))
        return len(page.rows) + (page.next_place is not None)

    return look


def _found(rows: object) -> int:
    return len(getattr(rows, "rows", rows))  # type: ignore[arg-type]  # a page has rows, a list is rows


LISTS: dict[str, tuple[str, Look]] = {
    "experiments, Azure": (
        "experiments",
        lambda db, e, r: _found(listing.list_experiments(db, HERE, None, [], archived=None, limit=9, after=None)),
    ),
    "experiments, MLflow": (
        "experiments",
        lambda db, e, r: _found(searching.search_experiments(db, HERE, [], [], set_aside=None, limit=9, after=None)),
    ),
    "experiments by id": (
        "experiments",
        lambda db, e, r: _found(searching.experiments_of(db, HERE, [e.experiment_id])),
    ),
    "experiments, whole": (
        "experiments",
        lambda db, e, r: _found(whole.list_weighed(db, HERE, Experiment, WHOLE.leaving(Experiment), 0, 9)),
    ),
    "an experiment to write to": (
        "experiments",
        lambda db, e, r: int(experiments.find_open(db, HERE, e.experiment_id) is not None),
    ),
    "one experiment": (
        "experiments",
        lambda db, e, r: int(experiments.find_by_id(db, HERE, e.experiment_id) is not None),
    ),
    "runs, Azure": ("runs", lambda db, e, r: _found(listing.list_runs(db, HERE, None, [], limit=9, after=None))),
    "runs, MLflow": (
        "runs",
        lambda db, e, r: _found(searching.search_runs(db, HERE, [e], [], [], set_aside=None, limit=9, after=None)),
    ),
    "runs, whole": ("runs", lambda db, e, r: _found(whole.list_weighed(db, HERE, Run, WHOLE.leaving(Run), 0, 9))),
    "runs of a hidden experiment": (
        "experiments",
        lambda db, e, r: _found(whole.list_weighed(db, HERE, Run, WHOLE.leaving(Run), 0, 9)),
    ),
    "artifacts of a hidden run": (
        "runs",
        lambda db, e, r: _found(whole.list_artifacts(db, HERE, WHOLE.leaving(Artifact), ("", "", ""), 9)),
    ),
    "a run's id": ("runs", lambda db, e, r: len(runs.ids_of(db, HERE, [1]))),
    "runs of an experiment": ("runs", lambda db, e, r: int(runs.has_runs(db, HERE, e.row_id))),
    **{name: (name, _of_documents(name)) for name in DOCUMENTS},
    **{
        f"one of {name}": (
            name,
            lambda db, e, r, name=name: int(documents.find(db, HERE, catalogue()[name]) is not None),  # type: ignore[misc]  # binds the loop's value
        )
        for name in DOCUMENTS
    },
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With one of everything."""
    made = open_site(Path(tmp_path_factory.mktemp("hidden")) / "data")
    experiment = made.experiment()
    run_id = made.run(experiment, points=0)
    made.fill(
        {"workspaces": HERE, "experiments": experiment.row_id, "runs": made.row_of("runs", "run_id", run_id)}, rows=2
    )
    yield made
    made.close()


@pytest.mark.parametrize("name", LISTS)
def test_what_is_hidden_is_in_no_list(site: Site, name: str) -> None:
    table, look = LISTS[name]
    record = catalogue()[table].table

    def look_twice(db: Transaction) -> tuple[int, int]:
        experiment = db.execute(sa.select(catalogue()["experiments"].table)).first()
        assert experiment is not None
        before = look(db, experiment, "")
        db.execute(record.update().values({HIDDEN: 1}))
        after = look(db, experiment, "")
        db.execute(record.update().values({HIDDEN: None}))
        return before, after

    before, after = site.database.write_now(look_twice)
    assert before > 0, "there is something to hide"
    assert after == 0
