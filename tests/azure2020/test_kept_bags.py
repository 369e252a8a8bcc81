"""A kept bag goes with whatever it names, also where nothing refers to that any more."""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from freehold.records.rules import Scope
from tests.azure2020.conftest import Azure
from tests.azure2020.pipelines import at, make_run, publish
from tests.azure2020.test_datasets import body, register
from tests.azure2020.test_datasets import root as datasets
from tests.azure2020.test_pipelines_drafts import make_draft, make_graph_draft
from tests.lifecycle.imports.bags import files_of
from tests.lifecycle.test_every_scope import ready, text_of

PARENT = "mlflow.parentRunId"


class Left(NamedTuple):
    """What a bag is made of, what that refers to, and how it comes to refer to another thing."""

    scope: Scope
    root_id: str
    named_scope: Scope
    named: str
    move: Callable[[], Any]


def a_run_below_another_parent(azure: Azure) -> Left:
    old, new = azure.new_run(), azure.new_run()
    child = azure.new_run(parentRunId=old)
    tagged = {"tags": {PARENT: new}}
    return Left(Scope.RUN, child, Scope.RUN, old, lambda: azure.put_run(child, parentRunId=new, **tagged))


def a_dataset_put_again(azure: Azure) -> Left:
    flow = json.dumps({"blocks": [azure.name("secret")]})
    made = register(azure, azure.name("data"), flow)
    where = f"{datasets(azure)}/datasets/{made['datasetId']}/definitions/1?forceUpdate=true"
    saved = made["latest"]["savedDatasetId"]
    return Left(
        Scope.DATASET, made["datasetId"], Scope.DATASET, saved, lambda: azure.ok("PUT", where, body("")["latest"])
    )


def a_draft_on_another_graph(azure: Azure) -> Left:
    made, other = make_draft(azure), make_graph_draft(azure)["Id"]
    where, old = at(azure, f"PipelineDrafts/{made['Id']}"), made["GraphDraftId"]
    return Left(
        Scope.PIPELINE_DRAFT,
        made["Id"],
        Scope.PIPELINE_OBJECT,
        old,
        lambda: azure.ok("PUT", where, {"GraphDraftId": other}),
    )


def a_draft_that_was_cloned(azure: Azure) -> Left:
    old, other = make_draft(azure)["Id"], make_draft(azure)["Id"]
    made = azure.ok("GET", at(azure, f"PipelineDrafts/Clone/{old}"))["Id"]
    move = {"ParentPipelineDraftId": other}
    return Left(
        Scope.PIPELINE_DRAFT,
        made,
        Scope.PIPELINE_DRAFT,
        old,
        lambda: azure.ok("PUT", at(azure, f"PipelineDrafts/{made}"), move),
    )


def a_draft_that_was_submitted_again(azure: Azure) -> Left:
    made = make_draft(azure)
    submit = at(azure, "PipelineRuns/PipelineDraftSubmit")
    old = azure.ok("POST", submit, made)["Id"]
    return Left(Scope.PIPELINE_DRAFT, made["Id"], Scope.RUN, old, lambda: azure.ok("POST", submit, made))


def a_draft_of_a_run(azure: Azure) -> Left:
    """Nothing is moved: the draft goes on naming it."""
    run = make_run(azure)["Id"]
    made = azure.ok("GET", at(azure, f"PipelineDrafts/ClonePipelineRun/{run}"))["Id"]
    return Left(Scope.PIPELINE_DRAFT, made, Scope.RUN, run, lambda: None)


def an_endpoint_with_another_pipeline(azure: Azure) -> Left:
    old, new = publish(azure)["Id"], publish(azure)["Id"]
    asked = {"Name": azure.name("endpoint"), "PipelineId": old}
    made = azure.ok("POST", at(azure, "PipelineEndpoints/Create"), asked)["Id"]
    move = {"PipelineVersionList": [{"Version": "0", "PipelineId": new}]}
    return Left(
        Scope.PIPELINE_OBJECT,
        made,
        Scope.PIPELINE_OBJECT,
        old,
        lambda: azure.ok("PUT", at(azure, f"PipelineEndpoints/{made}"), move),
    )


def a_schedule_of_another_pipeline(azure: Azure) -> Left:
    old, new = publish(azure)["Id"], publish(azure)["Id"]
    asked = {
        "Name": "nightly",
        "PipelineId": old,
        "ScheduleType": "0",
        "Recurrence": {"Frequency": "2", "Interval": 1, "Schedule": {"Hours": [3], "Minutes": [0], "WeekDays": ["0"]}},
        "PipelineSubmissionInfo": {"ExperimentName": azure.experiment, "Description": "d", "tags": {"a": "b"}},
    }
    made = azure.ok("POST", at(azure, "Schedules/Create"), asked)
    where = at(azure, f"Schedules/{made['Id']}")
    return Left(
        Scope.PIPELINE_OBJECT,
        made["Id"],
        Scope.PIPELINE_OBJECT,
        old,
        lambda: azure.ok("PUT", where, {"PipelineId": new}),
    )


