"""Registered models and assets: versions that go on, content that outlives its run, labels, pages, patches."""

import json
from typing import Any

import pytest

from freehold.records.rules import Scope
from tests.azure2020.conftest import Azure
from tests.lifecycle.imports.bags import files_of
from tests.lifecycle.test_every_scope import ready, text_of


def register(azure: Azure, name: str, **body: object) -> Any:
    return azure.ok("POST", f"{azure.models}/models", {"name": name, "url": "https://example.test/m.pkl", **body})


def asset_of_run(azure: Azure, name: str, **contents: bytes) -> tuple[str, dict[str, Any]]:
    run = azure.new_run()
    azure.upload("ExperimentRun", f"dcid.{run}", **contents)
    entry = {"prefix": f"ExperimentRun/dcid.{run}/model"}
    return run, azure.ok("POST", f"{azure.models}/assets", {"name": name, "artifacts": [entry], "runid": run})


def names(page: dict[str, Any]) -> list[str]:
    return [each["id"] for each in page["value"]]


def test_a_model_has_what_the_sdk_demands(azure: Azure) -> None:
    name, run = azure.name("digits"), azure.new_run()
    made = register(
        azure,
        name,
        mimeType="application/x-python",
        description="sees digits",
        unpack=False,
        kvTags={"area": "vision"},
        properties={"p": "1"},
        runId=run,
        framework="ScikitLearn",
        frameworkVersion="0.20",
        datasets=[{"name": "training", "id": "d-1"}],
        resourceRequirements={"cpu": 1, "memoryInGB": 0.5},
    )
    assert azure.ok("GET", f"{azure.models}/models/{name}:1") == made
    assert azure.ok("GET", f"/api{azure.workspace}/models/{name}:1?api-version=2019-11-01") == made
    needed = (
        "createdTime description id mimeType name properties unpack url version experimentName runId datasets createdBy"
    )
    assert set(needed.split()) <= made.keys()
    assert made["id"] == f"{name}:1"
    assert (made["experimentName"], made["runId"]) == (azure.experiment, run)
    assert (made["kvTags"], made["tags"]) == ({"area": "vision"}, ["area"])
    assert made["createdBy"]["userObjectId"] == azure.person.object_id
    assert made["datasets"] == [{"name": "training", "id": "d-1"}]


def test_versions_go_on_after_deletion(azure: Azure) -> None:
    name = azure.name("counted")
    assert [register(azure, name)["version"] for _ in range(2)] == [1, 2]
    for version in (1, 2):
        azure.ok("DELETE", f"{azure.models}/models/{name}:{version}")
        assert azure.call("GET", f"{azure.models}/models/{name}:{version}").status_code == 404
    assert azure.call("DELETE", f"{azure.models}/models/{name}:1").status_code == 204
    azure.erased()
    assert register(azure, name)["version"] == 3


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "ApiVersionUnspecified"),
        ("?api-version=2016-01-01", 400, "UnsupportedApiVersion"),
        ("?api-version=2018-11-19", 200, None),
        ("?api-version=2019-11-01%22", 200, None),
        ("?api-version=2019-11-01%20", 200, None),
    ],
)
def test_the_published_address_wants_a_version_that_is_served(
    azure: Azure, query: str, status: int, code: str | None
) -> None:
    answer = azure.call("GET", f"/api{azure.workspace}/models{query}")
    assert answer.status_code == status
    if code:
        assert answer.json()["error"]["code"] == code
        assert answer.json()["error"]["innerError"] is None
        assert "2019-11-01" in answer.json()["error"]["message"]


def test_a_missing_model_is_told_unwrapped(azure: Azure) -> None:
    answer = azure.call("GET", f"{azure.models}/models/nothing:1", headers={"x-ms-client-request-id": "abc"})
    assert answer.status_code == 404
    document = answer.json()
    assert (document["code"], document["statusCode"]) == ("ModelNotFound", 404)
    assert document["details"]
    assert answer.headers["x-ms-client-request-id"] == "abc"
    assert answer.headers["x-ms-request-id"]


def test_pages_follow_absolute_links_to_the_end(azure: Azure) -> None:
    name = azure.name("paged")
    for _ in range(5):
        register(azure, name)
    seen, where = [], f"{azure.models}/models?name={name}&count=2"
    while where:
        page = azure.ok("GET", where)
        seen += names(page)
        assert page.get("nextLink", "http").startswith("http")
        where = page.get("nextLink", "").removeprefix(azure.world.url)
        register(azure, name) if len(seen) == 2 else None
    assert seen == [f"{name}:{version}" for version in (5, 4, 3, 2, 1)]
    assert "nextLink" not in page


def test_a_page_token_is_good_for_its_own_question_only(azure: Azure) -> None:
    name = azure.name("bound")
    for _ in range(2):
        register(azure, name)
    link = azure.ok("GET", f"{azure.models}/models?name={name}&count=1")["nextLink"].removeprefix(azure.world.url)
    assert azure.call("GET", link.replace(name, "other")).status_code == 400
    assert azure.call("GET", link[:-4] + "AAAA").status_code == 400


