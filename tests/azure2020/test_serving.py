"""Images and services: registered by one call, moved by reports, deleted from the outside in."""

from typing import Any

import httpx
import pytest

from freehold.domain.documents.rules import LARGEST_DOCUMENT
from freehold.lifecycle.imports.values import LONGEST_TEXT
from tests.azure2020.conftest import Azure


def make_model(azure: Azure, name: str) -> str:
    made: str = azure.ok("POST", f"{azure.models}/models", {"name": name, "url": "https://example.test/m"})["id"]
    return made


def follow(azure: Azure, answer: httpx.Response) -> Any:
    assert answer.status_code == 202, answer.text
    operation = answer.headers["operation-location"].rpartition("/")[2]
    return azure.ok("GET", f"{azure.models}/operations/{operation}")


def make_image(azure: Azure, name: str, **body: object) -> Any:
    done = follow(azure, azure.call("POST", f"{azure.models}/images", {"name": name, "imageType": "Docker", **body}))
    assert done["state"] == "Succeeded"
    return azure.ok("GET", f"{azure.models}/images/{done['resourceLocation'].rpartition('/')[2]}")


def make_service(azure: Azure, name: str, **body: object) -> Any:
    done = follow(azure, azure.call("POST", f"{azure.models}/services", {"name": name, "computeType": "ACI", **body}))
    assert done["operationType"] == "Service"
    return azure.ok("GET", f"{azure.models}/services/{name}")


def chain(azure: Azure) -> tuple[str, str, str]:
    """A service that runs an image that holds a model: their ids."""
    name = azure.name("chain")
    model = make_model(azure, name)
    image = make_image(azure, name, modelIds=[model], imageLocation="registry.example.test/x:1")
    make_service(azure, name, imageId=image["id"])
    return model, image["id"], name


def test_an_image_has_what_the_sdk_demands(azure: Azure) -> None:
    name = azure.name("img")
    model = make_model(azure, name)
    image = make_image(azure, name, modelIds=[model], driverProgram="score.py", assets=[{"id": "a", "url": "u"}],
                       targetRuntime={"runtimeType": "Python", "properties": {"pipRequirements": "x"}},
                       kvTags={"t": "1"}, imageFlavor="WebApiContainer")  # fmt: skip
    needed = (
        "createdTime creationState description id imageLocation imageType modelIds name kvTags properties version "
        "assets driverProgram targetRuntime"
    )
    assert set(needed.split()) <= image.keys()
    assert (image["id"], image["creationState"], image["modelIds"]) == (f"{name}:1", "NotStarted", [model])
    assert image["modelDetails"][0]["id"] == model
    assert [each["id"] for each in azure.ok("GET", f"{azure.models}/images?modelId={model}")["value"]] == [image["id"]]
    listed = azure.ok("GET", f"/api{azure.workspace}/images?api-version=2019-11-01&expand=true&name={name}")["value"]
    assert listed == [image]
    assert azure.ok("GET", f"{azure.models}/images?modelName={name}")["value"][0]["modelDetails"] is None


def test_a_service_has_what_the_sdk_demands(azure: Azure) -> None:
    model, image, name = chain(azure)
    service = azure.ok("GET", f"{azure.models}/services/{name}")
    assert service["id"] == service["name"] == name
    assert (service["computeType"], service["state"], service["imageId"]) == ("ACI", "Transitioning", image)
    assert service["imageDetails"]["modelIds"] == [model]
    for query in (f"imageId={image}", f"modelId={model}", f"modelName={name}", f"imageName={name}", f"name={name}"):
        found = azure.ok("GET", f"{azure.models}/services?{query}")["value"]
        assert [each["name"] for each in found] == [name], query
    assert azure.ok("GET", f"{azure.models}/services?name={name}&computeType=AKS")["value"] == []


