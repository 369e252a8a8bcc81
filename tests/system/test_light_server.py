"""What only tasks need stays in their processes: a server that answers is small, and starts at once."""

from pathlib import Path

import pytest

from tests.world import World

CALLS = (
    "/modelmanagement/v1.0{workspace}/models",
    "/modelmanagement/v1.0{workspace}/images",
    "/history/v1.0{workspace}/experiments",
    "{workspace}/computes?api-version=2019-11-01",
    "/pipelines/v1.0{workspace}/PipelineDrafts",
    "/freehold/v1/operations",
)
HEAVY = ("libarrow", "pandas")


def test_a_server_that_has_answered_all_facades_has_loaded_nothing_heavy(shared_world: World) -> None:
    for path in CALLS:
        answer = shared_world.get(path.format(workspace=shared_world.workspace), shared_world.alice)
        assert answer.status_code == 200, (path, answer.text)
    shared_world.mlflow("POST", "experiments/search", {"max_results": 5})
    assert shared_world.process is not None
    maps = Path(f"/proc/{shared_world.process.pid}/maps")
    if not maps.exists():
        pytest.skip("only Linux tells what a process has loaded")
    loaded = maps.read_text()
    assert [name for name in HEAVY if name in loaded] == []
