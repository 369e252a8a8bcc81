"""What lies inside compressed streams, archives and Parquet files is found; what cannot be opened is said."""

import bz2
import gzip
import io
import lzma
import sqlite3
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from pyarrow import parquet

from freehold.lifecycle.scan import Findings, RecallTooLow, Scanner, self_test
from freehold.lifecycle.scan.scanner import TIMES

SECRET = "the-secret-of-run-4711"
LOTS = b"".join(b"%d. filler that compresses, somewhat\n" % number for number in range(60_000))
PAYLOAD = LOTS + SECRET.encode() + LOTS


def _zip(data: bytes, method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("first.txt", b"nothing here")
        archive.writestr("folder/second.bin", data)
    return file.getvalue()


def _tar(data: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in (("a", b"nothing"), ("b", data)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def _parquet(value: str) -> bytes:
    file = io.BytesIO()
    rows = ["PAR1 in a text"] * 5_000 + [value] + ["other"] * 5_000
    columns = {"number": list(range(10_001)), "names": [[row] for row in rows], "text": rows}
    parquet.write_table(pa.table(columns), file, compression="zstd", row_group_size=3_000)
    return file.getvalue()


CONTAINERS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: gzip.compress(PAYLOAD),
    "gzip of many members": lambda: gzip.compress(LOTS) + gzip.compress(b"") + gzip.compress(PAYLOAD),
    "zstd": lambda: zstandard.compress(PAYLOAD),
    "zstd of many frames": lambda: b"".join(zstandard.compress(p) for p in (LOTS, b"x", PAYLOAD)),
    "bzip2": lambda: bz2.compress(PAYLOAD),
    "xz": lambda: lzma.compress(PAYLOAD),
    "zip": lambda: _zip(PAYLOAD, zipfile.ZIP_DEFLATED),
    "zip by bzip2": lambda: _zip(PAYLOAD, zipfile.ZIP_BZIP2),
    "zip, stored": lambda: _zip(PAYLOAD, zipfile.ZIP_STORED),
    "tar": lambda: _tar(PAYLOAD),
    "tar.gz of a gzip": lambda: gzip.compress(_tar(gzip.compress(PAYLOAD))),
    "zip in a zip in a tar": lambda: _tar(_zip(_zip(PAYLOAD, 8), 8)),
    "Parquet": lambda: _parquet(SECRET),
    "Parquet in a tar": lambda: _tar(_parquet(SECRET)),
    "Parquet files in a zip": lambda: _zip(_parquet("nothing") + b"between" + _parquet(SECRET), 8),
    "zstd in the middle of a page": lambda: LOTS[:12_345] + zstandard.compress(PAYLOAD) + LOTS[:777],
}


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("form", ["file", "pieces"])
def test_value_inside_is_found(name: str, form: str, tmp_path: Path) -> None:
    data = CONTAINERS[name]()
    scanner = Scanner([SECRET, "a value that is nowhere"])
    findings = _scan(scanner, data, tmp_path) if form == "file" else _scan_pieces(scanner, data)
    assert findings.needles_hit == {0}
    assert findings.unopened == []
    assert findings.bytes_scanned == len(data)


def test_value_in_a_dead_part_of_a_truncated_stream_is_found_and_the_cut_is_said(tmp_path: Path) -> None:
    findings = _scan(Scanner([SECRET]), gzip.compress(PAYLOAD)[:-2_000], tmp_path)
    assert findings.needles_hit == {0}
    assert [why for _, why in findings.unopened] == ["cut short"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x1f\x8b\x08 not a gzip file at all" * 9, "error"),
        (_parquet("x")[:-30] + b"\0" * 26 + b"PAR1", "a Parquet file that cannot be read"),
        (zstandard.compress(bytes(60_000_000)), "decodes to more than the limit"),
    ],
    ids=["damaged gzip", "damaged Parquet", "zstd bomb"],
)
def test_what_cannot_be_opened_is_said(data: bytes, why: str, tmp_path: Path) -> None:
    findings = _scan(Scanner([SECRET], decoded_freely=20_000_000), data, tmp_path)
    assert [reason for _, reason in findings.unopened] == [why]
    assert findings.bytes_decoded < 90_000_000


def test_archives_of_archives_come_to_no_more_than_one_file_may(tmp_path: Path) -> None:
    """Sixteen of sixteen, five times: forty kilobytes that are petabytes, and no archive in it is many times itself."""
    data = _zip(bytes(4_000_000), zipfile.ZIP_DEFLATED)
    for _ in range(5):
        data = _zips([data] * 16)
    findings = _scan(Scanner([SECRET], decoded_freely=20_000_000), data, tmp_path)
    last_pieces = 6 * 1_000_000  # of each layer the one that is too much
    assert findings.bytes_decoded < 20_000_000 + TIMES * len(data) + last_pieces
    assert {why for _, why in findings.unopened} == {"decodes to more than the limit"}
    assert len(findings.unopened) < 100


def _zips(members: list[bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, member in enumerate(members):
            archive.writestr(str(number), member)
    return file.getvalue()


def test_encrypted_zip_member_is_said(tmp_path: Path) -> None:
    data = bytearray(_zip(PAYLOAD, zipfile.ZIP_DEFLATED))
    second = data.index(b"PK\x03\x04", 4)
    data[second + 6] |= 1
    findings = _scan(Scanner([SECRET]), b"before it" + bytes(data), tmp_path)
    assert [why for _, why in findings.unopened] == ["an encrypted zip member"]


def test_a_parquet_file_behind_more_marks_than_are_tried_is_said(tmp_path: Path) -> None:
    """Marks in plain text are no files, and not worth a word."""
    text = b"Text with PAR1, the mark of Parquet. " * 5_000
    assert _scan(Scanner([SECRET]), text, tmp_path).unopened == []
    findings = _scan(Scanner([SECRET]), text + _parquet(PAYLOAD.decode("latin-1")), tmp_path)
    assert "more marks of Parquet than are tried" in [why for _, why in findings.unopened]


def test_file_that_vanished_holds_nothing(tmp_path: Path) -> None:
    assert Scanner([SECRET]).scan_files([tmp_path / "gone"]) == Findings()


def test_deleted_row_is_found_in_database_and_log_until_they_are_cleaned(tmp_path: Path) -> None:
    path = tmp_path / "base.db"
    scanner = Scanner([f"{SECRET}-{number}" for number in range(500)])
    with closing(sqlite3.connect(path, isolation_level=None)) as base:
        for pragma in ("journal_mode=wal", "secure_delete=off", "wal_autocheckpoint=0"):
            base.execute(f"pragma {pragma}")
        base.execute("create table t (number integer primary key, name text)")
        base.execute("create index i on t (name)")
        base.execute("begin")
        base.executemany("insert into t (name) values (?)", [[f"{SECRET}-{n}"] for n in range(500)])
        base.execute("commit")
        base.execute("delete from t")
        files = [path, tmp_path / "base.db-wal"]
        assert len(scanner.scan_files(files).needles_hit) == 500
        base.execute("pragma wal_checkpoint(truncate)")
        assert scanner.scan_files(files).needles_hit
        base.execute("vacuum")
        base.execute("pragma wal_checkpoint(truncate)")
        assert scanner.scan_files(files).hit_count == 0


def test_self_test_finds_all_it_plants() -> None:
    assert self_test(Scanner([SECRET])) > 25
    assert self_test(Scanner([])) > 25


def test_self_test_fails_when_the_scan_looks_for_something_else() -> None:
    scanner = Scanner([SECRET])
    scanner.controls = Scanner(["quite another one"]).controls
    with pytest.raises(RecallTooLow, match=r"plain.*parquet"):
        self_test(scanner)


def test_controls_stand_in_no_needle() -> None:
    assert not set(Scanner([SECRET]).controls) & set(Scanner([SECRET, SECRET + "2"]).controls)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(gzip.compress(LOTS * 2, 1))
    large.write_bytes(gzip.compress(LOTS * 60, 1) + b"\x05" * (60 << 20))
    assert _peak(large) - _peak(small) < 12 << 20


def _peak(path: Path) -> int:
    code = (
        "import resource, sys; from pathlib import Path; from freehold.lifecycle.scan import Scanner\n"
        "Scanner(['something or other']).scan_files([Path(sys.argv[1])])\n"
        "unit = 1 if sys.platform == 'darwin' else 1024\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True)
    return int(done.stdout)


def _scan(scanner: Scanner, data: bytes, folder: Path) -> Findings:
    path = folder / "file"
    path.write_bytes(data)
    return scanner.scan_files([path])


def _scan_pieces(scanner: Scanner, data: bytes) -> Findings:
    return scanner.scan_pieces("stream", (data[at : at + 100_003] for at in range(0, len(data), 100_003)))
