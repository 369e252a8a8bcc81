"""Every published call, literally: host, path, quirks and all, on real content. A call without a check is a failure."""

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from freehold.api.azure.rest_documents import SUBSCRIPTION
from tests.azure2020.conftest import Azure
from tests.commands import freehold
from tests.conformance.calls import PublishedCall, load
from tests.conformance.shapes import lacking
from tests.conformance.world2018 import PLOT as PLOT_OF_2018
from tests.conformance.world2018 import World2018
from tests.conformance.world2020 import LABELS, PLOT, WEIGHTS, World2020
from tests.world import make_world

CALLS = load()
READS = [call for call in CALLS if call.verb == "GET"]
Check = tuple[str, Callable[[Any], bool]]
Worlds = dict[int, World2020 | World2018]


def page(kind: str, holds: Callable[[Any], bool]) -> Check:
    """A page of documents of the kind, one of which is the content stored."""
    return f"page of {kind}", lambda answer: any(map(holds, answer["value"]))


def one(kind: str, holds: Callable[[Any], bool]) -> Check:
    return kind, holds


def named(name: str) -> Callable[[Any], bool]:
    return lambda found: found.get("name", found.get("Name")) == name


def _is_loss(found: Any) -> bool:
    return found["name"] == "loss" and {"loss": 0.5} in found["cells"]


def _is_first(found: Any) -> bool:
    return bool(found["runId"] == "first" and found["status"] == "Completed" and found["tags"] == {"stage": "one"})


def _is_task(found: Any) -> bool:
    return bool(found["runId"] == "first" and found["status"] == "Completed" and found["notifications"])


def _is_plot(found: Any) -> bool:
    return bool(found["path"].startswith("plots/loss"))


def _is_raw(found: Any) -> bool:
    return bool(found["name"] == "raw" and found["azureStorageSection"]["accountName"] == "lake")


def _is_plot_asset(found: Any) -> bool:
    return bool(found["name"] == "plot" and found["currentVersion"]["file"]["artifactId"].endswith("plots/loss.png"))