def test_what_is_in_use_cannot_be_deleted(azure: Azure) -> None:
    model, image, service = chain(azure)
    for what, needed_by in ((f"models/{model}", image), (f"images/{image}", service)):
        answer = azure.call("DELETE", f"{azure.models}/{what}")
        assert answer.status_code == 412
        document = answer.json()
        assert (document["code"], document["statusCode"]) == ("DeletionRequired", 412)
        assert needed_by in str(document["details"])
        azure.ok("GET", f"{azure.models}/{what}")
    for what in (f"services/{service}", f"images/{image}", f"models/{model}"):
        azure.ok("DELETE", f"{azure.models}/{what}")
        assert azure.call("GET", f"{azure.models}/{what}").status_code == 404
        assert azure.call("DELETE", f"{azure.models}/{what}").status_code == 204
    azure.erased()


def test_a_model_that_a_service_runs_without_an_image_is_in_use(azure: Azure) -> None:
    name = azure.name("bare")
    model = make_model(azure, name)
    make_service(azure, name, environmentImageRequest={"modelIds": [model]})
    assert azure.ok("GET", f"{azure.models}/services/{name}")["models"][0]["id"] == model
    assert azure.call("DELETE", f"{azure.models}/models/{model}").status_code == 412


def test_an_image_made_for_a_service_goes_with_its_last_service(azure: Azure) -> None:
    name = azure.name("auto")
    image = make_image(azure, name, autoDelete=True)["id"]
    for number in (1, 2):
        make_service(azure, f"{name}-{number}", imageId=image)
    azure.ok("DELETE", f"{azure.models}/services/{name}-1")
    azure.ok("GET", f"{azure.models}/images/{image}")
    azure.ok("DELETE", f"{azure.models}/services/{name}-2")
    assert azure.call("GET", f"{azure.models}/images/{image}").status_code == 404


def test_an_erasure_of_a_service_takes_the_image_that_was_made_for_it(azure: Azure) -> None:
    name, erasures = azure.name("auto"), f"/freehold/v1{azure.workspace}/erasures"
    model = make_model(azure, name)
    image = make_image(azure, name, autoDelete=True, modelIds=[model])["id"]
    for number in (1, 2):
        make_service(azure, f"{name}-{number}", imageId=image)
    for number, images in ((1, 0), (2, 1)):
        asked = {"scope": "service", "id": f"{name}-{number}"}
        plan = azure.ok("POST", erasures, asked | {"dry_run": True})
        counts = {step["record"]: step["count"] for step in plan["steps"]}
        assert (counts["services"], counts.get("images", 0)) == (1, images)
        azure.ok("POST", erasures, asked, status=202)
        azure.erased()
    assert azure.call("GET", f"{azure.models}/images/{image}").status_code == 404
    assert azure.ok("GET", f"{azure.models}/models/{model}")["id"] == model


def test_a_second_service_of_a_name_is_refused_until_the_first_is_gone(azure: Azure) -> None:
    name = azure.name("twice")
    make_service(azure, name)
    answer = azure.call("POST", f"{azure.models}/services", {"name": name, "computeType": "AKS"})
    assert (answer.status_code, answer.json()["code"]) == (409, "ServiceExists")
    azure.ok("DELETE", f"{azure.models}/services/{name}")
    assert make_service(azure, name, computeType="AKS")["computeType"] == "AKS"


def test_put_makes_or_changes(azure: Azure) -> None:
    name = azure.name("put")
    image = make_image(azure, name)["id"]
    body = {"name": name, "computeType": "AKS", "numReplicas": 2}
    assert azure.call("PUT", f"{azure.models}/services", body).status_code == 202
    follow(azure, azure.call("PUT", f"{azure.models}/services", {**body, "numReplicas": 3, "imageId": image}))
    service = azure.ok("GET", f"{azure.models}/services/{name}")
    assert (service["numReplicas"], service["imageId"]) == (3, image)


def test_put_changes_the_models_that_a_service_runs(azure: Azure) -> None:
    name = azure.name("runs")
    old, new, image = make_model(azure, name), make_model(azure, azure.name("new")), make_image(azure, name)["id"]
    body = {"name": name, "computeType": "ACI", "modelIds": [old]}
    where = f"{azure.models}/services"
    follow(azure, azure.call("PUT", where, body))
    follow(azure, azure.call("PUT", where, {**body, "modelIds": [], "imageId": image}))
    assert [each["id"] for each in azure.ok("GET", f"{where}/{name}")["models"]] == [old]
    follow(azure, azure.call("PUT", where, {**body, "modelIds": [new, new]}))
    service = azure.ok("GET", f"{where}/{name}")
    assert ([each["id"] for each in service["models"]], service["imageId"]) == ([new], image)
    azure.ok("DELETE", f"{azure.models}/models/{old}")
    assert azure.call("DELETE", f"{azure.models}/models/{new}").status_code == 412
    assert azure.call("PUT", where, {**body, "modelIds": ["nobody:1"]}).status_code == 404
    assert [each["id"] for each in azure.ok("GET", f"{where}/{name}")["models"]] == [new]


