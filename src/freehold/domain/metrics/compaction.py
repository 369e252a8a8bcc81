"""Many small segments of a run become one sorted chunk: less space, fast reads."""

from contextlib import suppress

from freehold.domain.metrics import queries
from freehold.kit.problems import Conflict
from freehold.storage.database import Database
from freehold.storage.metrics import LARGEST_KEY_COUNT, MetricColumns, encode_segment, join_segments
from freehold.storage.transaction import Transaction

CROWDED = 64
LARGEST_INTAKE, LARGEST_BYTES = 512, 8 << 20
"""At a time. Segments that are fewer than CROWDED for their size are no crowd."""


def compact_run(database: Database, workspace_id: int, run_row: int) -> int:
    """Replace the run's oldest segments by one chunk; how many. Points of a key keep their order of arrival.

    Read and joined beside the writer, which clients wait for. What lost a segment meanwhile is left as it is.
    """
    segments = database.read_now(
        lambda db: queries.segments_of(db, workspace_id, run_row, LARGEST_INTAKE, LARGEST_BYTES)
    )
    if len(segments) < CROWDED:
        return 0
    rows = [row for row, _ in segments]
    columns = join([payload for _, payload in segments])
    while len(columns.keys) > LARGEST_KEY_COUNT:
        rows = rows[: len(rows) // 2]
        columns = join([payload for _, payload in segments[: len(rows)]])
    chunk, points = encode_segment(columns), len(columns.step)
    with suppress(Conflict):
        return database.write_now(lambda db: _replace(db, workspace_id, run_row, rows, chunk, points))
    return 0


def _replace(db: Transaction, workspace_id: int, run_row: int, rows: list[int], chunk: bytes, points: int) -> int:
    is_read = queries.is_leased(db, workspace_id)
    replaced = queries.retire_segments(db, workspace_id, rows, keep_until_released=is_read)
    if replaced != len(rows):
        raise Conflict("SegmentsGone", "Segments of this run went while they were joined.")
    queries.add_chunk(db, workspace_id, run_row, points, chunk)
    return replaced


def join(segments: list[bytes]) -> MetricColumns:
    """One set of columns, sorted by key and then by order of arrival."""
    import numpy as np

    together = join_segments(segments)
    keys = sorted(together.keys)
    position = {key: at for at, key in enumerate(keys)}
    kind = np.uint16 if len(keys) <= LARGEST_KEY_COUNT else np.uint32
    index = np.array([position[key] for key in together.keys], kind)[together.key_index]
    order = np.argsort(index, kind="stable")
    return MetricColumns(keys, index[order], together.step[order], together.at[order], together.value[order])