MODEL, ASSET, IMAGE, SERVICE = named("digits"), named("labels"), named("scorer"), named("scoring")
CHECKS: dict[int, Check] = {
    2: page("model", MODEL),
    4: page("asset", ASSET),
    6: page("image", IMAGE),
    8: page("service", SERVICE),
    10: page("workspace", lambda found: found["properties"]["friendlyName"] == "The whole"),
    11: one("workspace", lambda found: found["tags"] == {"team": "digits"}),
    12: page("compute", named("cpu")),
    13: one("compute", lambda found: found["properties"]["properties"]["vmSize"] == "STANDARD_D2"),
    14: page("experiment", named("digits")),
    15: page("run", _is_first),
    16: one("run", lambda found: _is_first(found) and found["properties"] == {"seed": "7"}),
    17: page("metric", _is_loss),
    18: one("metric", _is_loss),
    19: page("artifact", _is_plot),
    20: page("task", _is_task),
    21: one("task", _is_task),
    22: page("datastore", _is_raw),
    23: one("datastore", _is_raw),
    24: page("model", MODEL),
    25: one("model", lambda found: found["id"] == "digits:1" and found["kvTags"] == {"a": "b"}),
    26: page("asset", ASSET),
    27: one("asset", ASSET),
    28: page("image", IMAGE),
    29: one("image", lambda found: found["modelIds"] == ["digits:1"]),
    30: page("service", SERVICE),
    31: one("service", lambda found: found["scoringUri"] == "https://s.example.org"),
    32: one("pipeline run", lambda found: found["Description"] == "train"),
    33: one("graph", lambda found: [each["Id"] for each in found["ModuleNodes"]] == ["n1"]),
    34: one("module", lambda found: found["Data"]["Name"] == "train"),
    35: one("template", named("digits")),
    36: one("data source", named("pixels")),
    38: page("model of 2017", lambda found: found["tags"] == ["handwriting"]),
    40: page("manifest", IMAGE),
    42: page("service of 2017", SERVICE),
    44: page("image of 2017", IMAGE),
    50: one("hosting account", lambda found: found["sku"] == {"name": "S1", "capacity": 2}),
    51: page("model of 2017", MODEL),
    52: one("model of 2017", MODEL),
    53: page("manifest", IMAGE),
    54: one("manifest", lambda found: found["driverProgram"] == "s.py"),
    55: page("service of 2017", SERVICE),
    56: one("service of 2017", lambda found: found["numReplicas"] == 2),
    57: page("image of 2017", IMAGE),
    58: one("image of 2017", lambda found: found["manifest"]["name"] == "scorer"),
    59: page("compute", lambda found: found["properties"]["computeType"] == "VirtualMachine"),
    60: one("compute", lambda found: found["properties"]["resourceId"] == "vm"),
    61: page("cluster", lambda found: found["properties"]["description"] == "two agents"),
    62: one("cluster", lambda found: found["properties"]["clusterType"] == "ACS"),
    63: page("run of 2018", _is_first),
    64: page("experiment", lambda found: found["description"] == "of handwriting"),
    65: one("run of 2018", _is_first),
    66: page("metric", _is_loss),
    67: one("experiment", lambda found: found["description"] == "of handwriting"),
    68: page("artifact", _is_plot),
    69: ("address", lambda found: "plots/loss.png" in found),
    70: page("asset of 2018", _is_plot_asset),
    71: page("artifact", _is_plot),
    72: one("content", _is_plot),
    73: page("artifact", _is_plot),
    74: one("asset of 2018", _is_plot_asset),
    75: page("job", _is_task),
    76: one("account", lambda found: found["properties"]["accountId"] != ""),
    77: one("account", lambda found: found["properties"]["workspaceId"] != ""),
    78: one("account", lambda found: found["properties"]["projectId"] != ""),
}


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def azure(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    """A server of its own on each database, for here all that it holds is taken down."""
    environment = {}
    if request.param == "PostgreSQL":
        environment["FREEHOLD_DATABASE"] = request.getfixturevalue("postgres").make_database()
    world = make_world(tmp_path_factory.mktemp("conformance") / "data", **environment).start()
    with httpx.Client(base_url=world.url, timeout=60) as client:
        yield Azure(world, client, world.alice, world.workspace, "")
    world.stop()


@pytest.fixture(scope="module")
def worlds(azure: Azure) -> Worlds:
    """One of each generation."""
    of_2018 = World2018(azure)
    own = Azure(azure.world, azure.client, azure.person, azure.workspace, "")
    return {2020: World2020(own), 2018: of_2018}


def test_every_call_is_exercised() -> None:
    assert [call.number for call in CALLS] == list(range(1, 79))
    assert sorted({*CHECKS, *DELETES}) == list(range(1, 79))


@pytest.mark.parametrize("call", READS, ids=lambda call: f"{call.number} {call.url.partition('/providers/')[2]}")
def test_a_read_answers_what_was_stored(azure: Azure, worlds: Worlds, call: PublishedCall) -> None:
    answer = send(azure, worlds, call)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    kind, holds = CHECKS[call.number]
    document = answer.json()
    if kind.startswith("page of "):
        for each in document["value"]:
            assert lacking(kind.removeprefix("page of "), each) == set()
        assert document.get("nextLink", "none") is not None
    elif kind != "address":
        assert lacking(kind, document) == set()
    assert holds(document), document


@pytest.mark.parametrize("call", READS, ids=lambda call: str(call.number))
def test_a_read_is_for_those_who_may(azure: Azure, worlds: Worlds, call: PublishedCall) -> None:
    assert send(azure, worlds, call, headers={}).status_code == 401
    charlie = send(azure, worlds, call, headers=azure.world.charlie.headers)
    assert charlie.status_code == 404, charlie.text


EXPORTED = {
    "models": 2,
    "assets": 4,
    "images": 29,
    "services": 31,
    "computes": 12,
    "experiments": 14,
    "runs": 15,
    "tasks": 21,
    "datastores": 22,
    "pipeline-runs": 32,
    "pipeline-graphs": 33,
    "modules": 34,
    "templates": 35,
    "data-sources": 36,
    "hosting-models": 38,
    "manifests": 40,
    "hosting-services": 42,
    "hosting-images": 44,
}
"""Folder below `rest/` → the call whose documents are there."""


@pytest.fixture(scope="module")
def exported(azure: Azure, worlds: Worlds, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """Folder below `rest/` → documents, of the workspace of 2020 and the hosting account of 2018."""
    of_2020, of_2018 = worlds[2020], worlds[2018]
    assert isinstance(of_2020, World2020)
    assert isinstance(of_2018, World2018)
    found: dict[str, list[Any]] = {}
    for number, place in enumerate((of_2020.azure.workspace, of_2018.tree.hosting)):
        bag = tmp_path_factory.mktemp("exported") / f"{number}.zip"
        freehold(azure.world, "export", "workspace", "--workspace", place, "--to", str(bag))
        with zipfile.ZipFile(bag) as archive:
            for name in archive.namelist():
                content = archive.read(name)
                assert b"canary-of-a-datastore" not in content, name
                _, rest, tail = name.partition("/data/rest/")
                if rest:
                    found.setdefault(tail.partition("/")[0], []).extend(map(json.loads, content.splitlines()))
    return found


@pytest.mark.parametrize(("folder", "number"), EXPORTED.items())
def test_an_export_has_what_the_calls_answer(
    azure: Azure, worlds: Worlds, exported: dict[str, list[Any]], folder: str, number: int
) -> None:
    """But for people, secrets and what is made anew at every answer, which are null in the bag."""
    text = send(azure, worlds, by_number(number)).text
    answer = json.loads(text.replace(azure.world.subscription_id, SUBSCRIPTION))  # a bag stands in no server's place
    answered = answer["value"] if CHECKS[number][0].startswith("page of ") else [answer]
    for document in answered:
        assert any(agrees(found, document) for found in exported[folder]), (document, exported[folder])


def agrees(found: Any, answered: Any) -> bool:
    """Null in the bag stands for whatever was withheld."""
    if isinstance(found, dict) and isinstance(answered, dict):
        return found.keys() == answered.keys() and all(agrees(found[key], answered[key]) for key in found)
    if isinstance(found, list) and isinstance(answered, list):
        return len(found) == len(answered) and all(map(agrees, found, answered))
    return found is None or found == answered


# In the order in which a privacy officer takes a world down: what refers first.
DELETES = (9, 7, 3, 5, 1, 43, 45, 41, 39, 37, 46, 47, 48, 49)
TAKES: dict[int, list[bytes]] = {3: [WEIGHTS], 5: [LABELS], 1: [PLOT], 46: [PLOT_OF_2018]}
"""Contents that must lie in no file any more once the call's erasure has ended."""
REFUSED_BEFORE = {7: 412, 3: 412, 45: 412, 41: 412, 39: 412, 48: 409, 49: 409}
"""What stands in the way says so, before anything is deleted."""
READ_BACK = {9: 31, 7: 29, 3: 25, 5: 27, 1: 11, 43: 56, 45: 58, 41: 54, 39: 52, 37: 50, 46: 78, 48: 77, 49: 76}
LISTED = {9: 8, 7: 6, 3: 2, 5: 4, 43: 42, 45: 44, 41: 40, 39: 38}


@pytest.fixture(scope="module")
def refusals(azure: Azure, worlds: Worlds) -> dict[int, httpx.Response]:
    return {number: send(azure, worlds, by_number(number)) for number in REFUSED_BEFORE}


@pytest.mark.parametrize("number", sorted(REFUSED_BEFORE))
def test_what_is_needed_is_refused_by_name(refusals: dict[int, httpx.Response], number: int) -> None:
    answer = refusals[number]
    assert answer.status_code == REFUSED_BEFORE[number], answer.text
    body = answer.json()
    code = body.get("code") or body["error"]["code"]
    assert code == ("CannotDeleteResource" if answer.status_code == 409 else "DeletionRequired")


@pytest.mark.parametrize("number", DELETES)
def test_a_delete_takes_all_that_it_owns_and_nothing_else(
    azure: Azure, worlds: Worlds, refusals: dict[int, httpx.Response], number: int
) -> None:
    call = by_number(number)
    for content in TAKES.get(number, []):
        assert lies_in_store(azure, content)
    listed = [each.get("id") for each in listing(azure, worlds, number)]
    answer = send(azure, worlds, call)
    assert answer.status_code in (200, 202), answer.text
    if number in READ_BACK:
        assert send(azure, worlds, by_number(READ_BACK[number])).status_code == 404
    left = [each.get("id") for each in listing(azure, worlds, number)]
    assert len(left) == max(len(listed) - 1, 0)
    assert set(left) <= set(listed)
    again = send(azure, worlds, call)
    assert again.status_code in (204, 404), again.text
    azure.erased()
    for content in TAKES.get(number, []):
        assert not lies_in_store(azure, content)


def test_what_belongs_to_others_still_stands(azure: Azure) -> None:
    """After both worlds were taken down, the default workspace answers as before."""
    assert azure.call("GET", f"{azure.workspace}?api-version=2019-11-01").status_code == 200


def send(
    azure: Azure,
    worlds: Worlds,
    call: PublishedCall,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    """As a client does for whom the page's host name is this server."""
    host, path = call.filled(worlds[call.generation].filling(call.number))
    sent = (azure.person.headers if headers is None else headers) | {"Host": host}
    return azure.client.request(call.verb, path, headers=sent)


def listing(azure: Azure, worlds: Worlds, number: int) -> list[Any]:
    if number not in LISTED:
        return []
    return list(send(azure, worlds, by_number(LISTED[number])).json()["value"])


def by_number(number: int) -> PublishedCall:
    return CALLS[number - 1]


def lies_in_store(azure: Azure, content: bytes) -> bool:
    wanted = hashlib.sha256(content).digest()
    files = (each for each in azure.world.folder.rglob("*") if each.is_file())
    return any(hashlib.sha256(each.read_bytes()).digest() == wanted for each in files)
