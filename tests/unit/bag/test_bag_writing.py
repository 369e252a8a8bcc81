"""A bag is whole after every settle, the same for the same content, and other people's tools agree."""

import hashlib
import io
import os
import random
import subprocess
import sys
import tarfile
from pathlib import Path

import bagit
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.lifecycle.bag.sorting import LineSorter
from freehold.lifecycle.bag.tar import iter_tar, tar_size
from freehold.lifecycle.bag.writer import BagWriter, Part, Seal, pieces_of

FILES = {
    "data/tables/runs/part-00000.parquet": b"rows",
    "data/artifacts/a/Modél =x.bin": bytes(range(256)) * 9000,
    "data/artifacts/a/empty": b"",
    "data/artifacts/" + "long/" * 60 + "end": b"deep",
}


def make_bag(folder: Path, files: dict[str, bytes] = FILES) -> Seal:
    writer = BagWriter(folder)
    for path, content in files.items():
        writer.write(path, [content[at : at + 70_000] for at in range(0, len(content), 70_000)])
    seal = writer.finish(writer.settle(), {"Bagging-Date": "2026-11-22"})
    writer.close()
    return seal


def test_bagit_python_and_sha256sum_accept_the_bag(tmp_path: Path) -> None:
    seal = make_bag(tmp_path / "bag")
    bag = bagit.Bag(str(tmp_path / "bag"))
    bag.validate()
    assert bag.info["Payload-Oxum"] == f"{seal.size}.{seal.files}" == f"{sum(map(len, FILES.values()))}.4"
    subprocess.run(["sha256sum", "--check", "--quiet", "manifest-sha256.txt"], cwd=tmp_path / "bag", check=True)


def test_the_manifest_is_sorted_and_the_order_of_writing_does_not_show(tmp_path: Path) -> None:
    one = make_bag(tmp_path / "one")
    other = make_bag(tmp_path / "other", dict(reversed(FILES.items())))
    assert one == other
    paths = [line.split("  ")[1] for line in (tmp_path / "one/manifest-sha256.txt").read_text().splitlines()]
    assert paths == sorted(paths)


def test_a_part_has_its_name_only_after_settle(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path)
    part = writer.write("data/a", [b"one", b"two"])
    assert part == Part("data/a", hashlib.sha256(b"onetwo").hexdigest(), 6)
    assert not (tmp_path / "data/a").exists()
    assert writer.settle() == [part]
    assert (tmp_path / "data/a").read_bytes() == b"onetwo"


def test_a_killed_writer_leaves_only_settled_parts(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from freehold.lifecycle.bag.writer import BagWriter\n"
        "w = BagWriter(Path(sys.argv[1])); w.write('data/a', [b'a']); w.settle(); w.write('data/b', [b'b'])\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert done.returncode == -9
    writer = BagWriter(tmp_path)
    writer.close()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a"]


@pytest.mark.parametrize("path", ["../a", "/a", "data/../../a", "data//a", "data/a\n", "data/100%", "data\\a"])
def test_a_part_outside_the_bag_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="plain and relative"):
        BagWriter(tmp_path).write(path, [b""])


def test_two_parts_of_one_path_are_refused(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path)
    parts = [Part("data/a", "0" * 64, 1), Part("data/a b", "1" * 64, 1), Part("data/a", "2" * 64, 1)]
    with pytest.raises(ValueError, match="same path"):
        writer.finish(parts, {})


def test_an_info_value_cannot_add_a_line(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path)
    writer.finish([], {"Title": "a\r\nPayload-Oxum: 9.9"})
    writer.close()
    assert (tmp_path / "bag-info.txt").read_text() == "Payload-Oxum: 0.0\nTitle: a Payload-Oxum: 9.9\n"


def test_the_tar_is_the_same_every_time_and_opens_anywhere(tmp_path: Path) -> None:
    make_bag(tmp_path / "bag")
    archive = b"".join(iter_tar(tmp_path / "bag", "workspace-x", 1_790_000_000))
    os.utime(tmp_path / "bag/bagit.txt", (1, 1))
    assert archive == b"".join(iter_tar(tmp_path / "bag", "workspace-x", 1_790_000_000))
    assert len(archive) == tar_size(tmp_path / "bag", "workspace-x")
    (tmp_path / "bag.tar").write_bytes(archive)
    subprocess.run(["tar", "-xf", "bag.tar"], cwd=tmp_path, check=True)
    bagit.Bag(str(tmp_path / "workspace-x")).validate()
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        assert {(entry.uid, entry.mtime, entry.mode) for entry in opened} == {(0, 1_790_000_000, 0o644)}


def test_the_tar_can_be_sent_from_any_byte(tmp_path: Path) -> None:
    make_bag(tmp_path / "bag", {"data/a": b"x" * 700, "data/b": b"", "data/c": b"y" * 512})
    whole = b"".join(iter_tar(tmp_path / "bag", "w", 0))
    for start in range(0, len(whole) + 1, 37):
        assert b"".join(iter_tar(tmp_path / "bag", "w", 0, start)) == whole[start:]


def test_pieces_of_a_file_make_the_file(tmp_path: Path) -> None:
    content = random.Random(1).randbytes(100_001)
    (tmp_path / "a").write_bytes(content)
    assert b"".join(bytes(piece) for piece in pieces_of(tmp_path / "a", memoryview(bytearray(4096)))) == content


@given(st.lists(st.binary(max_size=8).filter(lambda line: b"\n" not in line)))
def test_lines_come_back_sorted_however_little_memory(lines: list[bytes]) -> None:
    with LineSorter(lines_in_memory=3) as sorter:
        for line in lines:
            sorter.add(line)
        assert list(sorter.lines()) == sorted(lines)
        assert list(sorter.lines()) == sorted(lines)
