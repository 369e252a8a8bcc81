"""Pipelines on SQLite and on PostgreSQL: what stands is found, what is hidden is not, secrets come back whole."""

import pytest

from freehold.domain.documents.queries import Paging
from freehold.domain.experiments.service import get_experiment
from freehold.domain.pipelines import drafts, drawn, graphs, objects, published, rules, runs
from freehold.domain.pipelines.graphs import Drawing
from freehold.domain.pipelines.objects import NewObject
from freehold.domain.pipelines.published import Submission
from freehold.domain.pipelines.queries import Wanted
from freehold.domain.runs import service as history
from freehold.domain.runs.upsert import RunChanges, put_run
from freehold.kit.problems import NotFound
from freehold.storage.transaction import Transaction
from tests.conftest import House

DRAWING = Drawing({"ModuleNodes": [{"Id": "n"}], "DefaultCompute": {"Password": "a-secret"}})


def publish(db: Transaction, house: House) -> objects.ObjectView:
    return published.create_pipeline(db, house.alice, house.workspace, "p", DRAWING, {"Version": "1"})


def submit(db: Transaction, house: House, pipeline: objects.ObjectView) -> runs.PipelineRunView:
    said = Submission({"ParameterAssignments": {"password": "p"}}, "e")
    return published.submit(db, house.alice, house.workspace, rules.PIPELINE, pipeline.object_id, said)


def test_runs_of_a_pipeline_are_listed_counted_and_paged(house: House) -> None:
    pipeline = house.database.write_now(lambda db: publish(db, house))
    made = [house.database.write_now(lambda db: submit(db, house, pipeline)).run.run_id for _ in range(3)][::-1]

    def read(db: Transaction) -> None:
        wanted = Wanted(active_only=True, under=pipeline.row_id)
        first = runs.list_pipeline_runs(db, house.workspace, Paging(2), wanted)
        second = runs.list_pipeline_runs(db, house.workspace, Paging(2, first.next_place), wanted)
        assert [each.run.run_id for each in (*first.runs, *second.runs)] == made
        assert second.next_place is None
        summary = published.summarise(db, house.workspace, pipeline)
        assert summary.last is not None
        assert (summary.last.run.run_id, summary.number_of_runs) == (made[0], 3)

    house.database.read_now(read)


def test_a_pipeline_run_is_out_of_sight_with_its_run(house: House) -> None:
    pipeline = house.database.write_now(lambda db: publish(db, house))
    run_id = house.database.write_now(lambda db: submit(db, house, pipeline)).run.run_id
    house.database.write_now(lambda db: history.delete_run(db, house.workspace, run_id))
    with pytest.raises(NotFound):
        house.database.read_now(lambda db: runs.get_pipeline_run(db, house.workspace, run_id))
    assert house.database.read_now(lambda db: runs.count_runs_of(db, house.workspace, pipeline.row_id)) == 0
    house.database.write_now(lambda db: history.restore_run(db, house.workspace, run_id))
    found = house.database.read_now(lambda db: runs.get_pipeline_run(db, house.workspace, run_id, opens=True))
    assert found.object.document["ParameterAssignments"] == {"password": "p"}


def test_the_newest_step_of_a_node_counts(house: House) -> None:
    pipeline = house.database.write_now(lambda db: publish(db, house))
    parent = house.database.write_now(lambda db: submit(db, house, pipeline)).run

    def report(db: Transaction) -> None:
        experiment = get_experiment(db, house.workspace, parent.experiment_id)
        for name in ("first", "second"):
            changes = RunChanges({"status": "Running"}, parent.run_id, tags={rules.NODE_TAG: "n"})
            put_run(db, house.alice, house.workspace, experiment, name, changes)

    house.database.write_now(report)
    found = house.database.read_now(lambda db: runs.steps_of(db, house.workspace, parent.run_id))["n"]
    assert found is not None
    assert (found.run_id, rules.step_state(found.status)) == ("second", "Running")


def test_a_copied_graph_keeps_its_secrets(house: House) -> None:
    def make(db: Transaction) -> tuple[str, str]:
        of = publish(db, house)
        draft = drawn.clone_pipeline(db, house.alice, house.workspace, of.object_id)
        assert draft.graph_draft_id is not None
        assert of.graph_id is not None
        return of.graph_id, draft.graph_draft_id

    first, copy = house.database.write_now(make)
    shown = house.database.read_now(lambda db: graphs.get_graph(db, house.workspace, first))
    assert shown.drawing.document["DefaultCompute"] == {"Password": None}
    opened = house.database.read_now(lambda db: drafts.get_graph_draft(db, house.workspace, copy, opens=True))
    assert opened.drawing.document["DefaultCompute"] == {"Password": "a-secret"}


def test_objects_are_found_by_digest_and_name_newest_first(house: House) -> None:
    def make(db: Transaction) -> list[str]:
        new = NewObject({"Description": "d"}, "name", digest="h")
        return [objects.add(db, house.alice, house.workspace, rules.MODULE, new).object_id for _ in range(2)]

    ids = house.database.write_now(make)
    for find, key in ((objects.get_by_digest, "h"), (objects.get_by_name, "name")):
        found = house.database.read_now(lambda db, find=find, key=key: find(db, house.workspace, rules.MODULE, key))  # type: ignore[misc]  # binds the loop's value
        assert found.object_id == ids[1]
    with pytest.raises(NotFound):
        house.database.read_now(lambda db: objects.get(db, house.workspace, rules.PIPELINE, ids[0]))
