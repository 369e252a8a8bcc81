"""Artifacts by both ways of asking: registered, listed, told where their bytes are, read and written, removed."""

import ssl
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.azure2020.conftest import Azure


def put(azure: Azure, address: str, content: bytes) -> httpx.Response:
    """As azureml-core does: by the signed address, over TLS, without a token."""
    trust = ssl.create_default_context(cafile=str(azure.world.folder / "keys" / "tls" / "ca.pem"))
    return httpx.put(address, content=content, headers={"x-ms-blob-type": "BlockBlob"}, verify=trust)


def get(azure: Azure, address: str) -> httpx.Response:
    trust = ssl.create_default_context(cafile=str(azure.world.folder / "keys" / "tls" / "ca.pem"))
    return httpx.get(address, verify=trust)


def upload(azure: Azure, run: str, **contents: bytes) -> None:
    paths = [{"path": path.replace("__", "/")} for path in contents]
    where = f"{azure.artifacts}/batch/metadata/ExperimentRun/dcid.{run}"
    told = azure.ok("POST", where, {"paths": paths})["artifactContentInformation"]
    for path, content in contents.items():
        assert put(azure, told[path.replace("__", "/")]["contentUri"], content).status_code == 201


def paths(answer: dict[str, Any]) -> list[str]:
    return [each["path"] for each in answer["value"]]


def test_register_upload_and_read_back(azure: Azure) -> None:
    run = azure.new_run()
    where = f"{azure.artifacts}/batch/metadata/ExperimentRun/dcid.{run}"
    odd = "/outputs/ü 😀 #1?.txt"
    told = azure.ok("POST", where, {"paths": [{"path": odd}, {"path": "../escape"}]})
    assert told["artifacts"][odd]["artifactId"] == f"ExperimentRun/dcid.{run}{odd}"
    assert told["errors"]["../escape"]["error"]["innerError"]["code"] == "InvalidArtifactPath"
    assert put(azure, told["artifactContentInformation"][odd]["contentUri"], b"content").status_code == 201
    info = azure.ok("GET", f"{azure.artifacts}/contentinfo/ExperimentRun/dcid.{run}/{quote(odd[1:])}")
    assert get(azure, info["contentUri"]).content == b"content"
    again = azure.ok("POST", where, {"paths": [{"path": odd}]})
    assert again["errors"][odd]["error"]["innerError"]["code"] == "ArtifactAlreadyExists"
    assert again["artifacts"] == {}


def test_both_generations_of_addresses_answer_alike(azure: Azure) -> None:
    run = azure.new_run()
    upload(azure, run, a=b"1", out__b=b"2", out__c=b"3", outer=b"4")
    below = f"{azure.history}/experiments/{azure.experiment}/runs/{run}/artifacts"
    v1 = azure.artifacts.replace("v2.0", "v1.0")
    everything = ["a", "out/b", "out/c", "outer"]
    for where in (
        f"{azure.artifacts}/ExperimentRun/dcid.{run}",
        f"{azure.artifacts}/ExperimentRun/{run}",
        f"{v1}/origins/ExperimentRun/containers/{run}",
        f"{v1}/origins/ExperimentRun/containers/dcid.{run}",
        below,
        f"{azure.history}/runs/{run}/artifacts",
    ):
        assert paths(azure.ok("GET", where)) == everything, where
    for where in (
        f"{azure.artifacts}/ExperimentRun/dcid.{run}/out",
        f"{azure.artifacts}/ExperimentRun/dcid.{run}?path=out/",
        f"{below}/path/out",
        f"{below}/path?path=out",
    ):
        assert paths(azure.ok("GET", where)) == ["out/b", "out/c"], where
    for where in (
        f"{azure.artifacts}/prefix/contentinfo/ExperimentRun/dcid.{run}/out",
        f"{azure.artifacts}/ExperimentRun/dcid.{run}/prefix/contentinfo?path=out",
        f"{below}/prefix/contentinfo/out",
        f"{below}/prefix/contentinfo?path=out",
    ):
        assert paths(azure.ok("GET", where)) == ["out/b", "out/c", "outer"], where
    for where in (
        f"{azure.artifacts}/contentinfo/ExperimentRun/dcid.{run}/out/b",
        f"{azure.artifacts}/ExperimentRun/dcid.{run}/contentinfo?path=out/b",
        f"{below}/contentinfo/out/b",
        f"{below}/contentinfo?path=out/b",
    ):
        assert get(azure, azure.ok("GET", where)["contentUri"]).content == b"2", where
    for where in (f"{below}/artifacturi/out/b", f"{below}/artifacturi?path=out/b"):
        assert get(azure, azure.ok("GET", where)).content == b"2"
    for where in (f"{below}/metadata?path=a", f"{azure.artifacts}/metadata/ExperimentRun/dcid.{run}/a"):
        assert azure.ok("GET", where)["artifactId"] == f"ExperimentRun/dcid.{run}/a"


def test_artifacts_come_in_pages(azure: Azure) -> None:
    run = azure.new_run()
    upload(azure, run, **{f"f{n}": b"" for n in range(5)})
    where, seen, token = f"{azure.artifacts}/ExperimentRun/dcid.{run}", [], None
    while True:
        page = azure.ok("GET", where, params={"pageSize": "2"} | ({"continuationToken": token} if token else {}))
        seen += paths(page)
        token = page["continuationToken"]
        if token is None:
            break
    assert seen == [f"f{n}" for n in range(5)]


