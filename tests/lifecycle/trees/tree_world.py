"""An experimentation account as its clients build it: two teams, three projects that use the same names, one empty."""

import io
import tarfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.azure2018.conftest import Tree
from tests.azure2020.conftest import Azure
from tests.conformance.world2018 import World2018
from tests.lifecycle.imports.bags import Files
from tests.postgres import PostgresServer
from tests.world import World

SAME_RUN = "first"
"""A run of this id is in two projects: ids that clients choose are unique in a project only."""


class TreeWorld:
    """`account` holds `team` (projects `digits`, `letters`) and `idle` (project `empty`). ARM paths all."""

    def __init__(self, world: World, client: httpx.Client, number: int | None = None) -> None:
        self.world = world
        self.built = World2018(Azure(world, client, world.alice, world.workspace, ""))
        tree = self.tree = self.built.tree
        self.account, self.team, self.digits, self.letters = tree.account, tree.above, tree.project, self.built.other
        self.idle, self.empty = f"{tree.account}/workspaces/idle", f"{tree.account}/workspaces/idle/projects/empty"
        for path in (self.idle, self.empty):
            assert tree.arm("PUT", path, {"location": "local", "properties": {}}).status_code == 201
        self._letters()

    @property
    def containers(self) -> list[str]:
        """In order of their paths, as a bag has them."""
        return sorted((self.account, self.team, self.digits, self.letters, self.idle, self.empty))

    def _letters(self) -> None:
        """The same run, metric and file names as in the other project, with other content."""
        tree, place = self.tree, self.letters
        runs, files = f"/history/v1.0{place}", f"/artifact/v1.0{place}"
        tree.ok("POST", f"{runs}/experiments/digits", {"description": "of letters"})
        tree.ok("PATCH", f"{runs}/runs/{SAME_RUN}?experiment=digits", {"status": "Running", "tags": {"stage": "two"}})
        for step in range(30):
            metric = {"metricType": "azureml.v1.scalar", "name": "loss", "cells": [{"loss": step / 7}]}
            tree.ok("POST", f"{runs}/runs/{SAME_RUN}/metrics", metric)
        for path in ("plots/loss.png", "Plots/é x.txt"):
            where = f"{files}/artifacts/content/ExperimentRun/{SAME_RUN}/{path}"
            answer = tree.client.post(where, content=b"letters " + path.encode(), headers=tree.person.headers)
            assert answer.status_code == 200, answer.text
        tree.ok("PATCH", f"{runs}/runs/{SAME_RUN}", {"status": "Completed"})
        tree.ok(
            "POST",
            f"{files}/assets",
            {"name": "plot", "artifacts": [{"id": f"ExperimentRun/{SAME_RUN}/Plots/é x.txt"}]},
        )


def content_of(files: Files, container_id: str = "") -> Files:
    """Tables, documents and files of one container, from its own folder on."""
    folder = f"data/containers/container_id={container_id}/" if container_id else "data/"
    kinds = ("tables/", "rest/", "artifacts/")
    return {
        path.removeprefix(folder): content
        for path, content in files.items()
        if path.startswith(folder) and path.removeprefix(folder).startswith(kinds)
    }


def unpacked(bag: Path, to: Path) -> Path:
    with tarfile.open(fileobj=io.BytesIO(bag.read_bytes())) as tar:
        tar.extractall(to, filter="data")
    (top,) = to.iterdir()
    return top


def arm(path: str) -> str:
    """From the resource group on."""
    return path[path.index("providers/") :]


def runs_of(world: World, project: str) -> list[dict[str, Any]]:
    answer = world.get(f"/history/v1.0{project}/runs", world.alice)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["value"]
    return found


__all__ = ["SAME_RUN", "Tree", "TreeWorld", "arm", "content_of", "runs_of", "unpacked"]


def database_of(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment of a server on the database that a fixture's parameter names."""
    if request.param != "postgresql":
        return {}
    postgres: PostgresServer = request.getfixturevalue("postgres")
    return {"FREEHOLD_DATABASE": postgres.make_database()}
