"""Secrets in definitions of datasets: to the letter for who has the right, in no other answer, file, log or bag."""

import io
import json
import sqlite3
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from freehold.domain.secrets.rules import joined
from freehold.domain.secrets.texts import part_with_texts
from tests.azure2020.conftest import Azure
from tests.azure2020.test_datasets import NEW_VERSION, body, register, root
from tests.azure2020.test_datastores import add_reader
from tests.commands import freehold
from tests.world import World, make_world

SECRET = "canaryOfADataset"
SIGNED = f"https://account.blob.core.windows.net/box/a.csv?sv=2020&sig={SECRET}%3D"
AMAZON = f"https://bucket.s3.amazonaws.com/a.csv?x=1&X-Amz-Signature={SECRET}"
IN_JSON = '{ "blocks": [ {"arguments": {"path": "SIGNED"}} ] }'.replace("SIGNED", SIGNED.replace("&", "\\u0026"))
PLACES: list[dict[str, Any]] = [
    {"dataPath": {"httpUrl": SIGNED}},
    {"dataPath": {"paths": ["plain", SIGNED, AMAZON]}},
    {"dataflow": IN_JSON},
    {"dataflow": json.dumps({"blocks": [{"arguments": {"accountKey": SECRET, "path": "a"}}]}, indent=3)},
    {"dataflow": json.dumps({"inner": json.dumps([{"clientSecret": SECRET}])})},
    {"dataflow": f"paths:\n- file: '{AMAZON}'\n- file: here"},
    {"properties": {"password": SECRET, "n": 1}},
    {"notes": f"see {SIGNED} and more"},
]


@pytest.mark.parametrize("content", PLACES)
def test_a_text_is_parted_from_its_secret_and_joined_to_the_letter(content: dict[str, Any]) -> None:
    clean, secrets = part_with_texts(content)
    assert SECRET not in json.dumps(clean)
    assert joined(clean, secrets) == content
    assert part_with_texts(clean) == (clean, {})


@pytest.mark.parametrize("text", ["see https://a.b/c?d=sig", '{"path": "https://a.b?x=1"}', "[", '["a"]', "[" * 5000])
def test_a_text_without_a_secret_stays_as_it_is(text: str) -> None:
    assert part_with_texts({"notes": text}) == ({"notes": text}, {})


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Azure, Azure]]:
    """The owner and somebody who may only read."""
    world = make_world(tmp_path_factory.mktemp("secrets") / "data")
    rita = add_reader(world)
    world.start()
    try:
        with httpx.Client(base_url=world.url, timeout=60) as client:
            yield tuple(Azure(world, client, each, world.workspace, "none") for each in (world.alice, rita))  # type: ignore[misc]  # two of them
    finally:
        world.kill()


def answers(azure: Azure, made: dict[str, Any]) -> list[str]:
    """Every answer that shows a definition."""
    at, saved = f"{root(azure)}/datasets", made["latest"]["savedDatasetId"]
    of_it = f"{at}/{made['datasetId']}"
    return [
        azure.call("GET", path).text
        for path in (
            of_it,
            f"{at}/query/name={made['name']}",
            f"{at}?datasetNames={made['name']}",
            f"{at}/query/savedDatasetId={saved}",
            f"{of_it}/definitions",
            f"{of_it}/definitions/1",
        )
    ]


def test_whoever_has_the_right_reads_it_to_the_letter_and_nobody_else(people: tuple[Azure, Azure]) -> None:
    alice, rita = people
    for number, content in enumerate(PLACES):
        made = register(alice, f"closed-{number}", latest=content)
        for name, value in content.items():
            kept = made["latest"][name]
            assert {key: kept[key] for key in value} == value if isinstance(value, dict) else kept == value
        for mine, theirs in zip(answers(alice, made), answers(rita, made), strict=True):
            assert (SECRET in mine, SECRET in theirs) == (True, False)
            assert made["datasetId"] in theirs
    assert rita.call("POST", f"{root(rita)}/datasets", body("x", latest=PLACES[0])).status_code == 403


