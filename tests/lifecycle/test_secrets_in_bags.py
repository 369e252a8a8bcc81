"""A bag holds nothing that opens something else, wherever clients write it; who wrote it reads it back."""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pyarrow as pa
import pytest

from freehold.domain.secrets.addresses import without_signatures
from freehold.domain.secrets.rules import may_hold_secrets, part
from freehold.domain.secrets.texts import part_with_texts, without_secrets
from freehold.records.rules import Scope
from tests.azure2020.conftest import Azure
from tests.lifecycle.imports.bags import Files, as_tar, sealed, table_of, with_table
from tests.lifecycle.imports.content import import_bag
from tests.lifecycle.test_every_scope import exported, text_of
from tests.patience import patient
from tests.world import World

SECRET = re.compile(r"canary-\d{3}-of-[a-z-]+")
VERSION = "api-version=2019-11-01"
AMAZON, GOOGLE = "https://b.s3.amazonaws.com/m?X-Amz-Signature=", "https://storage.googleapis.com/b/m?X-Goog-Signature="
BLOB, LOUD = "https://a.blob.core.windows.net/m?sv=1&sig=", "https://a.blob.core.windows.net/m?SIG="
COMPUTES = {
    "Kubernetes": ("relayConnectionString", "serviceBusConnectionString", "kubeConfig"),
    "SynapseSpark": ("authToken", "apiKey", "token", "accessToken"),
    "Databricks": ("databricksAccessToken",),
}
KERBEROS = ("kerberosKeytab", "kerberosPassword")


class Written(NamedTuple):
    azure: Azure
    secrets: dict[str, str]
    """Secret → where it was written."""


@pytest.fixture(scope="module")
def written(shared_world: World) -> Iterator[Written]:
    """A workspace with a secret in each place where clients write one."""
    numbers, secrets = itertools.count(100), dict[str, str]()

    def secret(where: str) -> str:
        made = f"canary-{next(numbers)}-of-{where}"
        secrets[made] = where
        return made

    with httpx.Client(base_url=shared_world.url, timeout=patient(60)) as client:
        azure = Azure(shared_world, client, shared_world.alice, shared_world.workspace, "digits")
        azure.workspace = f"{shared_world.workspace.rpartition('/')[0]}/secretive"
        tags = {"data": BLOB + secret("storage"), "token": "a word of theirs"}
        body = {"location": "local", "properties": {"storageAccount": BLOB + secret("storage")}, "tags": tags}
        azure.ok("PUT", f"{azure.workspace}?{VERSION}", body, status=201)
        write_serving(azure, secret)
        write_outside(azure, secret)
        azure.make_experiment()
        said = {
            "description": f"of {BLOB}{secret('described')}",
            "tags": {"data": BLOB + secret("experiment"), "password": "a word of an experiment"},
        }
        azure.ok("PATCH", f"{azure.history}/experiments/digits", said)
        azure.put_run("first", **run_with(secret))
        parameter = {"run_id": "first", "key": "data", "value": BLOB + secret("parameter")}
        azure.ok("POST", f"/mlflow/v2.0{azure.workspace}/api/2.0/mlflow/runs/log-parameter", parameter)
        yield Written(azure, secrets)


def write_serving(azure: Azure, secret: Any) -> None:
    for number, address in enumerate((AMAZON, GOOGLE, BLOB, LOUD)):
        model = {"name": f"m{number}", "url": address + secret("model"), "mimeType": "x"}
        azure.ok("POST", f"{azure.models}/models", model)
    azure.ok("POST", f"{azure.models}/models", {"name": "m", "url": f"https://u:{secret('user')}@h/m", "mimeType": "x"})
    image = {
        "name": "i",
        "modelIds": ["m0:1"],
        "imageType": "Docker",
        "imageLocation": BLOB + secret("location"),
        "dockerFileUri": AMAZON + secret("docker-file"),
        "assets": [{"id": "a", "mimeType": "x", "url": AMAZON + secret("image-asset")}],
        "targetRuntime": {"properties": {"pipRequirements": f"--extra-index-url https://u:{secret('pip')}@h"}},
        "kvTags": {"built by": f"https://h/job?x=1&private_token={secret('label')}", "password": "is a word, too"},
        "properties": {"log": f"https://h/log#access_token={secret('label')}"},
    }
    azure.ok("POST", f"{azure.models}/images", image, status=202)
    service = {
        "name": "s",
        "computeType": "ACI",
        "imageId": "i:1",
        "scoringUri": BLOB + secret("scoring"),
        "dataCollection": {"storageKey": secret("storage-key")},
    }
    azure.ok("POST", f"{azure.models}/services", service, status=202)


