"""Filters as the SDK writes them, orders and pages of runs, on both databases; and the grammar by itself."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.domain.experiments.service import ExperimentView, create_experiment
from freehold.domain.listing.grammar import AllOf, AnyOf, Comparison, read_filter, read_order
from freehold.domain.listing.service import Question, Within, count_runs, list_runs
from freehold.domain.runs.upsert import RunChanges, put_run
from freehold.kit.clock import from_iso
from freehold.kit.problems import Invalid
from freehold.storage.transaction import Transaction
from tests.azure2020.conftest import Azure
from tests.conftest import House

SOURCE = {"azureml.runsource": "azureml.scriptrun"}
DAY = 24 * 3_600 * 1_000_000
MARCH = from_iso("2026-03-01T00:00:00Z")


@pytest.fixture
def runs(house: House) -> ExperimentView:
    """a: top, running, tagged, of type X with trait t. b: below a, completed. c: below b. d: top, nothing set."""

    def fill(db: Transaction) -> ExperimentView:
        experiment = create_experiment(db, house.alice, house.workspace, "lists")

        def put(run: str, parent: str | None = None, **more: object) -> None:
            changes = RunChanges(more.pop("fields", {}), parent, **more)  # type: ignore[arg-type]  # as written here
            put_run(db, house.alice, house.workspace, experiment, run, changes)

        kind = {"runTypeV2": {"orchestrator": "X", "traits": ["t", "u"]}, "runDefinition": {"orchestrator": "Y"}}
        fields = {"status": "Running", "started_at": MARCH, "run_type": "azureml.scriptrun", "target": "local"}
        put("a", tags={"team": "red and blue", "k": "v"}, details=kind, fields=fields)
        put(
            "b",
            "a",
            properties={"azureml.runsource": "azureml.scriptrun"},
            fields={"status": "Completed", "started_at": MARCH + DAY},
        )
        put("c", "b", tags={"k": "w"}, fields={"hidden_in_lists": True})
        put("d")
        return experiment

    return house.database.write_now(fill)


FILTERS = {
    "(ParentRunId eq null)": "ad",
    "ParentRunId ne null": "bc",
    "ParentRunId eq a": "b",
    "ParentRunId ne a": "acd",
    "(Status eq Running)": "a",
    "(Status ne Running)": "bcd",
    "(RunType eq azureml.scriptrun or Properties/azureml.runsource eq azureml.scriptrun)": "ab",
    "(Tags/k eq v)": "a",
    '(Tags/team eq "red and blue")': "a",
    "(Tags/team eq 'red and blue')": "a",
    "(Tags/k ne null or Tags/k eq null)": "ac",
    "(Tags/k ne v)": "c",
    "(Properties/none ne null or Properties/none eq null)": "",
    "(RunTypeV2/Orchestrator eq X)": "a",
    "(RunTypeV2/Orchestrator eq Y)": "",
    "(RunTypeV2/Traits/t ne null) or (RunTypeV2/Traits/t eq null)": "a",
    "(RunTypeV2/Traits/T ne null)": "",
    "(CreatedUtc ge 2000-01-01 00:00:00)": "abcd",
    "StartTimeUtc gt 2026-03-01T00:00:00Z": "b",
    "StartTimeUtc eq null": "cd",
    "(Target eq local)": "a",
    "RootRunId eq a": "abc",
    "RootRunId eq b": "",
    "RootRunId ne a": "d",
    "RunId ne a": "bcd",
    "RunId eq a or RunId eq d": "ad",
    "runid eq a and status eq Running or runid eq d": "ad",
    "runid eq a and (status eq Completed or runid eq d)": "",
    "Hidden eq true": "c",
    "RunNumber le 2": "ab",
    "RunId eq A": "",
    "RunId eq 'a'' or RunId eq d": "d",
    "": "abcd",
}


def test_a_filter_finds_what_it_says(house: House, runs: ExperimentView) -> None:
    assert {filter_: found(house, runs, filter_) for filter_ in FILTERS} == FILTERS


ORDERS = {
    None: "abcd",
    "StartTimeUtc desc": "badc",
    "StartTimeUtc": "abcd",
    "Status,RunId desc": "bdca",
    "RunNumber desc": "dcba",
}


def test_an_order_is_total_and_pages_follow_it(house: House, runs: ExperimentView) -> None:
    for order, size in itertools.product(ORDERS, (1, 2, 3, 10)):
        seen, place = "", None
        while True:
            question = Question(None, order, size, place)
            page = house.database.read_now(
                lambda db, q=question: list_runs(db, house.workspace, Within(experiment_row=runs.row_id), q)  # type: ignore[misc]  # binds the loop's value
            )
            seen += "".join(run.run_id for run in page.runs)
            if (place := page.next_place) is None:
                break
        assert seen == ORDERS[order], (order, size)


def test_roots_are_found_at_any_depth(house: House, runs: ExperimentView) -> None:
    page = house.database.read_now(lambda db: list_runs(db, house.workspace, Within(), Question()))
    assert {run.run_id: page.roots[run.row_id] for run in page.runs} == {"a": "a", "b": "a", "c": "a", "d": "d"}


def test_runs_are_counted_where_a_filter_holds(house: House, runs: ExperimentView) -> None:
    counts = house.database.read_now(lambda db: count_runs(db, house.workspace, runs.row_id, "ParentRunId eq null"))
    assert counts == {"Running": 1, "NotStarted": 1}


def found(house: House, runs: ExperimentView, filter_: str) -> str:
    page = house.database.read_now(
        lambda db: list_runs(db, house.workspace, Within(experiment_row=runs.row_id), Question(filter_))
    )
    return "".join(sorted(run.run_id for run in page.runs))


BAD = [
    "Status",
    "Status eq",
    "Status is Running",
    "(Status eq Running",
    "Status eq Running)",
    "Status eq Running and",
    "and Status eq Running",
    "Tags/ eq x",
    "(" * 30 + "Status eq x" + ")" * 30,
    " or ".join(["RunId eq x"] * 101),
    "x" * 9_000,
]


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_a_filter_that_cannot_be_read_says_where(text: str) -> None:
    with pytest.raises(Invalid) as fault:
        read_filter(text)
    assert fault.value.code == "InvalidFilter"


def test_and_binds_closer_than_or() -> None:
    a, b, c = (Comparison("runid", None, "eq", each) for each in "abc")
    assert read_filter("RunId eq a or RunId eq b and RunId eq c") == AnyOf((a, AllOf((b, c))))


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_filter(text)
        read_order(text)
    except Invalid:
        pass


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40), st.sampled_from("'\""))
def test_a_quoted_value_is_any_text(value: str, quote: str) -> None:
    text = f"(Tags/k eq {quote}{value.replace(quote, quote * 2)}{quote}) and RunId eq x"
    assert read_filter(text) == AllOf((Comparison("tags", "k", "eq", value), Comparison("runid", None, "eq", "x")))


def test_a_page_token_is_bound_to_its_question(azure: Azure) -> None:
    for _ in range(3):
        azure.new_run()
    where = f"{azure.history}/experiments/{azure.experiment}/runs:query"
    token = azure.ok("POST", where, {"top": 1})["continuationToken"]
    assert len(azure.ok("POST", where, {"top": 5, "continuationToken": token})["value"]) == 2
    for body in ({"filter": "RunId ne x"}, {"orderby": "RunId"}):
        answer = azure.call("POST", where, body | {"continuationToken": token})
        assert answer.json()["error"]["innerError"]["code"] == "InvalidPageToken"
    bobs = azure.world.post(where, {"continuationToken": token}, azure.world.bob)
    assert bobs.status_code == 400


def test_the_published_list_calls_answer(azure: Azure) -> None:
    run = azure.new_run(target="gpu-box")
    for where in ("experiments/{e}/runs", "runs", "computes/gpu-box/runs"):
        value = azure.ok("GET", f"{azure.history}/{where.format(e=azure.experiment)}?$filter=RunId%20eq%20{run}")[
            "value"
        ]
        assert [each["runId"] for each in value] == [run]
    assert azure.call("GET", f"{azure.history}/runs?$top=0").status_code == 400
