"""Many small segments of a run become one sorted chunk: less space, fast reads."""

from freehold.domain.metrics import queries
from freehold.storage.metrics import MetricColumns, decode_segment, encode_segment
from freehold.storage.transaction import Transaction

CROWDED = 64
LARGEST_INTAKE = 512


def compact_run(db: Transaction, workspace_id: int, run_row: int) -> int:
    """Replace the run's oldest segments by one chunk; how many. Points of a key keep their order of arrival."""
    segments = queries.segments_of(db, workspace_id, run_row, LARGEST_INTAKE)
    if len(segments) < CROWDED:
        return 0
    columns = join([decode_segment(payload) for _, payload in segments])
    queries.add_chunk(db, workspace_id, run_row, len(columns.step), encode_segment(columns))
    rows = [row for row, _ in segments]
    return queries.retire_segments(db, workspace_id, rows, keep_until_released=queries.is_leased(db, workspace_id))


def join(parts: list[MetricColumns]) -> MetricColumns:
    """One set of columns, sorted by key and then by order of arrival."""
    import numpy as np

    keys = sorted({key for part in parts for key in part.keys})
    position = {key: at for at, key in enumerate(keys)}
    index = np.concatenate(
        [np.array([position[key] for key in part.keys], np.uint16)[part.key_index] for part in parts]
    )
    order = np.argsort(index, kind="stable")
    step, at, value = (
        np.concatenate([getattr(part, name) for part in parts])[order] for name in ("step", "at", "value")
    )
    return MetricColumns(keys, index[order], step, at, value)