def write_outside(azure: Azure, secret: Any) -> None:
    for kind, names in COMPUTES.items():
        properties = {name: secret("compute") for name in names}
        body = {"location": "local", "properties": {"computeType": kind, "properties": properties}}
        azure.ok("PUT", f"{azure.workspace}/computes/{kind.lower()}?{VERSION}", body, status=201)
    section = {"namenodeAddress": "n"} | {name: secret("hdfs") for name in KERBEROS}
    store = {"name": "hdfs", "dataStoreType": "Hdfs", "hdfsSection": section}
    assert azure.call("POST", f"/datastore/v1.0{azure.workspace}/datastores", store).status_code in (200, 201)


def run_with(secret: Any) -> dict[str, Any]:
    registry = {"username": "u", "password": secret("registry")}
    return {
        "status": "Running",
        "description": BLOB + secret("description"),
        "target": f"https://u:{secret('target')}@h/cluster",
        "scriptName": BLOB + secret("script"),
        "runDefinition": {"environment": {"docker": {"baseImageRegistry": registry}}},
        "inputDatasets": [{"path": BLOB + secret("input")}],
        "cancelUri": BLOB + secret("cancel"),
        "diagnosticsUri": BLOB + secret("diagnostics"),
        "properties": {"azureml.git.repository_uri": f"https://u:{secret('git')}@h/r.git", "token_count": "7"},
        "tags": {
            "token": "a word",
            "token_count": "8",
            "mlflow.source.git.repoURL": f"https://u:{secret('repository')}@h/r2.git",
        },
    }


def test_no_secret_is_in_a_bag_of_all_that_holds_one(shared_world: World, written: Written) -> None:
    bag = exported(shared_world, written.azure.workspace, Scope.WORKSPACE)
    assert {written.secrets[found] for found in SECRET.findall(text_of(bag))} == set()
    parted = json.loads(bag["data/coverage.json"])["tables"]
    assert set(parted["runs"]["columns_parted"]) == {"description", "details", "script_name", "target"}
    assert set(parted["images"]["columns_parted"]) == {"document", "location"}
    assert all(set(parted[name]["columns_parted"]) == {"value"} for name in ("labels", "experiment_tags"))
    assert set(parted["experiments"]["columns_parted"]) == {"description"}


def test_words_of_labels_leave_as_they_are(shared_world: World, written: Written) -> None:
    text = text_of(exported(shared_world, written.azure.workspace, Scope.WORKSPACE))
    for said in (
        '"built by":"https://h/job"',
        '"password":"is a word, too"',
        '"log":"https://h/log"',
        "a word of theirs",
        "a word of an experiment",
    ):
        assert said in text


def test_ordinary_words_leave_as_they_are(shared_world: World, written: Written) -> None:
    text = text_of(exported(shared_world, written.azure.workspace, Scope.RUN, "first"))
    for said in (
        '"token":"a word"',
        '"token_count":"7"',
        '"token_count":"8"',
        "https://h/r.git",
        "https://h/r2.git",
        "'a word'",
    ):
        assert said in text


def test_whoever_has_the_right_reads_every_secret_back(written: Written) -> None:
    """A workspace's own and those of computes are shown by a call of their own."""
    azure = written.azure
    addresses = [
        *(f"{azure.models}/models/m{number}:1" for number in range(4)),
        f"{azure.models}/models/m:1",
        f"{azure.models}/images/i:1",
        f"{azure.models}/services/s?expand=true",
        f"/datastore/v1.0{azure.workspace}/datastores/hdfs",
        f"{azure.history}/experiments/digits",
        f"{azure.history}/experiments/digits/runs/first",
    ]
    seen = [azure.call("GET", address).text for address in addresses]
    seen += [
        azure.call("POST", f"{azure.workspace}/computes/{kind.lower()}/listKeys?{VERSION}").text for kind in COMPUTES
    ]
    lacking = {where for secret, where in written.secrets.items() if not any(secret in text for text in seen)}
    assert lacking <= {"storage", "compute"}


def test_a_model_that_is_only_described_anew_keeps_its_secret(written: Written) -> None:
    azure = written.azure
    before = azure.ok("GET", f"{azure.models}/models/m2:1")["url"]
    described = [{"op": "replace", "path": "/description", "value": f"as {AMAZON}canary-999-of-words"}]
    azure.ok("PATCH", f"{azure.models}/models/m2:1", described)
    tagged = [{"op": "add", "path": "/kvTags/a", "value": "b"}]
    azure.ok("PATCH", f"{azure.models}/models/m2:1", tagged)
    found = azure.ok("GET", f"{azure.models}/models/m2:1")
    assert (found["url"], found["description"]) == (before, f"as {AMAZON}canary-999-of-words")