def test_run_details_name_the_log_files(azure: Azure) -> None:
    run = azure.new_run()
    upload(azure, run, user_logs__std_log=b"hello", outputs__model=b"x")
    files = azure.ok("GET", f"{azure.history}/runs/{run}/details")["logFiles"]
    assert list(files) == ["user_logs/std_log"]
    assert get(azure, files["user_logs/std_log"]).content == b"hello"


def test_content_is_written_appended_and_read_with_a_token(azure: Azure) -> None:
    run = azure.new_run()
    where = f"{azure.artifacts}/content/ExperimentRun/dcid.{run}/logs/out.txt"
    for number, line in enumerate([b"one\n", b"two\n"]):
        answer = azure.world.request("POST", f"{where}?append=true&index={number}", azure.person, content=line)
        assert answer.json()["path"] == "logs/out.txt"
    read = azure.world.get(where, azure.person)
    assert (read.content, read.headers["x-content-type-options"]) == (b"one\ntwo\n", "nosniff")
    assert azure.world.request("POST", where, azure.person, content=b"x").status_code == 409
    more = f"{where}?allowOverwrite=true"
    assert azure.world.request("POST", more, azure.person, content=b"new").status_code == 200
    assert azure.world.get(where, azure.person).content == b"new"
    assert azure.world.get(where, azure.world.charlie).status_code == 404


def test_other_origins_need_no_run(azure: Azure) -> None:
    container = f"260301T100000-{azure.experiment}"
    where = f"{azure.artifacts}/batch/metadata/LocalUpload/{container}"
    told = azure.ok("POST", where, {"paths": [{"path": "model.pkl"}]})
    assert put(azure, told["artifactContentInformation"]["model.pkl"]["contentUri"], b"m").status_code == 201
    assert paths(azure.ok("GET", f"{azure.artifacts}/LocalUpload/{container}")) == ["model.pkl"]
    one = {"origin": "LocalUpload", "container": container, "path": "second"}
    assert azure.ok("POST", f"{azure.artifacts}/metadata", one)["path"] == "second"
    info = azure.ok("GET", f"{azure.artifacts}/write/LocalUpload/{container}/third")
    assert put(azure, info["contentUri"], b"3").status_code == 201


def test_removed_artifacts_are_gone_with_their_bytes(azure: Azure) -> None:
    run = azure.new_run()
    upload(azure, run, a=b"1", b=b"2", c=b"3")
    where = f"{azure.artifacts}/contentinfo/ExperimentRun/dcid.{run}/a"
    address = azure.ok("GET", where)["contentUri"]
    azure.ok("DELETE", f"{azure.artifacts}/metadata/ExperimentRun/dcid.{run}/a?hardDelete=true")
    assert azure.call("GET", where).status_code == 404
    assert get(azure, address).status_code == 404
    named = {"paths": [{"path": "b"}]}
    azure.ok("POST", f"{azure.artifacts}/ExperimentRun/dcid.{run}/batch/metadata:delete", named)
    assert paths(azure.ok("GET", f"{azure.artifacts}/ExperimentRun/dcid.{run}")) == ["c"]
    azure.ok("DELETE", f"{azure.artifacts}/batch/ExperimentRun/dcid.{run}?hardDelete=true")
    assert paths(azure.ok("GET", f"{azure.artifacts}/ExperimentRun/dcid.{run}")) == []


@pytest.mark.parametrize("path", ["../x", "a//b", "a/../b", "a%00b", "x" * 1_025, "a%5Cb"])
def test_a_path_that_could_leave_its_folder_is_refused(azure: Azure, path: str) -> None:
    run = azure.new_run()
    where = f"{azure.artifacts}/metadata"
    body = {
        "origin": "ExperimentRun",
        "container": f"dcid.{run}",
        "path": path.replace("%00", "\0").replace("%5C", "\\"),
    }
    answer = azure.call("POST", where, body)
    assert (answer.status_code, answer.json()["error"]["innerError"]["code"]) == (400, "InvalidArtifactPath")
    assert paths(azure.ok("GET", f"{azure.artifacts}/ExperimentRun/dcid.{run}")) == []


def test_no_run_has_no_container(azure: Azure) -> None:
    for where in (f"{azure.artifacts}/ExperimentRun/dcid.none", f"{azure.history}/runs/none/artifacts"):
        assert azure.call("GET", where).status_code == 404
    answer = azure.call("POST", f"{azure.artifacts}/batch/metadata/ExperimentRun/none", {"paths": [{"path": "a"}]})
    assert answer.json()["errors"]["a"]["error"]["innerError"]["code"] == "RunNotFound"


def test_an_artifact_elsewhere_is_not_pretended(azure: Azure) -> None:
    elsewhere = {"dataStoreName": "mine", "relativePath": "x"}
    body = {"origin": "LocalUpload", "container": "c", "path": "p", "dataPath": elsewhere}
    assert azure.call("POST", f"{azure.artifacts}/register", body).status_code == 501
