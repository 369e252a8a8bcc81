"""Bags that somebody made to do harm: refused with the reason, and nothing of them stays."""

import io
import json
import os
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from freehold.lifecycle.bag.split import LARGE
from freehold.lifecycle.imports import budget, extract, operation, reading
from freehold.lifecycle.imports.refusal import Refused
from freehold.lifecycle.imports.spool import ImportSpool
from freehold.lifecycle.imports.task import read_bag
from freehold.lifecycle.imports.values import LONGEST_ID, LONGEST_TEXT
from freehold.records.catalogue import catalogue
from tests.conftest import House
from tests.lifecycle.export.content import LocalBench, export, fill
from tests.lifecycle.imports.bags import Files, as_tar, sealed, table_of, with_table
from tests.lifecycle.imports.content import import_bag, report_of
from tests.world import World, make_world

MEBIBYTE = 1 << 20
Spoil = Callable[[Files], bytes]


def member(name: str, content: bytes = b"x", **more: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in more.items():
        setattr(info, key, value)
    return info, content


def beside(*members: tuple[tarfile.TarInfo, bytes]) -> Spoil:
    """The whole bag, and something more in the archive."""
    return lambda files: as_tar(sealed(files), members)


def with_files(more: Files) -> Spoil:
    """Forged manifests and all."""
    return lambda files: as_tar(sealed(files | more))


def with_keys(content: bytes) -> Spoil:
    """A certificate, and what is said to be the keys for it."""
    return lambda files: as_tar(sealed(files) | {"certificate.jws": b"a.b.c", "certificate-keys.json": content})


def without(path: str) -> Spoil:
    def spoil(files: Files) -> bytes:
        whole = sealed(files)
        found = next(name for name in whole if name.startswith(path))
        return as_tar({name: content for name, content in whole.items() if name != found})

    return spoil


def changed(path: str, content: Callable[[bytes], bytes]) -> Spoil:
    """One file is another than the manifest says."""

    def spoil(files: Files) -> bytes:
        whole = sealed(files)
        found = next(name for name in whole if name.startswith(path))
        return as_tar(whole | {found: content(whole[found])})

    return spoil


def column(table: str, name: str, value: Any, kind: pa.DataType | None = None) -> Spoil:
    """Every value of a column is this one; with manifests that fit."""

    def spoil(files: Files) -> bytes:
        found = table_of(files, table)
        place = found.schema.get_field_index(name)
        kind_of = kind or found.schema.field(name).type
        values = pa.array([value] * found.num_rows, kind_of)
        return as_tar(sealed(with_table(files, table, found.set_column(place, pa.field(name, kind_of), values))))

    return spoil


def first(table: str, name: str, value: Any) -> Spoil:
    """The first value of a column is this one."""

    def spoil(files: Files) -> bytes:
        found = table_of(files, table)
        place = found.schema.get_field_index(name)
        values = pa.array([value, *found.column(place).to_pylist()[1:]], found.schema.field(name).type)
        return as_tar(sealed(with_table(files, table, found.set_column(place, found.schema.field(name), values))))

    return spoil


def another_column(files: Files) -> bytes:
    found = table_of(files, "runs")
    return as_tar(sealed(with_table(files, "runs", found.append_column("workspace_id", [[1] * found.num_rows]))))


def without_column(files: Files) -> bytes:
    return as_tar(sealed(with_table(files, "runs", table_of(files, "runs").drop_columns(["status"]))))


def twice(table: str) -> Spoil:
    def spoil(files: Files) -> bytes:
        found = table_of(files, table)
        return as_tar(sealed(with_table(files, table, pa.concat_tables([found, found]))))

    return spoil


def points_by_turns(files: Files) -> bytes:
    """Points of two runs that alternate."""
    found = table_of(files, "metric_points")
    runs = [row["run_id"] for row in table_of(files, "runs").to_pylist()][:2]
    owner = pa.array([runs[number % 2] for number in range(found.num_rows)])
    place = found.schema.get_field_index("run_id")
    turned = found.set_column(place, found.schema.field("run_id"), owner.dictionary_encode())
    return as_tar(sealed(with_table(files, "metric_points", turned)))


def size_that_lies(files: Files) -> bytes:
    """A header that claims more bytes than the archive has."""
    bag = bytearray(as_tar(sealed(files)))
    info = tarfile.TarInfo("bag/data/huge")
    info.size = 1 << 40
    return bytes(bag[:-10_240].rstrip(b"\0").ljust(-(-len(bag) // 512) * 512, b"\0")) + info.tobuf(tarfile.PAX_FORMAT)


def newer(files: Files) -> bytes:
    coverage = json.loads(files["data/coverage.json"]) | {"format_version": 99}
    return as_tar(sealed(files | {"data/coverage.json": json.dumps(coverage).encode()}))


def no_archive(files: Files) -> bytes:
    return b"this is no archive at all " * 100


HOSTILE: dict[str, tuple[Spoil, str]] = {
    "climbs out": (beside(member("bag/../../evil")), "BagUnsafePath"),
    "absolute path": (beside(member("/etc/evil")), "BagUnsafePath"),
    "drive letter": (beside(member("C:/evil")), "BagUnsafePath"),
    "backslash": (beside(member("bag/data/..\\evil")), "BagUnsafePath"),
    "second top folder": (beside(member("other/data/evil")), "BagUnsafePath"),
    "symbolic link": (beside(member("bag/data/l", b"", type=tarfile.SYMTYPE, linkname="/etc")), "BagNotAFile"),
    "hard link": (beside(member("bag/data/l", b"", type=tarfile.LNKTYPE, linkname="bag/bagit.txt")), "BagNotAFile"),
    "device": (beside(member("bag/data/d", b"", type=tarfile.CHRTYPE)), "BagNotAFile"),
    "pipe": (beside(member("bag/data/p", b"", type=tarfile.FIFOTYPE)), "BagNotAFile"),
    "sparse file": (beside(member("bag/data/s", b"", type=tarfile.GNUTYPE_SPARSE)), "BagNotAFile"),
    "sparse by extension": (beside(member("bag/data/s", pax_headers={"GNU.sparse.realsize": "9" * 12})), "BagNotAFile"),
    "size that lies": (size_that_lies, "BagBroken"),
    "wrong digest": (changed("data/artifacts/", lambda content: content[::-1]), "BagWrongDigest"),
    "wrong digest of a large file": (
        changed("data/artifacts/", lambda content: content.ljust(LARGE)),
        "BagWrongDigest",
    ),
    "large file cut off": (lambda files: as_tar({"data/a": b"a" * 3 * LARGE})[: 2 * LARGE], "BagBroken"),
    "large file unlisted by tables": (with_files({"data/artifacts/more": b"1" * LARGE}), "BagUnknownFile"),
    "wrong manifest": (changed("manifest-sha256.txt", lambda content: b"0" * 64 + content[64:]), "BagWrongDigest"),
    "missing file": (without("data/artifacts/"), "BagMissing"),
    "extra file": (beside(member("bag/data/extra")), "BagExtra"),
    "names differing in case": (with_files({"data/artifacts/X/y": b"1", "data/artifacts/x/Y": b"2"}), "BagColliding"),
    "no bag": (no_archive, "BagBroken"),
    "unlisted by tables": (with_files({"data/artifacts/more": b"1"}), "BagUnknownFile"),
    "program among the data": (with_files({"data/run.sh": b"rm -rf /"}), "BagUnknownFile"),
    "unknown table": (with_files({"data/tables/persons/part-00000.parquet": b"x"}), "BagUnknownTable"),
    "secrets": (with_files({"data/tables/sealed_secrets/part-00000.parquet": b"x"}), "BagUnknownTable"),
    "no table": (with_files({"data/tables/runs/part-00000.parquet": b"PAR1 no parquet PAR1"}), "BagWrongTable"),
    "wrong type": (column("runs", "run_number", "7", pa.string()), "BagWrongType"),
    "another column": (another_column, "BagUnknownColumn"),
    "without a column": (without_column, "BagMissingColumn"),
    "missing value": (column("runs", "status", None), "BagMissingValue"),
    "value too long": (column("runs", "name", "x" * (LONGEST_TEXT + 1)), "BagValueTooLong"),
    "id too long": (first("runs", "run_id", "x" * (LONGEST_ID + 1)), "BagValueTooLong"),
    "NUL in text": (column("runs", "name", "a\0b"), "BagWrongValue"),
    "no JSON": (column("runs", "details", "{no"), "BagWrongValue"),
    "run twice": (twice("runs"), "BagDuplicate"),
    "tag twice": (twice("run_tags"), "BagDuplicate"),
    "versions of one number": (column("models", "version", 1), "BagDuplicate"),
    "workspace twice": (twice("workspaces"), "BagWrongValue"),
    "size that is no number": (beside(member("bag/data/s", pax_headers={"size": "²"})), "BagBroken"),
    "keys nested deep": (with_keys(b"[" * 200_000), "BagExtra"),
    "name of a table too long": (with_files({f"data/tables/{'a' * 300}/part-00000.parquet": b"x"}), "BagUnknownTable"),
    "top folder is a file": (beside(member("bag")), "BagUnsafePath"),
    "link outside": (column("run_tags", "run_id", "elsewhere"), "BagLinkOutside"),
    "author outside": (column("runs", "created_by", "nobody"), "BagLinkOutside"),
    "points of another": (
        column("metric_points", "run_id", "elsewhere", pa.dictionary(pa.int32(), pa.string())),
        "BagLinkOutside",
    ),
    "pipeline run without a graph": (column("pipeline_objects", "graph_id", None), "BagMissingValue"),
    "points by turns": (points_by_turns, "BagWrongOrder"),
    "artifact that climbs": (column("artifacts", "path", "../../evil"), "BagWrongName"),
    "key that climbs": (first("stored_objects", "object_key", "objects/../keys"), "BagWrongValue"),
    "workspace of any name": (column("workspaces", "public_id", "default"), "BagWrongValue"),
    "workspace in other letters": (
        column("workspaces", "public_id", "01A21729-C859-7000-A975-0ED453D00269"),
        "BagWrongValue",
    ),
    "other bytes": (column("stored_objects", "sha256", "0" * 64), "BagWrongObject"),
    "newer format": (newer, "BagOfAnotherVersion"),
    "other scope": (
        lambda files: as_tar(sealed(files | {"data/coverage.json": b'{"format_version": 1, "scope": "planet"}'})),
        "BagUnknown",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_it_is_refused_and_leaves_nothing(target: World, files: Files, what: str) -> None:
    spoil, code = HOSTILE[what]
    ended = import_bag(target, spoil(files))
    assert ended["state"] == "Failed", ended
    report = report_of(target, ended)
    assert (ended["error"]["code"], report["refused"]["code"]) == (code, code), report
    assert f"GET /freehold/v1/imports/{ended['id']}/report" in ended["error"]["message"]
    assert "Nothing of it was kept." in report["refused"]["message"]
    folder = target.folder / "imports" / ended["id"]
    assert left_in(folder) == ["report.json"]
    assert [path for path in (target.folder / "store").rglob("*") if path.is_file()] == []
    assert target.mlflow("POST", "experiments/search", {"max_results": 5}).get("experiments", []) == []


def packed_anew(*names: str) -> Spoil:
    """By another tool, with files of these names beside those of the bag."""

    def spoil(files: Files) -> bytes:
        sink = io.BytesIO()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in [*sealed(files).items(), *((name, bytes(1 << 24)) for name in names)]:
                archive.writestr(f"bag/{path}", content)
        return sink.getvalue()

    return spoil


@pytest.mark.parametrize("names", [(), ("../../evil",), ("data/x", "data/X")])
def test_a_zip_of_another_tool_is_refused_with_the_way_on(target: World, files: Files, names: tuple[str, ...]) -> None:
    ended = import_bag(target, packed_anew(*names)(files))
    report, told = report_of(target, ended), "packed by another tool: unpack it, and verify the folder"
    assert ended["error"]["code"] == report["refused"]["code"] == "BagBroken"
    assert told in ended["error"]["message"]
    assert told in report["refused"]["message"]
    (fault,) = report["faults"]
    assert (fault["code"], told in fault["message"]) == ("broken", True)


def test_a_newer_format_is_told_which_are_read(target: World, files: Files) -> None:
    report = report_of(target, import_bag(target, newer(files)))
    assert "reads bags of format 1, 2;" in report["refused"]["message"]


def test_a_bag_that_is_too_large_is_not_received(tmp_path: Path, files: Files) -> None:
    world = make_world(tmp_path / "data", FREEHOLD_MAX_BAG="4096").start()
    try:
        bag = as_tar(files)

        def pieces() -> Any:
            stream = io.BytesIO(bag)
            while piece := stream.read(1_000):
                yield piece

        for content in (bag, pieces()):
            answer = world.request("POST", "/freehold/v1/imports", world.alice, content=content)
            assert answer.status_code == 413, answer.text
        assert list((world.folder / "imports").glob("*")) == []
    finally:
        world.kill()


def read_here(house: House, bag: bytes) -> None:
    spool = ImportSpool(house.settings.data_folder, "here")
    spool.folder.mkdir(parents=True, exist_ok=True)
    spool.bag.write_bytes(bag)
    read_bag(LocalBench(house), {"operation_id": "here", "public_id": "p", "new_ids": False})


def test_too_many_files_are_too_many(sqlite_house: House, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "MOST_FILES", 5)
    with pytest.raises(Refused) as told:
        read_here(sqlite_house, as_tar(sealed(files)))
    assert told.value.code == "BagTooMany"


def test_a_table_that_grows_too_large_is_refused(
    sqlite_house: House, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LARGEST_GROUP", 100)
    with pytest.raises(Refused) as told:
        read_here(sqlite_house, as_tar(sealed(files)))
    assert told.value.code == "BagTooLarge"


def repeating(files: Files, rows: int, size: int) -> bytes:
    """Tags that all have one value, which the file holds once: some hundred bytes of Parquet."""
    value = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * size]))
    key = pa.array([str(number) for number in range(rows)])
    table = pa.table({"run_id": pa.array(["first"] * rows), "key": key, "value": value})
    schema = pa.schema([(name, pa.string()) for name in ("run_id", "key")] + [("value", value.type)])
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, schema, compression="zstd", store_schema=False) as writer:
        writer.write_table(table, row_group_size=rows)
    kept = {path: content for path, content in files.items() if not path.startswith("data/tables/run_tags/")}
    return as_tar(sealed(kept | {"data/tables/run_tags/part-00000.parquet": sink.getvalue()}))


def test_a_table_that_becomes_far_more_than_the_bag_is_refused(sqlite_house: House, files: Files) -> None:
    with pytest.raises(Refused) as told:
        read_here(sqlite_house, repeating(files, 20_000, 40_000))
    assert (told.value.code, told.value.where) == ("BagTooLarge", "run_tags")


def test_a_group_of_rows_that_is_announced_as_far_more_than_the_bag_is_not_even_unpacked(
    sqlite_house: House, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "FREELY", 4 * MEBIBYTE)
    monkeypatch.setattr(budget, "TIMES", 1)
    never_for_tags(monkeypatch, "_sizes")
    values = [f"{number}{'x' * 100_000}" for number in range(200)]
    with pytest.raises(Refused) as told:
        read_here(sqlite_house, with_tags(files, values))
    assert (told.value.code, told.value.where) == ("BagTooLarge", "run_tags")


def never_for_tags(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """This function of the reader is not called for tags that take megabytes, nor at all before any are unpacked."""
    call = getattr(reading, name)

    def watched(*given: Any) -> Any:
        batches = [each for each in given if isinstance(each, pa.RecordBatch)]
        assert not any(each.nbytes > MEBIBYTE for each in batches), "they were unpacked"
        assert batches or "run_tags" not in given, "their list was read"
        return call(*given)

    monkeypatch.setattr(reading, name, watched)


def with_tags(files: Files, values: list[str], *, rows_in_group: int = 1_000) -> bytes:
    """A bag with these tags, packed as well as they can be."""
    keys = [str(number) for number in range(len(values))]
    table = pa.table({"run_id": ["first"] * len(values), "key": keys, "value": values})
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", use_dictionary=False, row_group_size=rows_in_group)
    kept = {path: content for path, content in files.items() if not path.startswith("data/tables/run_tags/")}
    return as_tar(sealed(kept | {"data/tables/run_tags/part-00000.parquet": sink.getvalue()}))


def test_a_text_that_no_column_could_have_is_refused_before_it_is_written_out(
    sqlite_house: House, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_for_tags(monkeypatch, "_pieces")
    with pytest.raises(Refused) as told:
        read_here(sqlite_house, with_tags(files, ["x" * (reading.LONGEST_IN_BYTES + 1)]))
    assert (told.value.code, told.value.where) == ("BagValueTooLong", "run_tags")


def test_a_table_of_very_many_groups_is_refused_before_their_list_is_read(
    sqlite_house: House, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    bag = with_tags(files, ["x"] * 2_000, rows_in_group=1)
    monkeypatch.setattr(reading, "LARGEST_FOOTER", 100_000)
    never_for_tags(monkeypatch, "_check_schema")
    with pytest.raises(Refused) as told:
        read_here(sqlite_house, bag)
    assert (told.value.code, told.value.where) == ("BagTooLarge", "run_tags")


def test_a_table_that_repeats_itself_comes_in_piece_by_piece(
    sqlite_house: House, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    values = reading._values

    def measured(batch: pa.RecordBatch, name: str) -> list[Any]:
        sizes.append(batch.nbytes)
        return values(batch, name)

    monkeypatch.setattr(reading, "_values", measured)
    read_here(sqlite_house, repeating(files, 8_000, 8_000))
    assert 8 << 20 < max(sizes) <= reading.BYTES_AT_ONCE + (1 << 20)


@pytest.mark.parametrize("fault", [ValueError, RecursionError, MemoryError, OverflowError, OSError(36, "too long")])
def test_whatever_fails_at_a_bag_refuses_it(
    sqlite_house: House, files: Files, fault: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(extract, "take_tables", fail)
    with pytest.raises(Refused) as told:
        read_here(sqlite_house, as_tar(sealed(files)))
    assert told.value.code == "BagBroken"
    report = ImportSpool(sqlite_house.settings.data_folder, "here").report
    assert json.loads(report.read_bytes())["refused"]["code"] == "BagBroken"


def test_a_full_disk_is_no_fault_of_the_bag(sqlite_house: House, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(extract, "verify", fail)
    with pytest.raises(OSError, match="space"):
        read_here(sqlite_house, as_tar(sealed(files)))


@pytest.mark.parametrize("fault", [sa.exc.IntegrityError("", (), ValueError()), OverflowError()])
def test_a_row_that_the_database_does_not_take_is_not_tried_again(
    house: House, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the checks before it have missed: what is refused ends the operation at once."""

    def fail(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(operation, "write_all", fail)
    nothing: Any = None
    with pytest.raises(Refused):
        house.database.write_now(lambda db: operation._write_all(db, nothing, nothing, {}))


def test_nothing_of_a_bag_lies_outside_the_folder_of_its_import(
    sqlite_house: House, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed child leaves goes with that folder; in the system's temporary one it would stay."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    read_here(sqlite_house, as_tar(sealed(files)))


def test_reading_a_good_bag_writes_no_row(house: House) -> None:
    """Checking is for a process that may not write."""
    fill(house)
    bag = export(house, "good")
    rows = {name: count(house, name) for name in catalogue()}
    files = {str(path.relative_to(bag)): path.read_bytes() for path in bag.rglob("*") if path.is_file()}
    read_here(house, as_tar(sealed(files)))
    assert rows == {name: count(house, name) for name in catalogue()}


def count(house: House, name: str) -> int:
    table = catalogue()[name].table
    query = sa.select(sa.func.count()).select_from(table)
    return int(house.database.read_now(lambda db: db.execute(query).scalar_one()))


def left_in(folder: Path, within: float = 10) -> list[str]:
    """Names below a folder, once the clean-up that follows a failure is through."""
    deadline = time.monotonic() + within
    while (names := _names_below(folder)) != ["report.json"] and time.monotonic() < deadline:
        time.sleep(0.05)
    return names


def _names_below(folder: Path) -> list[str]:
    """`os.walk` passes over a folder that goes meanwhile; `rglob` fails on it."""
    return [name for _, folders, files in os.walk(folder) for name in (*folders, *files)]
