"""Increments as people ask for them: from a real server, by a kept bag or by a bag of their own."""

import json
import re
import tarfile
import time
from pathlib import Path
from typing import Any

from freehold.lifecycle.bag.certificate import CertificateState
from freehold.lifecycle.bag.verify import verify_bag
from freehold.lifecycle.increments.combining import combine
from freehold.lifecycle.increments.index import write_index
from tests.lifecycle.export.test_operation import ask, certificate_of, ended, fetch, keys_of, log_run
from tests.lifecycle.imports.bags import files_of
from tests.world import World

INCREMENTS = "/freehold/v1/increments?scope=workspace"


def unpacked(archive: Path) -> Path:
    to = archive.with_suffix("")
    with tarfile.open(archive) as tar:
        tar.extractall(to, filter="data")
    (top,) = to.iterdir()
    return top


def test_nobody_gets_in_without_a_token(world: World) -> None:
    assert world.request("POST", INCREMENTS, content=b"x").status_code == 401


def test_who_belongs_elsewhere_finds_nothing(world: World) -> None:
    path = f"/freehold/v1{world.workspace}/increments?scope=workspace"
    assert world.request("POST", path, world.charlie, content=b"x").status_code == 404


def test_a_bag_of_ones_own_is_a_base(world: World, tmp_path: Path) -> None:
    log_run(world, "first")
    operation_id = ask(world)
    ended(world, operation_id)
    base = unpacked(fetch(world, operation_id, tmp_path / "base.tar"))
    world.request("DELETE", f"/freehold/v1/exports/{operation_id}/bag", world.alice)
    log_run(world, "second", 7)
    write_index(base, tmp_path / "index", "0123456789abcdef")
    sent = world.request("POST", INCREMENTS, world.alice, content=(tmp_path / "index").read_bytes())
    assert sent.status_code == 202, sent.text
    operation = ended(world, sent.json()["id"])
    assert operation["state"] == "Succeeded", operation
    assert operation["result"]["counts"]["metric_points"] == 7
    step = unpacked(fetch(world, operation["id"], tmp_path / "step.tar"))
    assert verify_bag(step, keys=keys_of(world)).certificate is CertificateState.VALID
    combine(base, [step], tmp_path / "combined")
    report = verify_bag(tmp_path / "combined", keys=keys_of(world))
    assert report.faults == []
    assert report.certificate is CertificateState.VALID
    assert list((world.folder / "spools").glob("*")) == []


def test_a_kept_bag_is_a_base_until_it_is_withdrawn(world: World) -> None:
    run_id = log_run(world, "first")
    base = ask(world)
    ended(world, base)
    body = {"scope": "workspace", "since": base}
    counted = ended(world, world.post("/freehold/v1/exports", body | {"dry_run": True}, world.alice).json()["id"])
    assert counted["result"]["dry_run"] is True
    assert counted["result"]["counts"]["metric_points"] == 0
    assert ended(world, world.post("/freehold/v1/exports", body, world.alice).json()["id"])["state"] == "Succeeded"
    world.post("/freehold/v1/erasures", {"scope": "run", "id": run_id}, world.alice)
    refused = world.post("/freehold/v1/exports", body, world.alice)
    assert refused.status_code == 404
    assert "erased" in refused.json()["detail"]


def test_no_word_that_came_with_an_index_gets_into_a_certificate(world: World, tmp_path: Path) -> None:
    """Certificates stay for good, in a log that everybody reads: a client's index brings only digests and a time."""
    base = unpacked(bag_of(world, ask(world), tmp_path / "base.tar"))
    write_index(base, tmp_path / "index", "0123456789abcdef")
    line, _, entries = (tmp_path / "index").read_bytes().partition(b"\n")
    head = json.loads(line)
    named = head | {"sequences": [*head["sequences"], {"name": "tables/Alice was here", "entries": 0}]}
    step = files_of(bag_of(world, asked_on(world, named, entries), tmp_path / "step.tar"))
    assert "tables/runs" in certificate_of(step)["exported"]
    assert "Alice" not in str(certificate_of(step))
    for said in ("Alice was here", "2026-11-29T00:38:56.273418+00:00\n"):
        operation = ended(world, asked_on(world, head | {"snapshot": said}, entries))
        assert (operation["state"], operation["error"]["code"]) == ("Failed", "InvalidIndex")


def test_a_base_in_which_somebody_wrote_another_time_is_one_without(world: World, tmp_path: Path) -> None:
    base = unpacked(bag_of(world, ask(world), tmp_path / "base.tar"))
    info = (base / "bag-info.txt").read_text()
    (base / "bag-info.txt").write_text(re.sub("(?<=Freehold-Snapshot: ).*", "last Monday", info))
    write_index(base, tmp_path / "index", "0123456789abcdef")
    head, _, entries = (tmp_path / "index").read_bytes().partition(b"\n")
    archive = bag_of(world, asked_on(world, json.loads(head), entries), tmp_path / "step.tar")
    assert certificate_of(files_of(archive))["base"]["snapshot"] == ""
    step = unpacked(archive)
    combine(base, [step], tmp_path / "combined")
    assert verify_bag(tmp_path / "combined", keys=keys_of(world)).certificate is CertificateState.VALID


def asked_on(world: World, head: dict[str, Any], entries: bytes) -> str:
    index = json.dumps(head).encode() + b"\n" + entries
    return str(world.request("POST", INCREMENTS, world.alice, content=index).json()["id"])


def bag_of(world: World, operation_id: str, to: Path) -> Path:
    operation = ended(world, operation_id)
    assert operation["state"] == "Succeeded", operation
    return fetch(world, operation_id, to)


def test_what_is_no_index_is_refused(world: World) -> None:
    sent = world.request("POST", INCREMENTS, world.alice, content=b"no index")
    operation = ended(world, sent.json()["id"])
    assert (operation["state"], operation["error"]["code"]) == ("Failed", "InvalidIndex")
    deadline = time.monotonic() + 30
    while files := [*(world.folder / "exports").glob("*"), *(world.folder / "spools").glob("*")]:
        assert time.monotonic() < deadline, f"the clean-up that follows the failure has left {files}"
        time.sleep(0.1)
