"""The points of one metric, sorted as MLflow does (by time, then step, then value), in pages or thinned out."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.metrics import queries
from freehold.domain.metrics.service import History
from freehold.storage.metrics import MetricColumns, decode_segment
from freehold.storage.transaction import Transaction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


IN_BLOCK = 4_096
"""Points that are turned into Python's numbers at once: as columns a long history is small, as objects it is not."""


class Place(NamedTuple):
    """Where a page ended: time and step of its last point, and how many points of that moment were given."""

    at: int
    step: int
    given: int


class HistoryPage(NamedTuple):
    """`blocks`: the points, some thousand at a time. `next_place`: where the next page begins, if any follow."""

    blocks: Iterator[History]
    next_place: Place | None


def read_page(
    db: Transaction, workspace: WorkspaceRef, run_row: int, key: str, *, after: Place | None, limit: int
) -> HistoryPage:
    """At most `limit` points by time. A metric never logged has none."""
    import numpy as np

    step, at, value = _columns(db, workspace, run_row, key)
    order = np.lexsort((value, step, at))
    step, at, value = step[order], at[order], value[order]
    start = _position(at, step, after) if after else 0
    end = min(start + limit, len(at))
    blocks = _blocks(step[start:end], at[start:end], value[start:end])
    return HistoryPage(blocks, _place_before(at, step, end) if end < len(at) else None)


def sample(
    db: Transaction,
    workspace: WorkspaceRef,
    run_row: int,
    key: str,
    *,
    steps: tuple[int, int] | None,
    limit: int,
) -> History:
    """At most `limit` points by step, evenly chosen, the first and the last among them; `steps` are inclusive."""
    import numpy as np

    step, at, value = _columns(db, workspace, run_row, key)
    if steps is not None:
        inside = (step >= steps[0]) & (step <= steps[1])
        step, at, value = step[inside], at[inside], value[inside]
    order = np.lexsort((value, at, step))
    if len(order) > limit:
        order = order[np.unique(np.linspace(0, len(order) - 1, limit).round().astype(np.int64))]
    return History(step[order].tolist(), at[order].tolist(), value[order].tolist())


def _columns(
    db: Transaction, workspace: WorkspaceRef, run_row: int, key: str
) -> "tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]":
    """Steps, times and values in order of arrival."""
    import numpy as np

    segments = [decode_segment(payload) for payload in queries.payloads_of(db, workspace.workspace_id, run_row)]
    parts = [_of_key(segment, key) for segment in segments if key in segment.keys]
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64)
    steps, times, values = zip(*parts, strict=True)
    return np.concatenate(steps), np.concatenate(times), np.concatenate(values)


def _of_key(segment: MetricColumns, key: str) -> "tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]":
    if len(segment.keys) == 1:
        return segment.step, segment.at, segment.value
    chosen = segment.key_index == segment.keys.index(key)
    return segment.step[chosen], segment.at[chosen], segment.value[chosen]


def _blocks(step: "NDArray[np.int64]", at: "NDArray[np.int64]", value: "NDArray[np.float64]") -> Iterator[History]:
    for start in range(0, len(at), IN_BLOCK):
        end = start + IN_BLOCK
        yield History(step[start:end].tolist(), at[start:end].tolist(), value[start:end].tolist())


def _position(at: "NDArray[np.int64]", step: "NDArray[np.int64]", after: Place) -> int:
    import numpy as np

    first, last = (int(np.searchsorted(at, after.at, side)) for side in ("left", "right"))
    return first + int(np.searchsorted(step[first:last], after.step)) + after.given


def _place_before(at: "NDArray[np.int64]", step: "NDArray[np.int64]", end: int) -> Place:

    last_at, last_step = int(at[end - 1]), int(step[end - 1])
    first = _position(at, step, Place(last_at, last_step, 0))
    return Place(last_at, last_step, end - first)
