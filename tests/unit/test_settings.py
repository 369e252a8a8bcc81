"""What settings may not be."""

from pathlib import Path

import pytest

from freehold.settings import load_settings


@pytest.mark.parametrize("keys", [".", "data"])
def test_the_keys_may_not_hold_the_data(tmp_path: Path, keys: str) -> None:
    """Nothing below the keys is searched when an erasure is proved."""
    with pytest.raises(ValueError, match="`keys` holds the folder `data`"):
        load_settings({"data": str(tmp_path / "data"), "keys": str(tmp_path / keys)}, {})


def test_the_keys_may_not_hold_the_objects(tmp_path: Path) -> None:
    flags = {"data": str(tmp_path / "data"), "keys": str(tmp_path / "k"), "objects": f"file://{tmp_path}/k/objects"}
    with pytest.raises(ValueError, match="`keys` holds the folder `objects`"):
        load_settings(flags, {})


def test_keys_beside_the_data_are_fine(tmp_path: Path) -> None:
    settings = load_settings({"data": str(tmp_path / "data"), "keys": str(tmp_path / "keys")}, {})
    assert settings.key_folder == tmp_path / "keys"


@pytest.mark.parametrize(
    "url", ["mysql://u:secret@h/d", "sqlite:///x", "h:5432/d", "postgresql://h:x/d", "postgresql:/h/d", "//"]
)
def test_a_database_is_sqlite_or_postgresql(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="no address of a database") as told:
        load_settings({"data": str(tmp_path), "database": url}, {})
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    "url",
    [
        *("", "postgresql://h/d", "postgres://u:p@h:5432/d", "postgresql+psycopg:///d?host=/run"),
        *(f"postgresql://u:p{letter}w@h:5432/d" for letter in "#/?[:%"),
    ],
)
def test_a_database_of_postgresql_may_be_written_in_its_ways(tmp_path: Path, url: str) -> None:
    assert load_settings({"data": str(tmp_path), "database": url}, {}).database == url
