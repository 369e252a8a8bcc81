"""Whatever stands in a document of a bag: it is refused, or every list and every export goes on with it."""

import json
from collections.abc import Iterator, Mapping
from functools import partial

import pytest

from freehold.kit.clock import SystemClock
from tests.lifecycle.imports.full_content import build_full
from tests.lifecycle.imports.going_on import questions
from tests.lifecycle.imports.readers import ask, reads
from tests.lifecycle.imports.spoiling import (
    BLUNT,
    Document,
    Spoilt,
    all_spoilt,
    documents,
    is_refused,
    put,
    rounds,
    write_rest,
)
from tests.oracle.serving import Served, serve_copy
from tests.world import make_world

OPENED = {
    "assets.document: given",
    "computes.document: properties",
    "images.document: assets",
    "models.document: datasets/0",
    "models.document: url",
    "pipeline_drafts.document: PipelineSubmissionInfo/ExperimentName",
    "pipeline_drafts.document: tags",
    "pipeline_graphs.document: ModuleNodes/0/Id",
    "pipeline_graphs.interface: Ports",
    "pipeline_objects.document module: StructuredInterface/Inputs/0",
    "pipeline_objects.document pipeline: ParameterAssignments",
    "pipeline_objects.document pipeline_endpoint: PipelineVersionList/0/PipelineId",
    "pipeline_objects.document pipeline_run: TotalRunSteps",
    "runs.details: warnings",
    "structured_metrics.document: values/0/0",
    "workspaces.properties cluster: containerService/orchestratorProperties",
    "workspaces.properties experimentation_account: storageAccount",
}
"""Some of all: each by a reader of its own."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server in this process, so that rows can be spoilt beneath it."""
    folder = tmp_path_factory.mktemp("documents")
    world = make_world(folder / "data").start()
    try:
        build_full(world)
    finally:
        world.stop()
    made = serve_copy(world, folder / "copy", SystemClock().now())
    made.begin(100)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def found(served: Served) -> list[Document]:
    return served.services.database.read_now(lambda db: list(documents(db)))


@pytest.fixture(scope="module")
def taken(found: list[Document]) -> list[Spoilt]:
    """What an import does not refuse."""
    return [each for each in all_spoilt(found) if not is_refused(each)]


def test_what_the_facades_write_is_taken(found: list[Document]) -> None:
    assert [each for each in found if is_refused(Spoilt(each, "", "", each.text))] == []


def test_what_an_older_release_wrote_is_taken(found: list[Document]) -> None:
    older = list(of_an_older_release(found))
    assert older
    assert [each for each in older if is_refused(Spoilt(each, "", "", each.text))] == []


def test_the_fields_that_readers_open_are_refused_where_they_are_wrong(found: list[Document]) -> None:
    all_found = [*found, *of_an_older_release(found)]
    refused = {each.field for each in all_spoilt(all_found) if is_refused(each)}
    assert refused >= OPENED, OPENED - refused


def test_whatever_is_taken_every_list_and_every_export_go_on(served: Served, taken: list[Spoilt]) -> None:
    asked, database = reads(served), served.services.database
    assert len(asked) > 120
    for some in rounds(taken):
        stand(served, {each.document: each.text for each in some})
        assert database.read_now(write_rest) > 50
        faults = [each for each in asked if ask(served, each) >= 500]
        assert faults == [], [each.where for each in some]
    stand(served, {each.document: each.document.text for each in taken})


def test_whatever_is_taken_clients_go_on_from_it(served: Served, taken: list[Spoilt]) -> None:
    place = served.world.workspace
    read = served.services.database.read_now
    asked = {each.document: read(partial(questions, document=each.document, workspace=place)) for each in taken}
    assert sum(map(len, asked.values())) > 50
    for each in (each for each in taken if each.said in BLUNT):
        for question in asked[each.document]:
            stand(served, {each.document: each.text})
            assert ask(served, question) < 500, (question, each.where)
        stand(served, {each.document: each.document.text})


def of_an_older_release(found: list[Document]) -> Iterator[Document]:
    """Endpoints wrote their versions into their documents."""
    for each in found:
        if each.kind == "pipeline_endpoint":
            listed = {"PipelineVersionList": [{"Version": "0", "PipelineId": "one"}]}
            yield each._replace(text=json.dumps(json.loads(each.text) | listed))


def stand(served: Served, texts: Mapping[Document, str]) -> None:
    served.services.database.write_now(partial(put, texts=texts))
