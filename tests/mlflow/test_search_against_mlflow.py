"""MLflow's own in-memory search is the oracle: the same runs, the same filter, the same order, on both databases."""

import math
from typing import NamedTuple

import pytest
from mlflow.entities import Metric, Param, Run, RunData, RunInfo, RunTag
from mlflow.utils.search_utils import SearchUtils

from freehold.api.mlflow.words import mlflow_status, to_domain
from freehold.domain.experiments.service import create_experiment, get_experiment_ref
from freehold.domain.metrics.service import log_metrics
from freehold.domain.runs.rules import NAME_TAG
from freehold.domain.runs.service import change_run, create_run, delete_run, log_parameters
from freehold.domain.runs.views import USER_TAG
from freehold.domain.runs.vocabulary import RUNS
from freehold.domain.search.service import Question, search_runs
from freehold.kit.filters import parse_filter, parse_orderings
from freehold.storage.metrics import Point
from freehold.storage.transaction import Transaction
from tests.conftest import House

FILTERS = [
    "",
    "metrics.loss < 0.5",
    "metrics.loss <= 0.5",
    "metrics.loss > -1",
    "metrics.loss >= 0.5 AND metrics.loss != 3",
    "metrics.loss = 0.5",
    "metrics.loss != 0.5",
    "metrics.`val acc` > 0",
    "metrics.absent > 0",
    "params.model = 'tree'",
    "params.model != 'tree'",
    "params.model LIKE 't%'",
    "params.model LIKE 'T%'",
    "params.model ILIKE 'T%'",
    "params.model LIKE '%_ee'",
    "params.model LIKE '%[a]%'",
    "params.model LIKE '%*%'",
    "params.model IS NULL",
    "params.model IS NOT NULL",
    "tags.team = 'a_b'",
    "tags.team IS NULL AND metrics.loss < 100",
    "tags.team LIKE '%ß%'",
    "tags.`mlflow.user` = 'ann'",
    "tags.`mlflow.runName` LIKE 'run%'",
    "run_name = 'run 3'",
    "attributes.`Run Name` ILIKE 'RUN%'",
    "user_id != 'ann'",
    "status = 'FINISHED'",
    "attributes.status != 'FINISHED'",
    "status LIKE 'F%'",
    "status ILIKE '%ing'",
    "start_time > 1700000000003",
    "attributes.created <= 1700000000003 AND status = 'RUNNING'",
    "end_time = 1700000000999",
]
ORDERS: list[list[str]] = [
    [],
    ["metrics.loss"],
    ["metrics.loss DESC"],
    ["metrics.`val acc` DESC", "params.model"],
    ["params.model DESC", "metrics.loss ASC"],
    ["tags.team"],
    ["tags.`mlflow.runName` DESC"],
    ["start_time"],
    ["end_time DESC"],
    ["attributes.start_time ASC"],
    ["user_id", "metrics.loss"],
    ["run_id DESC"],
]


@pytest.fixture
def runs(house: House) -> list[Run]:
    return house.database.write_now(lambda db: _make_runs(house, db))


def test_filters_find_what_mlflow_finds(house: House, runs: list[Run]) -> None:
    for text in FILTERS:
        assert _found(house, text, []) == _ids(_sorted(_filtered(runs, text), [])), text


def test_orders_are_mlflows(house: House, runs: list[Run]) -> None:
    for order in ORDERS:
        assert _found(house, "", order) == _ids(_sorted(runs, order)), order


def test_pages_join_to_the_whole(house: House, runs: list[Run]) -> None:
    for order in ORDERS:
        whole = _found(house, "", order)
        for limit in (1, 3, len(runs), len(runs) + 1):
            assert _paged(house, order, limit) == whole, (order, limit)


def test_pages_skip_nothing_while_runs_arrive(house: House, runs: list[Run]) -> None:
    whole = _found(house, "", ["metrics.loss"])
    question = Question(orderings=parse_orderings(["metrics.loss"], RUNS), limit=4)
    first = house.database.read_now(lambda db: search_runs(db, house.workspace, ["e"], question))
    later = [(f"later{at}", logged) for at, logged in enumerate(RUNS_LOGGED)]
    for run_id, logged in later:
        house.database.write_now(lambda db, run=(run_id, logged): _make_run(house, db, run[0], "later", run[1]))  # type: ignore[misc]  # binds the loop's value
    rest = question._replace(after=first.next_place, limit=100)
    second = house.database.read_now(lambda db: search_runs(db, house.workspace, ["e"], rest))
    seen = [run.run_id for run in [*first.runs, *second.runs]]
    assert [run_id for run_id in seen if run_id in whole] == whole


def test_views_tell_the_deleted_from_the_active(house: House, runs: list[Run]) -> None:
    gone = runs[2].info.run_id
    house.database.write_now(lambda db: delete_run(db, house.workspace, gone))
    everything = _ids(runs)
    assert set(_found(house, "", [])) == set(everything) - {gone}
    assert _found(house, "", [], set_aside=True) == [gone]
    assert set(_found(house, "", [], set_aside=None)) == set(everything)


