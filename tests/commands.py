"""The command line as a user runs it: a process of its own."""

import os
import subprocess
import sys

from tests.world import World

TIMEOUT_SECONDS = 180


def freehold(world: World, *arguments: str, expect: int = 0) -> str:
    """Run `freehold …` on the world's data folder; its output. `expect` is the exit code; on failure the errors."""
    command = [sys.executable, "-m", "freehold.cli.main", *arguments, "--data", str(world.folder)]
    done = subprocess.run(
        command,
        env=os.environ | world.environment | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == expect, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}\n{world.log()}"
    return done.stdout if expect == 0 else done.stdout + done.stderr
