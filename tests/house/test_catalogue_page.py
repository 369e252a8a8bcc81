"""A rule of the catalogue leaves no trace in the schema: the page holds each, so that none changes unseen."""

from pathlib import Path

import pytest

from scripts.catalogue_page import main

ROOT = Path(__file__).parents[2]


def test_page_says_what_the_records_decide(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_a_stale_page_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    assert main(["--check"]) == 1
    main([])
    page = tmp_path / "docs/catalogue.md"
    assert main(["--check"]) == 0
    page.write_text(page.read_text().replace("goes when that goes", "stays", 1))
    assert main(["--check"]) == 1
