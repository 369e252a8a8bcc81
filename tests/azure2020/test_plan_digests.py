"""A plan's digest binds everything that goes as a root, and nothing that only grows below one."""

import time
from typing import Any

from tests.azure2020.conftest import Azure
from tests.patience import patient

PLAIN = {"mimeType": "application/json", "unpack": False}


def erasures(azure: Azure) -> str:
    return f"/freehold/v1{azure.workspace}/erasures"


def plan(azure: Azure, scope: str, root: str) -> Any:
    return azure.ok("POST", erasures(azure), {"scope": scope, "id": root, "dry_run": True})


def is_refused(azure: Azure, scope: str, root: str, digest: str) -> bool:
    answer = azure.call("POST", erasures(azure), {"scope": scope, "id": root, "plan_digest": digest})
    assert answer.status_code in {202, 412}, answer.text
    return answer.status_code == 412


def test_another_thing_under_the_same_name_is_another_plan(azure: Azure) -> None:
    stores, name = f"/datastore/v1.0{azure.workspace}/datastores", azure.name("tmp")

    def register(account: str) -> None:
        section = {"accountName": account, "containerName": "raw", "endpoint": "core.windows.net", "protocol": "https"}
        body = {"name": name, "dataStoreType": "AzureBlob", "azureStorageSection": section}
        assert azure.call("POST", stores, body).status_code < 300

    register("one")
    digest = plan(azure, "datastore", name)["digest"]
    azure.ok("DELETE", f"{stores}/{name}")
    azure.erased()
    register("two")
    assert is_refused(azure, "datastore", name, digest)
    assert not is_refused(azure, "datastore", name, plan(azure, "datastore", name)["digest"])
    azure.erased()


def test_an_asset_that_nothing_else_needs_any_more_is_another_plan(azure: Azure) -> None:
    name = azure.name("shared")
    azure.upload("LocalUpload", name, f=b"weights")
    body = {"name": name, "artifacts": [{"prefix": f"LocalUpload/{name}"}]}
    asset = azure.ok("POST", f"{azure.models}/assets", body)["id"]
    given = {"url": f"aml://asset/{asset}", **PLAIN}
    mine, other = (
        azure.ok("POST", f"{azure.models}/models", {"name": azure.name("m"), **given})["id"] for _ in range(2)
    )
    before = plan(azure, "model", mine)
    azure.ok("DELETE", f"{azure.models}/models/{other}")
    after = plan(azure, "model", mine)
    assert "assets" in {step["record"] for step in after["steps"]} - {step["record"] for step in before["steps"]}
    assert is_refused(azure, "model", mine, before["digest"])
    assert not is_refused(azure, "model", mine, after["digest"])
    azure.erased()


def test_what_grows_below_a_root_and_a_kept_bag_make_no_other_plan(azure: Azure) -> None:
    run = azure.new_run()
    before = plan(azure, "run", run)
    azure.put_run(run, tags={"more": "said"})
    azure.upload("ExperimentRun", run, f=b"more")
    exported = azure.ok("POST", f"/freehold/v1{azure.workspace}/exports", {"scope": "run", "id": run}, status=202)
    deadline = time.monotonic() + patient(60)
    while azure.ok("GET", f"/freehold/v1/operations/{exported['id']}")["state"] != "Succeeded":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    after = plan(azure, "run", run)
    assert exported["id"] in {copy["operation_id"] for copy in after["copies"]}
    assert after["digest"] == before["digest"]
    assert not is_refused(azure, "run", run, before["digest"])
    azure.erased()


def exports(azure: Azure) -> str:
    return f"/freehold/v1{azure.workspace}/exports"


def test_an_export_of_another_plan_is_refused(azure: Azure) -> None:
    """Another thing of the same name; what only grows below it belongs to the plan."""
    stores, name = f"/datastore/v1.0{azure.workspace}/datastores", azure.name("leaving")
    section = {"accountName": "one", "containerName": "raw", "endpoint": "core.windows.net", "protocol": "https"}
    body = {"name": name, "dataStoreType": "AzureBlob", "azureStorageSection": section}
    asked = {"scope": "datastore", "id": name}

    assert azure.call("POST", stores, body).status_code < 300
    planned = azure.ok("POST", exports(azure), {**asked, "dry_run": True})["digest"]
    again = azure.call("POST", exports(azure), {**asked, "plan_digest": planned})
    assert again.status_code == 202, again.text

    azure.ok("DELETE", f"{stores}/{name}")
    azure.erased()
    assert azure.call("POST", stores, body).status_code < 300
    refused = azure.call("POST", exports(azure), {**asked, "plan_digest": planned})
    assert (refused.status_code, refused.json()["code"]) == (412, "PlanChanged")


def test_a_run_that_grows_keeps_the_plan_of_its_export(azure: Azure) -> None:
    planned = azure.ok("POST", exports(azure), {"scope": "workspace", "dry_run": True, "alone": True})["digest"]
    azure.upload("LocalUpload", azure.name("more"), f=b"content")
    wanted = {"scope": "workspace", "alone": True, "plan_digest": planned}
    begun = azure.call("POST", exports(azure), wanted)
    assert begun.status_code == 202, begun.text
