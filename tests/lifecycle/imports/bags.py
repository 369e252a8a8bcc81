"""Reading bags, and spoiling them, for tests."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Files = dict[str, bytes]
"""Path from the bag's folder → content."""


def frozen(version: int = 1) -> bytes:
    """A bag of this format as the first release with that format wrote it; it must import for ever."""
    return gzip.decompress((Path(__file__).parent / "fixtures" / f"bag-{version}.tar.gz").read_bytes())


def files_of(bag: Path | bytes) -> Files:
    content = bag if isinstance(bag, bytes) else bag.read_bytes()
    found: Files = {}
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is not None:
                found[member.name.partition("/")[2]] = file.read()
    return found


def manifest_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """Path → digest, as the bag's own manifest says."""
    lines = files["manifest-sha256.txt"].decode().splitlines()
    return {path: digest for digest, _, path in (line.partition("  ") for line in lines)}


def table_of(files: Mapping[str, bytes], name: str) -> pa.Table:
    parts = sorted(path for path in files if path.startswith(f"data/tables/{name}/"))
    return pa.concat_tables([pq.read_table(io.BytesIO(files[part])) for part in parts])


def rows_of(files: Mapping[str, bytes], name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table_of(files, name).to_pylist()
    return rows


def with_table(files: Files, name: str, table: pa.Table) -> Files:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    kept = {path: content for path, content in files.items() if not path.startswith(f"data/tables/{name}/")}
    return kept | {f"data/tables/{name}/part-00000.parquet": sink.getvalue()}


def sealed(files: Mapping[str, bytes]) -> Files:
    """The files with manifests that fit them, as whoever forges a bag would make them; without a certificate."""
    payload = {path: content for path, content in files.items() if path.startswith("data/")}
    manifest = _lines(payload)
    info = f"Payload-Oxum: {sum(map(len, payload.values()))}.{len(payload)}\n".encode()
    tags = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": info,
        "manifest-sha256.txt": manifest,
    }
    return tags | {"tagmanifest-sha256.txt": _lines(tags)} | payload


def as_tar(files: Mapping[str, bytes], more: Iterable[tuple[tarfile.TarInfo, bytes]] = (), top: str = "bag/") -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(top + path)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for info, content in more:
            tar.addfile(info, io.BytesIO(content))
    return sink.getvalue()


def _lines(files: Mapping[str, bytes]) -> bytes:
    return "".join(f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in sorted(files)).encode()
