"""Which container a bag is of: read from the bag itself, by who sends it."""

import io
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from freehold.lifecycle.bag.sources import BrokenArchive, Entry, entries_of

TABLES = ("data/tables/containers/", "data/tables/workspaces/")
"""Of a tree, whose root comes first; of one container."""
LARGEST = 64 << 20


class BagRoot(NamedTuple):
    """`arm_path`: below its resource group."""

    kind: str
    name: str
    arm_path: str


def root_of_bag(bag: Path) -> BagRoot | None:
    """None where it is of less than a container, or cannot be read: the server says what is wrong with it."""
    try:
        for entry in entries_of(bag):
            if isinstance(entry, Entry) and entry.path.startswith(TABLES) and entry.size <= LARGEST:
                return _first_row(b"".join(map(bytes, entry.pieces)))
    except (BrokenArchive, OSError, pa.ArrowException, KeyError, IndexError):
        return None
    return None


def _first_row(table: bytes) -> BagRoot:
    """Without pyarrow's threads for it: the command may end right after it, and would end them in the middle."""
    with pq.ParquetFile(io.BytesIO(table)) as parquet:
        row = parquet.read(list(BagRoot._fields), use_threads=False).slice(0, 1).to_pylist()[0]
    return BagRoot(*(str(row[name]) for name in BagRoot._fields))