def _model(azure: Azure, **more: Any) -> str:
    asked = {"name": azure.name("model"), "url": "https://h.example.org/m", "mimeType": "x", **more}
    return str(azure.ok("POST", f"{azure.models}/models", asked)["id"])


def _image(azure: Azure, model: str) -> str:
    name = azure.name("image")
    asked = {"name": name, "modelIds": [model], "imageType": "Docker", "imageLocation": "r.example.org/s"}
    azure.ok("POST", f"{azure.models}/images", asked, status=202)
    return f"{name}:1"


def a_service_on_another_image(azure: Azure) -> Left:
    name, old, new = azure.name("service"), _image(azure, _model(azure)), _image(azure, _model(azure))
    azure.ok("POST", f"{azure.models}/services", {"name": name, "computeType": "ACI", "imageId": old}, status=202)
    change = [{"op": "replace", "path": "/imageId", "value": new}]
    return Left(
        Scope.SERVICE, name, Scope.IMAGE, old, lambda: azure.ok("PATCH", f"{azure.models}/services/{name}", change)
    )


def the_run_of_a_model_of_an_image(azure: Azure) -> Left:
    """Nothing is moved: it is three links away."""
    run = azure.new_run()
    return Left(Scope.IMAGE, _image(azure, _model(azure, runId=run)), Scope.RUN, run, lambda: None)


def a_model_with_one_made_of_it(azure: Azure) -> Left:
    """Nothing in it refers to that one: its documents list what refers to it."""
    model = _model(azure)
    return Left(Scope.MODEL, model, Scope.MODEL, _model(azure, parentModelId=model), lambda: None)


def an_image_of_a_model_with_one_made_of_it(azure: Azure) -> Left:
    left = a_model_with_one_made_of_it(azure)
    return left._replace(scope=Scope.IMAGE, root_id=_image(azure, left.root_id))


@pytest.mark.parametrize(
    "make",
    [
        a_run_below_another_parent,
        a_dataset_put_again,
        a_draft_on_another_graph,
        a_draft_that_was_cloned,
        a_draft_that_was_submitted_again,
        a_draft_of_a_run,
        an_endpoint_with_another_pipeline,
        a_schedule_of_another_pipeline,
        a_service_on_another_image,
        the_run_of_a_model_of_an_image,
        a_model_with_one_made_of_it,
        an_image_of_a_model_with_one_made_of_it,
    ],
)
def test_a_bag_goes_with_what_it_names(azure: Azure, make: Callable[[Azure], Left]) -> None:
    left = make(azure)
    bag = ready(azure, azure.workspace, left.scope, left.root_id)
    assert left.named.partition(":")[0] in text_of(files_of(azure.call("GET", bag).content))
    left.move()
    asked = {"scope": left.named_scope.value, "id": left.named}
    kept = azure.ok("POST", f"/freehold/v1{azure.workspace}/erasures", asked | {"dry_run": True})["copies"]
    assert bag.split("/")[-2] in [each["operation_id"] for each in kept]
    azure.ok("POST", f"/freehold/v1{azure.workspace}/erasures", asked, status=202)
    azure.erased()
    assert azure.call("GET", bag).status_code == 404
    assert list(azure.world.folder.glob(f"exports/{bag.split('/')[-2]}*")) == []


def test_a_bag_that_was_made_after_the_move_stays(azure: Azure) -> None:
    left = a_run_below_another_parent(azure)
    left.move()
    bag = ready(azure, azure.workspace, left.scope, left.root_id)
    azure.ok("POST", f"/freehold/v1{azure.workspace}/erasures", {"scope": "run", "id": left.named}, status=202)
    azure.erased()
    assert left.named not in text_of(files_of(azure.call("GET", bag).content))


@pytest.mark.parametrize("scope", [Scope.RUN, Scope.WORKSPACE])
def test_an_export_asked_for_right_after_a_deletion_ends_well(azure: Azure, scope: Scope) -> None:
    """The deletion waits for more of them before it removes the copies that it covers: this is none of those."""
    gone, stays = azure.new_run(), azure.new_run()
    azure.ok("POST", f"{azure.models}/models", {"name": gone, "url": "https://h.example.org/m", "mimeType": "x"})
    azure.ok("DELETE", f"{azure.models}/models/{gone}:1")
    bag = ready(azure, azure.workspace, scope, stays if scope is Scope.RUN else None)
    azure.erased()
    assert azure.call("GET", bag).status_code == 200


@pytest.mark.parametrize("scope", [Scope.RUN, Scope.WORKSPACE])
def test_a_bag_asked_for_beside_an_erasure_names_nothing_of_it(azure: Azure, scope: Scope) -> None:
    """The id of a parent stands in a child's tags until the parent's row goes: the export waits for that."""
    parent = azure.new_run()
    child = azure.new_run(parentRunId=parent, tags={PARENT: parent})
    azure.ok("POST", f"/freehold/v1{azure.workspace}/erasures", {"scope": "run", "id": parent}, status=202)
    bag = ready(azure, azure.workspace, scope, child if scope is Scope.RUN else None)
    azure.erased()
    text = text_of(files_of(azure.call("GET", bag).content))
    assert child in text
    assert re.search(rf"\b{parent}\b", text) is None
