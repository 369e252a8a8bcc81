"""`rest/` in a bag holds the documents that the GET calls answer, but for what is declared withheld."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.commands import freehold
from tests.world import World


@pytest.fixture(scope="module")
def exported(
    shared_world: World, tmp_path_factory: pytest.TempPathFactory
) -> tuple[World, str, dict[str, list[Any]], Any]:
    """The world, a run id, the documents of an export of its experiment by resource, and coverage.json."""
    made = shared_world.mlflow("POST", "experiments/create", {"name": "rest-documents"})
    created = shared_world.mlflow(
        "POST",
        "runs/create",
        {"experiment_id": made["experiment_id"], "run_name": "r", "tags": [{"key": "k", "value": "v"}]},
    )
    run_id = created["run"]["info"]["run_id"]
    path = f"/api/2.0/mlflow-artifacts/artifacts/{made['experiment_id']}/{run_id}/artifacts/a/b.txt"
    assert shared_world.request("PUT", path, shared_world.alice, content=b"hello").status_code == 200
    bag = tmp_path_factory.mktemp("rest") / "bag.tar"
    freehold(shared_world, "export", "experiment", made["experiment_id"], "--to", str(bag))
    documents: dict[str, list[Any]] = {}
    coverage: Any = None
    with tarfile.open(bag) as tar:
        for member in tar:
            parts = Path(member.name).parts
            content = tar.extractfile(member)
            assert content is not None
            if parts[1:3] == ("data", "rest"):
                documents.setdefault(parts[3], []).extend(map(json.loads, content.read().splitlines()))
            if parts[1:] == ("data", "coverage.json"):
                coverage = json.loads(content.read())
    return shared_world, run_id, documents, coverage


def test_a_run_reads_in_the_bag_as_over_http(exported: tuple[World, str, dict[str, list[Any]], Any]) -> None:
    world, run_id, documents, coverage = exported
    answer = world.get(f"/history/v1.0{world.workspace}/runs/{run_id}", world.alice).json()
    withheld = coverage["rest"]["runs"]["fields_withheld"]
    (found,) = documents["runs"]
    assert found["runId"] == run_id
    assert set(withheld) == {"createdBy", "userId", "token", "tokenExpiryTimeUtc"}
    assert {name: value for name, value in found.items() if name not in withheld} == {
        name: value for name, value in answer.items() if name not in withheld
    }
    assert all(found[name] is None for name in withheld)


def test_an_experiment_and_an_artifact_too(exported: tuple[World, str, dict[str, list[Any]], Any]) -> None:
    world, run_id, documents, coverage = exported
    (experiment,) = documents["experiments"]
    answer = world.get(f"/history/v1.0{world.workspace}/experiments/rest-documents", world.alice).json()
    assert experiment == answer
    (artifact,) = documents["artifacts"]
    listed = world.get(f"/artifact/v2.0{world.workspace}/artifacts/ExperimentRun/dcid.{run_id}", world.alice).json()[
        "value"
    ]
    assert artifact == listed[0]
    assert {name: each["documents"] for name, each in coverage["rest"].items()} == {
        "artifacts": 1,
        "experiments": 1,
        "runs": 1,
    }


def test_what_is_left_out_of_the_documents_is_told(exported: tuple[World, str, dict[str, list[Any]], Any]) -> None:
    _, _, documents, coverage = exported
    assert set(coverage["rest_left_out"]) == {"metrics"}
    assert "metrics" not in documents
    assert "tables/" in coverage["rest_left_out"]["metrics"]


def test_no_name_of_a_person_is_in_the_documents(exported: tuple[World, str, dict[str, list[Any]], Any]) -> None:
    world, _, documents, _ = exported
    assert world.alice.object_id not in json.dumps(documents)
