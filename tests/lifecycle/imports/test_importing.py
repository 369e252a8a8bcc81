"""Imports as people ask for them: into what stands already, under new ids, only to look; never what was erased."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from freehold.domain.runs.parents import PARENT_TAG
from tests.azure2020.conftest import Azure
from tests.commands import freehold
from tests.lifecycle.imports.bags import Files, as_tar, files_of, rows_of, table_of
from tests.lifecycle.imports.content import (
    EXPORTS,
    IMPORTS,
    begin_import,
    build_everything,
    ended,
    export_bag,
    import_bag,
    other_workspace,
    report_of,
)
from tests.world import World, make_world

OTHER = "whole-again"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = make_world(tmp_path_factory.mktemp("source") / "data").start()
    build_everything(made)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def bag(source: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_bag(source, tmp_path_factory.mktemp("bag") / "bag.tar")


def test_under_new_ids_all_is_there_and_equal_by_the_mapping(source: World, bag: Path, tmp_path: Path) -> None:
    place = other_workspace(source, OTHER)
    operation = import_bag(source, bag, at=place, new_ids="true")
    assert operation["state"] == "Succeeded", (operation, report_of(source, operation))
    mapping = source.get(f"{IMPORTS}/{operation['id']}/mapping", source.alice).json()
    before, after = files_of(bag), files_of(export_bag(source, tmp_path / "after.tar", at=place))
    assert set(tables(before)) == set(tables(after))
    for name in tables(before):
        expected = mapped(rows_as_text(before, name), mapping)
        if name != "workspaces":
            assert sorted(expected) == sorted(rows_as_text(after, name)), name
    assert sorted(mapped(paths(before), mapping)) == sorted(paths(after))
    assert {mapping[row["run_id"]] for row in rows_of(before, "runs")} == {
        row["run_id"] for row in rows_of(after, "runs")
    }
    (child,) = [row for row in rows_of(after, "runs") if row["parent_id"]]
    repeated = [rows_of(after, name) for name in ("run_tags", "run_properties")]
    said = [row["value"] for rows in repeated for row in rows if row["key"] in (PARENT_TAG, "azureml.pipelinerunid")]
    assert said == [child["parent_id"]] * 2 == [mapping["first"]] * 2
    assert all(old not in json.dumps(rows_as_text(after, "artifacts")) for old in mapping if len(old) > 20)


def tables(files: Files) -> list[str]:
    return sorted({path.split("/")[2] for path in files if path.startswith("data/tables/")})


def paths(files: Files) -> list[str]:
    return [path for path in files if path.startswith(("data/artifacts/", "data/asset_files/"))]


def rows_as_text(files: Files, name: str) -> list[str]:
    return [json.dumps(row, default=str, sort_keys=True) for row in table_of(files, name).to_pylist()]


def mapped(texts: list[str], mapping: dict[str, str]) -> list[str]:
    """Long ids wherever they stand; short ones (a client's own) as whole values, and behind `dcid.`."""
    pairs = [(old, new) for old, new in mapping.items() if len(old) >= 16 or old.startswith("dcid.")]
    for old, new in mapping.items():
        if len(old) < 16 and not old.startswith("dcid."):
            pairs += [(f'"{old}"', f'"{new}"'), (f'\\"{old}\\"', f'\\"{new}\\"')]
    pairs.sort(key=lambda pair: -len(pair[0]))
    found = []
    for text in texts:
        for old, new in pairs:
            text = text.replace(old, new)
        found.append(text)
    return found


def test_a_run_may_stand_before_the_one_that_it_is_nested_in(world: World, tmp_path: Path) -> None:
    """A client may name a parent that was made later: that link is written when all runs are."""
    child, parent = (made_run(world, name) for name in ("child", "parent"))
    world.mlflow("POST", "runs/set-tag", {"run_id": child, "key": PARENT_TAG, "value": parent})
    bag = export_bag(world, tmp_path / "bag.tar")
    operation = import_bag(world, bag, at=other_workspace(world, OTHER), new_ids="true")
    assert operation["state"] == "Succeeded", operation
    mapping = world.get(f"{IMPORTS}/{operation['id']}/mapping", world.alice).json()
    after = files_of(export_bag(world, tmp_path / "after.tar", at=world.workspace.replace("/default", f"/{OTHER}")))
    parents = {row["run_id"]: row["parent_id"] for row in rows_of(after, "runs")}
    assert parents == {mapping[child]: mapping[parent], mapping[parent]: None}


def test_new_ids_leave_documents_readable_where_an_old_one_is_a_word_of_theirs(world: World, tmp_path: Path) -> None:
    """A client may call a run `url` or `version`: a field of that name stays one."""
    with httpx.Client(base_url=world.url, timeout=60) as client:
        azure = Azure(world, client, world.alice, world.workspace, "digits")
        azure.make_experiment()
        for run in ("url", "version", "mimeType", "resourceRequirements"):
            azure.put_run(run)
        model = {"name": "digits", "url": "http://x.example.org", "mimeType": "url"}
        azure.ok("POST", f"{azure.models}/models", model)
        place = other_workspace(world, OTHER)
        operation = import_bag(world, export_bag(world, tmp_path / "bag.tar"), at=place, new_ids="true")
        assert operation["state"] == "Succeeded", operation
        (found,) = azure.ok("GET", f"/modelmanagement/v1.0{place}/models")["value"]
    assert {name: found[name] for name in model} == model
    export_bag(world, tmp_path / "after.tar", at=place)


def made_run(world: World, name: str) -> str:
    run = world.mlflow("POST", "runs/create", {"experiment_id": "0", "run_name": name})
    return str(run["run"]["info"]["run_id"])


def test_what_stands_already_is_listed_and_nothing_is_written(source: World, bag: Path) -> None:
    operation = import_bag(source, bag)
    assert operation["state"] == "Failed"
    assert operation["error"]["code"] == "ImportConflicts"
    said = operation["error"]["message"]
    assert "ids or names in the bag stand here already. The report lists them" in said
    assert f"GET /freehold/v1/imports/{operation['id']}/report." in said
    report = report_of(source, operation)
    taken = {each["record"] for each in report["taken"]}
    assert {"experiments", "runs", "models", "stored_objects", "members"} <= taken
    assert {"run_id": "first"} in [each["what"] for each in report["taken"]]
    under_new_ids = import_bag(source, bag, new_ids="true")
    assert report["names_taken_count"] == report_of(source, under_new_ids)["taken_count"] > 0
    assert f"into an empty workspace: {report['names_taken_count']} are names" in said
    assert not leftovers(source, operation["id"])


def leftovers(world: World, operation_id: str) -> list[str]:
    """Files of an import beside its report, once the clean-up that follows a failure is through."""
    folder, deadline = world.folder / "imports" / operation_id, time.monotonic() + 10
    while (found := [each.name for each in folder.rglob("*")]) != ["report.json"] and time.monotonic() < deadline:
        time.sleep(0.05)
    return [name for name in found if name != "report.json"]


def test_a_dry_run_only_looks(source: World, world: World, bag: Path) -> None:
    for server, taken in ((source, True), (world, False)):
        operation = import_bag(server, bag, dry_run="true")
        assert operation["state"] == "Succeeded", operation
        assert operation["result"]["dry_run"] is True
        report = report_of(server, operation)
        assert (report["taken_count"] > 0) is taken
        assert report["records"]["runs"] >= 4
        assert not leftovers(server, operation["id"])
    assert world.mlflow("POST", "experiments/search", {"max_results": 10}).get("experiments", []) == []


def test_what_was_erased_here_does_not_come_back(world: World, bag: Path) -> None:
    assert import_bag(world, bag)["state"] == "Succeeded"
    erased = world.post("/freehold/v1/erasures", {"scope": "experiment", "id": "digits"}, world.alice)
    assert ended(world, erased.json()["id"])["state"] == "Succeeded"
    for flags in ({}, {"new_ids": "true"}):
        operation = import_bag(world, bag, **flags)
        assert operation["error"]["code"] == "ImportErasedIds"
        assert "ids in the bag were erased here" in operation["error"]["message"]
        assert "nothing overrides that. Where the bag was made, export again without" in operation["error"]["message"]
        assert {"record": "run", "id": "first"} in report_of(world, operation)["erased"]


def test_what_was_erased_here_does_not_come_back_elsewhere_by_a_bag_of_its_own(
    world: World, bag: Path, tmp_path: Path
) -> None:
    """A bag of one run does not say which workspace it was in."""
    assert import_bag(world, bag)["state"] == "Succeeded"
    alone = export_bag(world, tmp_path / "run.tar", "run", "first")
    place = other_workspace(world, OTHER)
    erased = world.post("/freehold/v1/erasures", {"scope": "run", "id": "first"}, world.alice)
    assert ended(world, erased.json()["id"])["state"] == "Succeeded"
    for flags in ({}, {"new_ids": "true"}):
        operation = import_bag(world, alone, at=place, **flags)
        assert operation["error"]["code"] == "ImportErasedIds"
        assert {"record": "run", "id": "first"} in report_of(world, operation)["erased"]


def test_an_erasure_takes_the_files_of_an_import(world: World, bag: Path) -> None:
    operation = import_bag(world, bag, dry_run="true")
    assert import_bag(world, bag)["state"] == "Succeeded"
    assert (world.folder / "imports" / operation["id"]).exists()
    erased = world.post("/freehold/v1/erasures", {"scope": "run", "id": "first"}, world.alice)
    assert ended(world, erased.json()["id"])["state"] == "Succeeded"
    assert not (world.folder / "imports" / operation["id"]).exists()


def test_versions_go_on_behind_those_that_came(world: World, bag: Path) -> None:
    assert import_bag(world, bag)["state"] == "Succeeded"
    models = f"/modelmanagement/v1.0{world.workspace}/models"
    model = world.post(models, {"name": "digits", "url": "http://x.example.org", "mimeType": "x"}, world.alice)
    assert model.json()["version"] == 3


def test_metrics_and_files_read_as_before(source: World, world: World, bag: Path) -> None:
    assert import_bag(world, bag)["state"] == "Succeeded"
    (experiment,) = [e for e in experiments(world) if e["name"] == "flow/ø"]
    assert experiment in experiments(source)
    body = {"experiment_ids": [experiment["experiment_id"]]}
    runs = [server.mlflow("POST", "runs/search", body)["runs"] for server in (source, world)]
    ids = sorted(run["info"]["run_id"] for run in runs[0])
    assert ids == sorted(run["info"]["run_id"] for run in runs[1])
    for run in ids:
        asked = {"run_id": run, "metric_key": "a"}
        assert source.mlflow("GET", "metrics/get-history", asked) == world.mlflow("GET", "metrics/get-history", asked)
        for path in ("A.txt", "a.txt", "deep/er/é x"):
            where = f"/api/2.0/mlflow-artifacts/artifacts/{experiment['experiment_id']}/{run}/artifacts/{path}"
            assert source.get(where, source.alice).content == world.get(where, world.alice).content != b""


def experiments(world: World) -> list[Any]:
    found: list[Any] = world.mlflow("POST", "experiments/search", {"max_results": 100})["experiments"]
    return found


def test_only_who_owns_may_import(world: World, bag: Path) -> None:
    for person, status in ((world.bob, 403), (world.charlie, 404), (None, 401)):
        answer = world.request("POST", IMPORTS, person, content=bag.read_bytes())
        assert answer.status_code == status
    operation_id = begin_import(world, bag, dry_run="true")
    ended(world, operation_id)
    assert world.get(f"{IMPORTS}/{operation_id}/report", world.charlie).status_code == 404
    assert world.get(f"/freehold/v1/exports/{operation_id}/bag", world.alice).json()["code"] == "BagNotFound"
    assert world.request("DELETE", f"{IMPORTS}/{operation_id}/report", world.charlie).status_code == 404
    assert world.request("DELETE", f"{IMPORTS}/{operation_id}/report", world.alice).status_code == 204
    assert list((world.folder / "imports").iterdir()) == []


def test_what_an_import_under_way_has_is_not_removed(world: World, bag: Path) -> None:
    operation_id = begin_import(world, bag)
    left = f"{IMPORTS}/{operation_id}/report"
    assert world.request("DELETE", left).status_code == 401
    assert world.request("DELETE", left, world.charlie).status_code == 404
    refused = world.request("DELETE", left, world.alice)
    assert (refused.status_code, refused.json()["code"]) == (409, "ImportNotEnded")
    assert ended(world, operation_id)["state"] == "Succeeded"
    assert world.request("DELETE", left, world.alice).status_code == 204


def test_the_bag_of_an_export_is_nothing_left_of_an_import(world: World) -> None:
    operation_id = world.post(EXPORTS, {"scope": "workspace"}, world.alice).json()["id"]
    assert ended(world, operation_id)["state"] == "Succeeded"
    for method, tail in (("GET", "report"), ("GET", "mapping"), ("DELETE", "report")):
        assert world.request(method, f"{IMPORTS}/{operation_id}/{tail}", world.alice).status_code == 404
    assert world.get(f"{EXPORTS}/{operation_id}/bag", world.alice).status_code == 200


def test_a_repeated_request_is_one_import(world: World, bag: Path) -> None:
    key = {"Idempotency-Key": "once"}
    sent = [world.request("POST", IMPORTS, world.alice, content=bag.read_bytes(), headers=key) for _ in range(2)]
    assert sent[0].json()["id"] == sent[1].json()["id"]
    assert ended(world, sent[0].json()["id"])["state"] == "Succeeded"


def test_a_bag_joins_what_is_there_already(world: World, bag: Path) -> None:
    """Nothing of it is taken: it keeps its ids, and the workspace its own."""
    experiment = world.mlflow("POST", "experiments/create", {"name": "before"})["experiment_id"]
    before = world.get(f"{world.workspace}?api-version=2019-11-01", world.alice).json()
    operation = import_bag(world, bag)
    assert operation["state"] == "Succeeded", (operation, report_of(world, operation))
    assert operation["result"]["counts"]["took_identity"] == 0
    assert {"before", "flow/ø", "digits"} <= {each["name"] for each in experiments(world)}
    assert world.mlflow("GET", "experiments/get", {"experiment_id": experiment})["experiment"]["name"] == "before"
    after = world.get(f"{world.workspace}?api-version=2019-11-01", world.alice).json()
    assert after["properties"]["workspaceId"] == before["properties"]["workspaceId"]


def test_a_bag_of_one_experiment_goes_into_another_workspace(source: World, tmp_path: Path) -> None:
    bag = export_bag(source, tmp_path / "one.tar", "experiment", "digits")
    place = other_workspace(source, "only-one")
    operation = import_bag(source, bag, at=place, new_ids="true")
    assert operation["state"] == "Succeeded", (operation, report_of(source, operation))
    found = source.get(f"/history/v1.0{place}/experiments", source.alice).json()["value"]
    assert [each["name"] for each in found] == ["digits"]


def test_a_zip_comes_in_too(source: World, world: World, tmp_path: Path) -> None:
    bag = tmp_path / "one.zip"
    freehold(source, "export", "experiment", "digits", "--to", str(bag))
    operation = import_bag(world, bag)
    assert operation["state"] == "Succeeded", (operation, report_of(world, operation))
    assert "digits" in {each["name"] for each in experiments(world)}


def test_a_tar_without_a_top_folder_comes_in_too(source: World, world: World, bag: Path) -> None:
    operation = import_bag(world, as_tar(files_of(bag), top="./"))
    assert operation["state"] == "Succeeded", (operation, report_of(world, operation))


def test_the_command_line_brings_a_bag_in(world: World, source: World, bag: Path, tmp_path: Path) -> None:
    printed = freehold(world, "import", str(bag), "--dry-run")
    assert "0 ids or names are taken" in printed
    told = json.loads(freehold(world, "import", str(bag), "--json"))
    assert told["operation"]["state"] == "Succeeded"
    refused = freehold(world, "import", str(bag), expect=1)
    assert "taken: members member_id" in refused
    assert "more; --json lists all" in refused
    document, _ = json.JSONDecoder().raw_decode(freehold(world, "import", str(bag), "--json", expect=1))
    assert document["error"]["code"] == "ImportConflicts"
    assert len(document["report"]["taken"]) == document["report"]["taken_count"] > 20
    folder = tmp_path / "folder"
    freehold(source, "export", "experiment", "digits", "--to", str(folder))
    place, ids = other_workspace(source, "from-folder"), tmp_path / "ids.json"
    freehold(source, "import", str(folder), "--new-ids", "--mapping", str(ids), "--workspace", place)
    assert "first" in json.loads(ids.read_text())
    assert list((world.folder / "imports").iterdir()) == []


def test_what_an_import_elsewhere_tells_of_a_run_does_not_hold_up_its_erasure(world: World, tmp_path: Path) -> None:
    """Its mapping names the run as it was called where it came from: a mention in somebody else's paper."""
    experiment = world.mlflow("POST", "experiments/create", {"name": "digits"})["experiment_id"]
    run = world.mlflow("POST", "runs/create", {"experiment_id": experiment})["run"]["info"]["run_id"]
    bag = export_bag(world, tmp_path / "bag.tar")
    brought = import_bag(world, bag, at=other_workspace(world, OTHER), new_ids="true")
    assert run in world.get(f"{IMPORTS}/{brought['id']}/mapping", world.alice).json()
    begun = world.post("/freehold/v1/erasures", {"scope": "run", "id": run}, world.alice)
    erased = ended(world, begun.json()["id"])
    assert (erased["state"], erased["result"]["level"]) == ("Succeeded", "verified"), erased
    assert erased["result"]["scan"]["mentions"] > 0
    assert run in world.get(f"{IMPORTS}/{brought['id']}/mapping", world.alice).json()