def test_a_saved_dataset_opens_for_who_has_the_right(people: tuple[Azure, Azure]) -> None:
    alice, rita = people
    content = {"datasetType": "file", "dataflowJson": IN_JSON}
    saved = alice.ok("POST", f"{root(alice)}/saveddatasets", content)
    assert saved["dataflowJson"] == IN_JSON
    assert alice.ok("POST", f"{root(alice)}/saveddatasets", content) == saved
    changed = content | {"dataflowJson": IN_JSON.replace(SECRET, f"{SECRET}2")}
    other = alice.ok("POST", f"{root(alice)}/saveddatasets", changed)
    assert other["id"] != saved["id"]
    for path in (
        f"{root(alice)}/saveddatasets/{saved['id']}",
        f"/data/v1.0{alice.workspace}/dataversion/unregistered-{saved['id']}/versions/1",
    ):
        assert SECRET in alice.call("GET", path).text
        answer = rita.call("GET", path)
        assert (answer.status_code, SECRET in answer.text, "blocks" in answer.text) == (200, False, True)
    shown = rita.ok("GET", f"{root(rita)}/saveddatasets/{saved['id']}")["dataflowJson"]
    made = register(alice, "of-saved", latest={"savedDatasetId": saved["id"], "dataflow": shown})
    assert made["latest"]["dataflow"] == IN_JSON


def test_what_is_sent_back_as_a_reader_sees_it_keeps_its_secret_and_anything_else_loses_it(
    people: tuple[Azure, Azure],
) -> None:
    alice, rita = people
    made = register(alice, "sent-back", latest={"dataflow": IN_JSON})
    at = f"{root(alice)}/datasets/{made['datasetId']}/definitions/1"
    shown = rita.ok("GET", at)["dataflow"]
    assert alice.ok("PUT", at, {"dataflow": shown, "notes": "new"})["latest"]["dataflow"] == IN_JSON
    moved = shown.replace("a.csv", "b.csv")
    assert alice.ok("PUT", at, {"dataflow": moved})["latest"]["dataflow"] == moved


def test_it_is_in_no_file_and_no_bag(people: tuple[Azure, Azure], tmp_path: Path) -> None:
    alice, _ = people
    register(alice, "kept", latest=PLACES[2])
    folder = alice.world.folder
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert folder / "freehold.db" in files
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
    bag = tmp_path / "bag.tar"
    freehold(alice.world, "export", "workspace", "--to", str(bag))
    content = bag_of(bag)
    assert any(b"kept" in each for name, each in content.items() if "dataset_definitions" in name or "datasets" in name)
    assert [name for name, each in content.items() if SECRET.encode() in each] == []
    assert any(b"sealed_secrets" in each for name, each in content.items() if name.endswith("coverage.json"))


def bag_of(bag: Path) -> dict[str, bytes]:
    """Path → content; of a Parquet file, its values in plain."""
    content: dict[str, bytes] = {}
    with tarfile.open(bag) as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is not None:
                read = file.read()
                is_table = member.name.endswith(".parquet")
                content[member.name] = str(pq.read_table(io.BytesIO(read)).to_pylist()).encode() if is_table else read
    return content


@pytest.fixture
def alone(world: World) -> Iterator[Azure]:
    """A workspace of nobody else's tests."""
    with httpx.Client(base_url=world.url, timeout=60) as client:
        yield Azure(world, client, world.alice, world.workspace, "none")


def test_it_is_erased_with_its_dataset(alone: Azure) -> None:
    """And so is what it was saved as, unless another dataset was saved so, or none ever was."""
    content = {"dataflow": IN_JSON}
    shared = register(alone, "goes", latest=content)["latest"]["savedDatasetId"]
    register(alone, "goes", query=NEW_VERSION, latest=PLACES[6])
    register(alone, "stays", latest=content)
    alone.ok("POST", f"{root(alone)}/saveddatasets", {"datasetType": "file", "dataflowJson": PLACES[3]["dataflow"]})
    assert owners(alone) == {"definition": 3, "saved": 3}
    alone.ok("DELETE", f"{root(alone)}/datasets/goes")
    assert alone.call("GET", f"{root(alone)}/saveddatasets/{shared}").status_code == 200
    alone.erased()
    assert owners(alone) == {"definition": 1, "saved": 2}
    erased = alone.call("POST", "/freehold/v1/erasures", {"scope": "dataset", "id": "stays"})
    assert erased.status_code == 202, erased.text
    assert alone.call("GET", f"{root(alone)}/saveddatasets/{shared}").status_code == 404
    alone.erased()
    assert owners(alone) == {"definition": 0, "saved": 1}


def owners(azure: Azure) -> dict[str, int]:
    with sqlite3.connect(azure.world.folder / "freehold.db") as db:
        found = db.execute("SELECT count(dataset_definition_row), count(dataset_row) FROM sealed_secrets").fetchone()
    return {"definition": found[0], "saved": found[1]}
