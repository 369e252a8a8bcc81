"""Which operations a dead worker has left behind: those that stand still under this process's own eyes."""

from collections.abc import Mapping


class Watch:
    """Compares what is seen with what was seen before, by a clock that nobody sets. The time that a row tells says
    little: an operation that waited long for a free worker has an old row when one takes it."""

    def __init__(self, patience: float) -> None:
        """`patience`: seconds that a living worker needs at most to show that it works."""
        self._patience = patience
        self._seen: dict[str, tuple[object, float]] = {}

    def standing_still(self, signs: Mapping[str, object], now: float) -> list[str]:
        """The operations whose sign is what it was for as long as the patience. `signs`: of all that are to be watched,
        by operation id; `now`: seconds of the monotonic clock. What was told is watched anew."""
        self._seen = {each: self._since(each, sign, now) for each, sign in signs.items()}
        still = [operation_id for operation_id, (_, since) in self._seen.items() if now - since >= self._patience]
        for operation_id in still:
            del self._seen[operation_id]
        return still

    def _since(self, operation_id: str, sign: object, now: float) -> tuple[object, float]:
        seen = self._seen.get(operation_id)
        return seen if seen is not None and seen[0] == sign else (sign, now)