def test_long_texts_are_ordered_by_their_beginning(house: House) -> None:
    def make(db: Transaction) -> None:
        experiment = create_experiment(db, house.alice, house.workspace, "long", experiment_id="long")
        for at in range(3):
            create_run(db, house.alice, house.workspace, experiment, run_id=f"l{at}", tags={"t": "🙂" * 2_000})

    house.database.write_now(make)
    question = Question(orderings=parse_orderings(["tags.t"], RUNS), limit=1)
    page = house.database.read_now(lambda db: search_runs(db, house.workspace, ["long"], question))
    assert page.next_place is not None
    assert all(len(str(part)) <= 200 for part in page.next_place)


class Logged(NamedTuple):
    """What a run logged; MLflow's entity is made of it, and so is ours."""

    start: int
    end: int | None
    status: str
    user: str
    losses: list[float]
    accuracy: float | None
    model: str | None
    team: str | None


RUNS_LOGGED = [
    Logged(1, None, "Running", "ann", [0.5], 0.9, "tree", "a_b"),
    Logged(2, 999, "Completed", "ann", [0.9, 0.25], None, "Tree", "axb"),
    Logged(3, 998, "Failed", "bob", [math.nan], 0.1, None, "straße"),
    Logged(4, 997, "Canceled", "bob", [math.inf], 0.9, "t[a]b", None),
    Logged(4, None, "Queued", "ann", [-math.inf], None, "t*", ""),
    Logged(4, None, "Running", "ann", [], 0.5, "tree", "z"),
    Logged(6, 995, "Completed", "cid", [0.5, math.nan], -0.5, "forest", "Ä"),
    Logged(7, 994, "Completed", "ann", [3.0], 0.0, "", "a_b"),
]
SECOND = 1_700_000_000_000
"""Milliseconds: the moment that starts and ends are counted from."""


def _make_runs(house: House, db: Transaction) -> list[Run]:
    create_experiment(db, house.alice, house.workspace, "e", experiment_id="e")
    for at, logged in enumerate(RUNS_LOGGED):
        _make_run(house, db, f"r{at}", f"run {at}", logged)
    return [_as_mlflow(f"r{at}", f"run {at}", logged) for at, logged in enumerate(RUNS_LOGGED)]


def _make_run(house: House, db: Transaction, run_id: str, name: str, logged: Logged) -> None:
    experiment = get_experiment_ref(db, house.workspace, "e")
    tags = {USER_TAG: logged.user} | ({"team": logged.team} if logged.team is not None else {})
    started_at = (SECOND + logged.start) * 1_000
    create_run(db, house.alice, house.workspace, experiment, run_id=run_id, name=name, started_at=started_at, tags=tags)
    ended_at = None if logged.end is None else (SECOND + logged.end) * 1_000
    change_run(db, house.workspace, run_id, {"status": logged.status, "ended_at": ended_at})
    if logged.model is not None:
        log_parameters(db, house.workspace, run_id, [("model", logged.model)])
    points = [Point("loss", step, step, value) for step, value in enumerate(logged.losses)]
    if logged.accuracy is not None:
        points.append(Point("val acc", 0, 0, logged.accuracy))
    log_metrics(db, house.workspace, run_id, points)


def _as_mlflow(run_id: str, name: str, logged: Logged) -> Run:
    end = None if logged.end is None else SECOND + logged.end
    info = RunInfo(
        run_id=run_id,
        experiment_id="e",
        user_id=logged.user,
        status=mlflow_status(logged.status),
        start_time=SECOND + logged.start,
        end_time=end,
        lifecycle_stage="active",
        run_name=name,
    )
    metrics = [Metric("loss", logged.losses[-1], 0, 0)] if logged.losses else []
    metrics += [Metric("val acc", logged.accuracy, 0, 0)] if logged.accuracy is not None else []
    params = [Param("model", logged.model)] if logged.model is not None else []
    tags = [RunTag(USER_TAG, logged.user), RunTag(NAME_TAG, name)]
    tags += [RunTag("team", logged.team)] if logged.team is not None else []
    return Run(info, RunData(metrics, params, tags))


def _found(house: House, text: str, order: list[str], *, set_aside: bool | None = False) -> list[str]:
    question = Question(to_domain(parse_filter(text, RUNS)), parse_orderings(order, RUNS), set_aside)
    found = house.database.read_now(lambda db: search_runs(db, house.workspace, ["e"], question))
    assert found.next_place is None
    return [run.run_id for run in found.runs]


def _paged(house: House, order: list[str], limit: int) -> list[str]:
    question = Question(orderings=parse_orderings(order, RUNS), limit=limit)
    run_ids: list[str] = []
    while True:
        asked = question
        page = house.database.read_now(lambda db, asked=asked: search_runs(db, house.workspace, ["e"], asked))  # type: ignore[misc]  # binds the loop's value
        run_ids += [run.run_id for run in page.runs]
        if page.next_place is None:
            return run_ids
        question = question._replace(after=page.next_place)


def _filtered(runs: list[Run], text: str) -> list[Run]:
    found: list[Run] = SearchUtils.filter(runs, text)  # type: ignore[no-untyped-call]  # MLflow leaves it untyped
    return found


def _sorted(runs: list[Run], order: list[str]) -> list[Run]:
    found: list[Run] = SearchUtils.sort(runs, order)  # type: ignore[no-untyped-call]  # MLflow leaves it untyped
    return found


def _ids(runs: list[Run]) -> list[str]:
    return [run.info.run_id for run in runs]
