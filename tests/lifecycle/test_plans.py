"""What `freehold plan` and `freehold catalogue` say, before anything is done."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from freehold.cli.commands import COMMANDS, app_of
from freehold.cli.failure import Failure
from freehold.cli.plans import show_catalogue
from freehold.records.catalogue import catalogue
from freehold.records.places import PLACES
from tests.commands import freehold
from tests.world import World


@pytest.fixture(scope="module")
def run(shared_world: World) -> str:
    made = shared_world.mlflow("POST", "experiments/create", {"name": "planned"})
    created = shared_world.mlflow("POST", "runs/create", {"experiment_id": made["experiment_id"], "run_name": "r"})
    run_id = str(created["run"]["info"]["run_id"])
    for step in range(3):
        body = {"run_id": run_id, "key": "loss", "value": 0.5, "timestamp": 1, "step": step}
        shared_world.mlflow("POST", "runs/log-metric", body)
    parameter = {"run_id": run_id, "key": "depth", "value": "drei é"}
    shared_world.mlflow("POST", "runs/log-parameter", parameter)
    path = f"/api/2.0/mlflow-artifacts/artifacts/{made['experiment_id']}/{run_id}/artifacts/a.txt"
    assert shared_world.request("PUT", path, shared_world.alice, content=b"hello").status_code == 200
    return run_id


def test_an_export_is_planned_with_counts_and_bytes(shared_world: World, run: str) -> None:
    found = json.loads(freehold(shared_world, "plan", "export", "run", run, "--json"))
    rows = {each["record"]: each["rows"] for each in found["records"]}
    assert (rows["runs"], rows["artifacts"], found["metric_points"]) == (1, 1, 3)
    assert {"prefix": "artifacts", "count": 1, "bytes": 5} in found["objects"]
    sizes = {each["record"]: each["bytes"] for each in found["records"]}
    assert sizes["run_parameters"] == len("depthdrei é".encode())
    assert sizes["runs"] > len(run)
    assert found["metric_bytes"] > 0
    withheld = {each["record"]: each["because"] for each in found["withheld"]}
    assert "persons" in withheld
    assert all(withheld.values())


def test_an_export_does_what_its_plan_says(shared_world: World, run: str) -> None:
    planned = shared_world.post(
        "/freehold/v1/exports", {"scope": "run", "id": run, "dry_run": True}, shared_world.alice
    )
    assert planned.status_code == 200
    begun = shared_world.post("/freehold/v1/exports", {"scope": "run", "id": run}, shared_world.alice).json()
    while (now := shared_world.get(f"/freehold/v1/operations/{begun['id']}", shared_world.alice).json())["state"] in (
        "NotStarted",
        "Running",
    ):
        pass
    counts = now["result"]["counts"]
    assert {each["record"]: each["rows"] for each in planned.json()["records"]}.items() <= counts.items()
    assert counts["metric_points"] == planned.json()["metric_points"]


@pytest.mark.parametrize("verb", ["erase", "export"])
def test_what_people_read_of_a_plan_has_the_bytes_of_files(shared_world: World, run: str, verb: str) -> None:
    found = json.loads(freehold(shared_world, "plan", verb, "run", run, "--json"))
    said = " ".join(freehold(shared_world, "plan", verb, "run", run).split())
    assert [each["bytes"] for each in found["objects"] if each["count"]] == [5]
    for each in found["objects"]:
        assert f"{each['prefix']}, {each['bytes']} B" in said


def test_an_erasure_is_planned_and_nothing_goes(shared_world: World, run: str) -> None:
    found = json.loads(freehold(shared_world, "plan", "erase", "run", run, "--json"))
    assert found["digest"]
    assert {"record": "run_parameters", "count": 1, "bytes": len("depthdrei é".encode())} in found["steps"]
    assert {"record": "runs", "count": 1}.items() <= next(
        each for each in found["steps"] if each["record"] == "runs"
    ).items()
    assert "runs" in freehold(shared_world, "plan", "erase", "run", run)
    assert shared_world.mlflow("GET", "runs/get", {"run_id": run})["run"]["info"]["run_id"] == run


@pytest.mark.parametrize(("verb", "staying"), [("erase", "retained"), ("export", "withheld")])
def test_what_people_read_of_a_plan_has_its_digest_and_each_reason_once(
    shared_world: World, run: str, verb: str, staying: str
) -> None:
    found = json.loads(freehold(shared_world, "plan", verb, "run", run, "--json"))
    lines = [" ".join(line.split()) for line in freehold(shared_world, "plan", verb, "run", run).splitlines()]
    said = " ".join(lines)
    assert found["digest"] in said
    for because in {each["because"] for each in found[staying]}:
        assert said.count(f"- {because}: ") == 1, because
    assert len(lines) < len(found[staying]) + 30
    for each in [each["record"] for each in found[staying]] + found.get("not_covered", []):
        assert each in said


def test_an_erasure_is_refused_where_another_plan_was_confirmed(shared_world: World) -> None:
    made = shared_world.mlflow("POST", "runs/create", {"experiment_id": "0", "run_name": "confirmed"})
    run, asked = made["run"]["info"]["run_id"], ("erase", "run", made["run"]["info"]["run_id"], "--yes")
    digest = json.loads(freehold(shared_world, "plan", "erase", "run", run, "--json"))["digest"]
    assert "PlanChanged" in freehold(shared_world, *asked, "--plan", "0" * 64, expect=1)
    told = freehold(shared_world, "erase", "run", run, "--dry-run", "--json", "--plan", "0" * 64, expect=1)
    said = json.JSONDecoder().raw_decode(told)[0]
    assert (said["error"]["code"], said["plan"]["digest"]) == ("PlanChanged", digest)
    assert shared_world.mlflow("GET", "runs/get", {"run_id": run})["run"]["info"]["run_id"] == run
    assert "level reached: verified" in freehold(shared_world, *asked, "--plan", digest)


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [(("erase", "run"), 2), (("export", "workspace", "x"), 2), (("burn", "run", "x"), 2), (("erase", "run", "no"), 1)],
)
def test_wrong_questions_are_told_apart(shared_world: World, arguments: tuple[str, ...], exit_code: int) -> None:
    freehold(shared_world, "plan", *arguments, expect=exit_code)


@pytest.mark.parametrize(
    ("scope", "called"),
    [
        ("run", "run of this id in"),
        ("asset", "asset of this id in"),
        ("model", "model of this id or name:version in"),
        ("experiment", "experiment of this id or name in"),
        ("compute", "compute of this id or name in"),
    ],
)
def test_what_is_not_found_is_told_by_what_it_may_be_called(shared_world: World, scope: str, called: str) -> None:
    body = {"scope": scope, "id": "no", "dry_run": True}
    answer = shared_world.post("/freehold/v1/erasures", body, shared_world.alice)
    assert answer.status_code == 404
    assert called in answer.text


@pytest.mark.parametrize("verb", ["erasures", "exports", "holds"])
def test_a_thing_in_a_workspace_is_asked_for_by_its_id(shared_world: World, verb: str) -> None:
    body = {"scope": "run"} | ({"reason": "a case"} if verb == "holds" else {})
    answer = shared_world.post(f"/freehold/v1/{verb}", body, shared_world.alice)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidId")
    assert "which run is meant" in answer.json()["detail"]


@pytest.mark.parametrize("verb", ["erasures", "exports", "holds"])
def test_an_unknown_scope_is_answered_with_those_there_are(shared_world: World, verb: str) -> None:
    body = {"scope": "project", "reason": "a case"}
    answer = shared_world.post(f"/freehold/v1/{verb}", body, shared_world.alice)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidBody")
    assert "A project or an account is `workspace` at its own address" in answer.json()["detail"]
    assert "pipeline_draft" in answer.json()["detail"]


@pytest.mark.parametrize("verb", ["erase", "export"])
def test_a_scope_may_be_called_by_the_word_that_people_use(shared_world: World, verb: str) -> None:
    group = f"{shared_world.workspace.partition('/providers/')[0]}/providers/Microsoft.MachineLearning"
    account = f"{group}Experimentation/accounts/none"
    for word, path in (
        ("project", f"{account}/workspaces/w/projects/p"),
        ("account", account),
        ("account", f"{group}ModelManagement/accounts/none"),
    ):
        said = freehold(shared_world, "plan", verb, word, "--workspace", path, expect=1)
        assert "no such workspace" in " ".join(said.split()), "the server was asked"
    assert "pipeline draft of this" in freehold(shared_world, "plan", verb, "draft", "none", expect=1)
    for other in ([], ["--workspace", account], ["--workspace", shared_world.workspace]):
        assert "--workspace" in freehold(shared_world, "plan", verb, "project", *other, expect=2)


def test_every_field_of_every_record_is_explained() -> None:
    found = json.loads(catalogue_of("--json"))
    assert {each["record"]: [field["field"] for field in each["fields"]] for each in found} == {
        name: [column.name for column in record.table.columns] for name, record in catalogue().items()
    }
    for each in found:
        assert each["meaning"], f"{each['record']} says nothing of itself"
        assert each["container"]
        assert each["export"]
        assert each["erasure"]
        assert each["retention"]
        assert all(field["what"] for field in each["fields"])
        assert all((field["link"] is None) == (field["fate"] is None) for field in each["fields"])


def test_one_record_is_explained_in_words() -> None:
    said = catalogue_of("runs")
    assert "created_by" in said
    assert "pseudonym" in said
    with pytest.raises(Failure, match="There are: "):
        show_catalogue("nothing")
    with pytest.raises(Failure, match=r"Did you mean .*runs"):
        show_catalogue("run")


def test_every_place_of_files_is_explained() -> None:
    said, page = " ".join(catalogue_of().split()), Path("docs/catalogue.md").read_text("utf-8")
    for place in PLACES:
        assert place.name in said
        assert f"- **{place.name}** (" in page


def catalogue_of(*arguments: str) -> str:
    """It needs no server and no data."""
    result = CliRunner().invoke(app_of(COMMANDS), ["catalogue", *arguments], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("verb", ["exports", "erasures", "holds"])
def test_a_workspace_that_is_called_otherwise_is_not_meant(world: World, verb: str) -> None:
    """Who says another one's id at this one's address must not lose this one."""
    path = f"/freehold/v1{world.workspace}"
    for wrong in ("another", "0196a1b2-0000-7000-8000-00000000000f"):
        body = {"scope": "workspace", "id": wrong} | ({"reason": "a case"} if verb == "holds" else {})
        answer = world.post(f"{path}/{verb}", body, world.alice)
        assert (answer.status_code, "another id and another name" in answer.text) == (404, True), answer.text
    dry = {"scope": "workspace", "id": "Default", "dry_run": True}
    if verb != "holds":
        assert world.post(f"{path}/{verb}", dry, world.alice).status_code == 200