def test_a_patch_moves_a_service_to_another_image(azure: Azure) -> None:
    _, image, name = chain(azure)
    other = make_image(azure, azure.name("other"))["id"]
    patch = [{"op": "replace", "path": "/imageId", "value": other}, {"op": "add", "path": "/kvTags/a", "value": "1"}]
    changed = azure.ok("PATCH", f"{azure.models}/services/{name}", patch)
    assert (changed["imageId"], changed["kvTags"]) == (other, {"a": "1"})
    azure.ok("DELETE", f"{azure.models}/images/{image}")


def test_a_document_does_not_grow_beyond_what_an_import_takes(azure: Azure) -> None:
    where = f"{azure.models}/services/{chain(azure)[2]}"
    fields = ("autoScaler", "dataCollection", "vnetConfiguration", "modelConfigMap")
    patches = ([{"op": "add", "path": f"/{field}", "value": {"a": "x" * 900_000}}] for field in fields)
    answers = [azure.call("PATCH", where, patch) for patch in patches]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 400]
    assert "DocumentTooLarge" in answers[-1].text
    assert LARGEST_DOCUMENT + (1 << 20) <= LONGEST_TEXT


def test_keys_are_given_changed_and_kept_out_of_the_document(azure: Azure) -> None:
    name = azure.name("keys")
    service = make_service(azure, name, keys={"primaryKey": "chosen-primary"}, authEnabled=True)
    assert "chosen-primary" not in str(service)
    first = azure.ok("POST", f"{azure.models}/services/{name}/listkeys")
    assert first["primaryKey"] == "chosen-primary"
    assert len(first["secondaryKey"]) > 30
    done = azure.call("POST", f"{azure.models}/services/{name}/regenerateKeys", {"keyType": "Secondary"})
    assert follow(azure, done)["state"] == "Succeeded"
    second = azure.ok("POST", f"{azure.models}/services/{name}/listkeys")
    assert second["primaryKey"] == first["primaryKey"]
    assert second["secondaryKey"] != first["secondaryKey"]


@pytest.mark.parametrize(
    ("what", "body", "status"),
    [
        ("services", {"name": "no", "computeType": "Moon"}, 400),
        ("services", {"name": "no"}, 400),
        ("services", {"name": "no", "computeType": "ACI", "imageId": "none:1"}, 404),
        ("images", {"name": "no", "modelIds": ["none:1"]}, 404),
        ("images", {"name": "../no"}, 400),
    ],
)
def test_what_does_not_fit_is_refused(azure: Azure, what: str, body: dict[str, Any], status: int) -> None:
    answer = azure.call("POST", f"{azure.models}/{what}", body)
    assert (answer.status_code, answer.json()["statusCode"]) == (status, status)


def test_services_are_listed_by_a_question_in_the_body_too(azure: Azure) -> None:
    name = azure.name("asked")
    azure.ok("POST", f"{azure.models}/services", {"name": name, "computeType": "ACI"}, status=202)
    found = azure.ok("POST", f"{azure.models}/services/list", {"name": name})["value"]
    assert [each["name"] for each in found] == [name]


def test_no_token_is_made_for_a_service_that_runs_elsewhere(azure: Azure) -> None:
    name = azure.name("tokens")
    azure.ok("POST", f"{azure.models}/services", {"name": name, "computeType": "AKS"}, status=202)
    answer = azure.call("POST", f"{azure.models}/services/{name}/token")
    assert (answer.status_code, answer.json()["code"]) == (501, "NotImplemented")
    assert azure.call("POST", f"{azure.models}/services/none/token").status_code == 404