def test_lists_are_narrowed(azure: Azure) -> None:
    name, run = azure.name("narrow"), azure.new_run()
    register(azure, name, kvTags={"area": "vision", "stage": "1"}, properties={"p": "1"}, runId=run)
    register(azure, name, tags=["area"])
    where = f"{azure.models}/models?name={name}"
    assert names(azure.ok("GET", f"{where}&tags=area")) == [f"{name}:2", f"{name}:1"]
    assert names(azure.ok("GET", f"{where}&tags=area=vision,stage")) == [f"{name}:1"]
    assert names(azure.ok("GET", f"{where}&tag=stage")) == [f"{name}:1"]
    assert names(azure.ok("GET", f"{where}&properties=p=1")) == [f"{name}:1"]
    assert names(azure.ok("GET", f"{where}&runId={run}")) == [f"{name}:1"]
    assert names(azure.ok("GET", f"{where}&latestVersionOnly=true")) == [f"{name}:2"]
    assert names(azure.ok("GET", f"{where}&orderBy=CreatedAtAsc")) == [f"{name}:1", f"{name}:2"]
    assert names(azure.ok("POST", f"{azure.models}/models/list", {"name": name, "count": 1})) == [f"{name}:2"]
    assert azure.call("GET", f"{where}&orderBy=Loudest").json()["code"] == "InvalidOrderBy"


def test_a_patch_changes_labels_and_description_only(azure: Azure) -> None:
    name = azure.name("patched")
    register(azure, name, kvTags={"a": "1"})
    patch = [
        {"op": "add", "path": "/kvTags/b", "value": "2"},
        {"op": "remove", "path": "/kvTags/a"},
        {"op": "replace", "path": "/description", "value": "better"},
    ]
    changed = azure.ok("PATCH", f"{azure.models}/models/{name}:1", patch)
    assert (changed["kvTags"], changed["description"]) == ({"b": "2"}, "better")
    for path, value in (("/name", "x"), ("/kvTags", 3), ("/datasets", 3), ("/datasets", ["x"])):
        bad = [{"op": "replace", "path": path, "value": value}]
        assert azure.call("PATCH", f"{azure.models}/models/{name}:1", bad).json()["code"] == "InvalidPatch"
    assert azure.ok("GET", f"{azure.models}/models/{name}:1") == changed


def test_what_nests_too_deep_to_be_listed_is_not_kept(azure: Azure) -> None:
    deep = json.loads('{"a":' * 500 + "7" + "}" * 500)
    service = {"name": azure.name("deep"), "computeType": "ACI", "autoScaler": deep}
    answer = azure.call("POST", f"{azure.models}/services", service)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidText")
    azure.ok("GET", f"{azure.models}/services")


def test_an_asset_keeps_its_bytes_when_its_run_is_erased(azure: Azure) -> None:
    name = azure.name("kept")
    run, asset = asset_of_run(azure, name, model__w=b"weights", model__sub__x=b"more", other=b"not this")
    model = register(azure, name, url=f"aml://asset/{asset['id']}", runId=run)
    assert asset["runid"] == run
    azure.world.post("/freehold/v1/erasures", {"scope": "run", "id": run}, azure.person).raise_for_status()
    azure.erased()
    after = azure.ok("GET", f"{azure.models}/assets/{asset['id']}")
    assert (after["runid"], after["artifacts"]) == (None, [{"id": None, "prefix": f"Asset/{asset['id']}"}])
    listed = azure.ok("GET", f"{azure.artifacts}/Asset/{asset['id']}")["value"]
    assert sorted(each["path"] for each in listed) == ["model/sub/x", "model/w"]
    assert azure.content("Asset", asset["id"], "model/w") == b"weights"
    assert azure.ok("GET", f"{azure.models}/models/{model['id']}")["runId"] is None


def test_an_asset_of_other_runs_than_its_own_names_its_files_itself(azure: Azure) -> None:
    """It is linked to one alone, the first or the one that it says it is of: nothing tells when another is erased."""
    first, second = (asset_of_run(azure, azure.name("part"), model__w=part)[0] for part in (b"one", b"two"))
    entries = [{"prefix": f"ExperimentRun/dcid.{run}/model"} for run in (first, second)]
    both = {"name": azure.name("both"), "artifacts": entries}
    other = {"name": azure.name("other"), "artifacts": entries[1:], "runid": first}
    made = [azure.ok("POST", f"{azure.models}/assets", body) for body in (both, other)]
    bag = ready(azure, azure.workspace, Scope.ASSET, made[0]["id"])
    azure.world.post("/freehold/v1/erasures", {"scope": "run", "id": second}, azure.person).raise_for_status()
    azure.erased()
    for asset in made:
        after = azure.ok("GET", f"{azure.models}/assets/{asset['id']}")
        assert after == asset
        assert (after["runid"], after["artifacts"]) == (first, [{"id": None, "prefix": f"Asset/{asset['id']}"}])
    assert azure.content("Asset", made[0]["id"], "1/model/w") == b"two"
    assert azure.content("Asset", made[1]["id"], "model/w") == b"two"
    kept = files_of(azure.client.get(bag, headers=azure.person.headers).content)
    assert second not in text_of(kept)