def test_an_image_reported_elsewhere_is_there(written: Written) -> None:
    """The secret of the place before does not come back with it."""
    azure = written.azure
    image = {"name": "moved", "modelIds": ["m0:1"], "imageType": "Docker"}
    azure.ok("POST", f"{azure.models}/images", image, status=202)
    at = f"/freehold/v1{azure.workspace}/images/moved:1/reports"
    for state, location in (("Succeeded", f"{BLOB}canary-998-of-place"), ("Running", None), ("Succeeded", "r/i:2")):
        answer = azure.call("POST", at, {"state": state, "location": location})
        assert answer.status_code < 300, answer.text
        found = azure.ok("GET", f"{azure.models}/images/moved:1")["imageLocation"]
        assert location is None or found == location


def test_secrets_in_the_documents_of_a_bag_are_not_taken_in(shared_world: World, written: Written) -> None:
    """Bags have none; one that has them all the same was forged, or written by an older release."""
    azure = written.azure
    files = exported(shared_world, azure.workspace, Scope.WORKSPACE)
    place = f"{azure.workspace.rpartition('/')[0]}/taken-in"
    azure.ok("PUT", f"{place}?{VERSION}", {"location": "local", "properties": {}}, status=201)
    operation = import_bag(shared_world, as_tar(sealed(with_secrets(files))), at=place, new_ids="true")
    assert operation["state"] == "Succeeded", operation
    there = Azure(azure.world, azure.client, azure.person, place, "digits")
    assert "canary" not in there.call("GET", f"/datastore/v1.0{place}/datastores/hdfs").text
    image = there.ok("GET", f"{there.models}/images/i:1")
    assert image["imageLocation"] == "https://a.blob.core.windows.net/m"
    assert set(image["kvTags"].values()) == {"https://a.blob.core.windows.net/m"}
    assert SECRET.findall(text_of(exported(shared_world, place, Scope.WORKSPACE))) == []


def with_secrets(files: Files) -> Files:
    section = {"namenodeAddress": "n", "accountKey": "canary-901-of-account"}
    changed = with_value(files, "datastores", "document", json.dumps({"hdfsSection": section}))
    changed = with_value(changed, "labels", "value", f"{BLOB}canary-903-of-label")
    return with_value(changed, "images", "location", f"{BLOB}canary-902-of-image")


def with_value(files: Files, name: str, column: str, value: str) -> Files:
    """In every row of the table."""
    table = table_of(files, name)
    values = pa.array([value] * table.num_rows, pa.string())
    return with_table(files, name, table.set_column(table.schema.get_field_index(column), column, values))


ORDINARY = (
    "https://a.b/c?d=sig",
    "git@h:a/b.git",
    "ssh://git@h/a/b.git",
    "abfss://container@account.dfs.core.windows.net/a",
    "https://h:443/a@b:c",
    "see https://h: a@b",
    "docker.io/a:b@sha256:c",
    "design=1&sig=2",
    "https://h/a?design=1&page_token=2&signatures=3&tokens=4#token",
)


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_address_stays_as_it_is(text: str) -> None:
    assert without_signatures(text) == text


SIGNED = {
    "https://u:p@h/a": "https://h/a",
    "git+https://u:p@h/a b https://x:y@z": "git+https://h/a b https://z",
    "postgresql://u:p%40@h:1/d": "postgresql://h:1/d",
    "https://u:p@q@h": "https://h",
    "https://h/a b?SIG=x": "https://h/a b",
    "see https://h/a?x=1&sig=y, too": "see https://h/a too",
    "https://h/a?x=1;X-Goog-Signature=y": "https://h/a",
    "https://h/a?x=1&Signature=y": "https://h/a",
    "https://h/a?Token=y b?token=y": "https://h/a b",
    "https://h/a?subscription-key=y&x=1": "https://h/a",
    "https://h/a#access_token=y": "https://h/a",
    "https://h/#/route?x=1&private_token=y": "https://h/",
}


@pytest.mark.parametrize(("text", "clean"), SIGNED.items())
def test_an_address_loses_what_opens_it(text: str, clean: str) -> None:
    assert without_signatures(text) == clean == without_signatures(clean)


def test_a_field_is_secret_by_its_whole_name() -> None:
    document = {"token_count": "7", "tokens": "a b", "apiKeyName": "n", "Token": "canary"}
    assert part(document) == (document | {"Token": None}, {"/Token": "canary"})


SECRETIVE: tuple[dict[str, Any], ...] = (
    {"a": {"PASSWORD": "x"}},
    {"sslConfiguration": {"key": "x"}},
    *({"a": text} for text in SIGNED),
    {"flow": json.dumps({"path": "https://h/a?x=1&sig=y"}).replace("&", "\\u0026")},
    {"flow": json.dumps({"password": "x"}).replace("p", "\\u0070")},
)


@pytest.mark.parametrize("document", SECRETIVE, ids=str)
def test_a_quick_look_passes_over_no_secret(document: dict[str, Any]) -> None:
    assert part_with_texts(document).secrets
    assert without_secrets(document) == part_with_texts(document).document
    assert may_hold_secrets(json.dumps(document))
    assert not may_hold_secrets(json.dumps({"a": "https://h/b?c=d", "count": 7}))
