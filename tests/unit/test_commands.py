"""A command that is asked for is built without the others."""

import pytest
import typer
from typer.testing import CliRunner

from freehold.cli.commands import COMMANDS, app_for, app_of
from freehold.cli.fetching import told_counts


def names_in(app: typer.Typer) -> set[str]:
    group = typer.main.get_group(app)
    return set(group.commands)


@pytest.mark.parametrize("module", COMMANDS)
def test_every_module_registers_the_commands_that_are_told_of_it(module: str) -> None:
    assert names_in(app_of([module])) == set(COMMANDS[module])


def test_help_and_mistakes_know_all_commands() -> None:
    every = {name for names in COMMANDS.values() for name in names}
    for arguments in ([], ["--help"], ["exprot"]):
        assert names_in(app_for(arguments)) == every


def test_what_there_is_one_of_is_told_as_one() -> None:
    counts = {"images": 1, "metric_points": 1, "runs": 1_200, "dependencies": 1, "assets": 0}
    assert told_counts({"counts": counts}) == "1 image, 1 metric point, 1,200 runs, 1 dependency"


def test_one_command_is_still_called_by_its_name() -> None:
    result = CliRunner().invoke(app_for(["version"]), ["version"])
    assert result.exit_code == 0
    assert "Usage: freehold combine" in CliRunner().invoke(app_for(["combine"]), ["combine", "--help"]).output