@pytest.mark.parametrize("entry", [{"prefix": "/model"}, {"prefix": ""}, {"prefix": "/"}, {"id": "/model/w"}])
def test_a_bag_of_an_asset_does_not_name_its_erased_run(azure: Azure, entry: dict[str, str]) -> None:
    """No answer names it any more; nor does the text that the answers are made of."""
    run, _ = asset_of_run(azure, azure.name("part"), model__w=b"one")
    ((key, tail),) = entry.items()
    named = {"id": None, "prefix": None} | {key: f"ExperimentRun/dcid.{run}{tail}"}
    asset = azure.ok("POST", f"{azure.models}/assets", {"name": azure.name("kept"), "artifacts": [named]})
    assert asset["artifacts"] == [named]
    azure.world.post("/freehold/v1/erasures", {"scope": "run", "id": run}, azure.person).raise_for_status()
    azure.erased()
    bag = azure.client.get(ready(azure, azure.workspace, Scope.ASSET, asset["id"]), headers=azure.person.headers)
    assert run not in text_of(files_of(bag.content))


def test_the_asset_goes_with_the_last_model_that_points_to_it(azure: Azure) -> None:
    name = azure.name("shared")
    run, asset = asset_of_run(azure, name, model__w=azure.name("bytes").encode())
    for _ in range(2):
        register(azure, name, url=f"aml://asset/{asset['id']}")
    azure.ok("DELETE", f"{azure.models}/models/{name}:1")
    azure.ok("GET", f"{azure.models}/assets/{asset['id']}")
    azure.ok("DELETE", f"{azure.models}/models/{name}:2")
    assert azure.call("GET", f"{azure.models}/assets/{asset['id']}").status_code == 404
    assert azure.content("ExperimentRun", f"dcid.{run}", "model/w") is not None
    azure.erased()


def test_uploads_of_an_asset_go_with_it(azure: Azure) -> None:
    name = azure.name("local")
    azure.upload("LocalUpload", name, model__w=b"1234")
    entry = {"prefix": f"LocalUpload/{name}/model"}
    asset = azure.ok("POST", f"{azure.models}/assets", {"name": name, "artifacts": [entry]})
    assert asset["artifacts"] == [{"id": None, **entry}]
    assert azure.content("LocalUpload", name, "model/w") == b"1234"
    azure.ok("DELETE", f"{azure.models}/assets/{asset['id']}")
    assert azure.call("DELETE", f"{azure.models}/assets/{asset['id']}").status_code == 204
    azure.erased()
    assert azure.content("LocalUpload", name, "model/w") is None


def test_assets_are_listed_and_patched(azure: Azure) -> None:
    name = azure.name("listed")
    run, asset = asset_of_run(azure, name, model__w=b"1")
    assert names(azure.ok("GET", f"/api{azure.workspace}/assets?api-version=2019-11-01&name={name}")) == [asset["id"]]
    assert names(azure.ok("GET", f"{azure.models}/assets?runId={run}")) == [asset["id"]]
    patch = [
        {"op": "add", "path": "/meta", "value": {"k": "v"}},
        {"op": "add", "path": "/kvTags/t", "value": "1"},
        {"op": "replace", "path": "/description", "value": "d"},
    ]
    changed = azure.ok("PATCH", f"{azure.models}/assets/{asset['id']}", patch)
    assert (changed["meta"], changed["kvTags"], changed["description"]) == ({"k": "v"}, {"t": "1"}, "d")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "a/b", "url": "x"}, 400),
        ({"name": "ok", "url": "aml://asset/unknown"}, 404),
        ({"name": "ok", "runId": "unknown"}, 404),
        ({"name": "ok", "parentModelId": "unknown:1"}, 404),
        ({"name": 3}, 400),
        ({"name": "ok", "kvTags": {"": "1"}}, 400),
        ([], 400),
    ],
)
def test_what_does_not_fit_is_refused(azure: Azure, body: object, status: int) -> None:
    answer = azure.call("POST", f"{azure.models}/models", body)
    assert answer.status_code == status, answer.text
    assert answer.json()["message"]


def test_a_signed_address_is_shown_to_those_with_the_right_to_it(azure: Azure) -> None:
    name = azure.name("signed")
    url = "https://store.example.test/c/m.pkl?sv=1&sig=SECRET"
    register(azure, name, url=url)
    assert azure.ok("GET", f"{azure.models}/models/{name}:1")["url"] == url
    found = [each.read_bytes() for each in azure.world.folder.rglob("*.db*")]
    assert found
    assert not any(b"sig=SECRET" in each for each in found)


def test_parents_and_children_know_each_other(azure: Azure) -> None:
    name = azure.name("family")
    register(azure, name)
    child = register(azure, name, parentModelId=f"{name}:1")
    assert child["parentModelId"] == f"{name}:1"
    assert azure.ok("GET", f"{azure.models}/models/{name}:1")["derivedModelIds"] == [f"{name}:2"]
    azure.ok("DELETE", f"{azure.models}/models/{name}:1")
    assert azure.ok("GET", f"{azure.models}/models/{name}:2")["parentModelId"] is None
