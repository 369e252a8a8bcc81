"""A restored backup has the operation of an import, and not the bag that was sent for it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from freehold.kit.problems import Superseded
from freehold.lifecycle.imports import operation


def test_an_import_whose_bag_is_gone_says_so_and_ends(tmp_path: Path) -> None:
    context: Any = SimpleNamespace(
        settings=SimpleNamespace(data_folder=tmp_path), operation=SimpleNamespace(operation_id="import")
    )
    with pytest.raises(Superseded, match="Import it again") as told:
        operation._check(context)
    assert told.value.is_plain
