"""What a measurement is given."""

from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 16


@dataclass(frozen=True)
class Bench:
    """`folder` is removed at the end. `quick`: small sizes and one repeat, to see that all works. `whole_peers`: those
    that take a quarter of an hour are given all, too."""

    folder: Path
    quick: bool
    whole_peers: bool = False

    @property
    def repeats(self) -> int:
        return 1 if self.quick else 3

    @property
    def seconds(self) -> float:
        return 1.0 if self.quick else 5.0

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full
