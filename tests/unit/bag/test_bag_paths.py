"""Chosen names become file names that no system refuses, changes or confuses."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from freehold.lifecycle.bag.paths import PathKeeper, folded, original_path, safe_path
from freehold.lifecycle.bag.sources import unsafe

ODD_NAMES = [
    ".",
    "..",
    "",
    "con",
    "CON.txt",
    "nul",
    "nul ",
    "aux.",
    "COM1",
    "com\u00b9",
    "a ",
    " a",
    "C:",
    "a\\b",
]
ODD_MARKS = ["=", "=3d", "==", "=-", "%0A", "\0", "\n", "\u202etxt", "x" * 300, "\u65e5\u672c", "\U0001f600"]
ODD_LETTERS = [
    "\u00e9",
    "e\u0301",
    "\ufb01",
    "\u00df",
    "SS",
    "\u0131",
    "I",
    "i",
    "\u0130",
    "\u2126",
    "\u03a9",
]
AWKWARD = st.sampled_from([*ODD_NAMES, *ODD_MARKS, *ODD_LETTERS])
COMPONENT = st.one_of(AWKWARD, st.text(max_size=20), st.text(alphabet="aAbB=.- ", max_size=6))
PATH = st.lists(COMPONENT, min_size=1, max_size=4).map("/".join)
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)([ .].*)?", re.IGNORECASE | re.DOTALL)


@given(PATH)
@example("../../etc/passwd")
@example("\ud800")
def test_an_escaped_path_gives_the_original_back(path: str) -> None:
    assert original_path(safe_path(path)) == path


@given(PATH)
@example("../../etc/passwd")
@example("C:/x")
def test_an_escaped_path_is_safe_on_every_system(path: str) -> None:
    safe = safe_path(path)
    assert not unsafe(safe)
    assert unicodedata.is_normalized("NFC", safe)
    for part in safe.split("/"):
        assert not RESERVED.fullmatch(part)
        assert not set(part) & set('<>:"\\|?*%')
        assert part[-1] not in " ."
        assert part[0] != " "


@given(st.lists(PATH, max_size=30, unique=True))
@example(["a", "A", "a/b", "A/b/c"])
@example(["x=Model", "x=model"])
@example(["ß", "ss", "SS", "\u1e9e"])
@example(["a/b", "a"])
def test_kept_paths_never_collide_on_any_file_system(paths: list[str]) -> None:
    keeper = PathKeeper()
    kept = [keeper.keep(path) for path in paths]
    names = [folded(path) for path in kept]
    assert len(set(names)) == len(paths)
    folders = {"/".join(parts[:end]) for name in names for parts in [name.split("/")] for end in range(1, len(parts))}
    assert not folders & set(names)
    assert all(len(part.encode()) <= 255 for path in kept for part in path.split("/"))


@given(st.lists(PATH, max_size=30, unique=True))
def test_the_same_names_in_the_same_order_are_kept_alike(paths: list[str]) -> None:
    one, other = PathKeeper(), PathKeeper()
    assert [one.keep(path) for path in paths] == [other.keep(path) for path in paths]


@pytest.mark.parametrize("path", ["model/MLmodel", "outputs/model.pkl", "plots/Loss curve.png", "模型/权重.bin"])
def test_ordinary_names_stay_as_they_are(path: str) -> None:
    assert PathKeeper().keep(path) == path


@pytest.mark.parametrize("path", ["=zz", "=", "a=-", "=C3"])
def test_a_path_that_was_not_escaped_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="escape"):
        original_path(path)
