"""What a figure is: its name, its target, what was measured, and whether that meets the target."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """`target` is None where nothing was promised (peers, and figures printed for comparison only)."""

    name: str
    what: str
    unit: str
    target: float | None = None
    more_is_better: bool = True

    def is_met_by(self, value: float) -> bool | None:
        if self.target is None:
            return None
        return value >= self.target if self.more_is_better else value <= self.target


@dataclass(frozen=True)
class Measured:
    """`values`: one per repeat; the median counts. `note`: what the reader must know to judge it."""

    figure: Figure
    server: str
    values: Sequence[float]
    note: str = ""
    details: dict[str, float] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def is_met(self) -> bool | None:
        return self.figure.is_met_by(self.median)


def spell(value: float) -> str:
    """Three significant digits, thousands apart: 1.46, 0.085, 8,430."""
    if value >= 1_000:
        digits = max(0, len(str(int(value))) - 3)
        return f"{round(value, -digits):,.0f}"
    return f"{value:.3g}"


def spell_target(figure: Figure) -> str:
    if figure.target is None:
        return ""
    return f"{'≥' if figure.more_is_better else '≤'} {spell(figure.target)}"


def spell_verdict(measured: Measured) -> str:
    return {True: "met", False: "MISSED", None: ""}[measured.is_met]


def as_markdown(results: Sequence[Measured]) -> str:
    lines = ["| what | server | target | median | repeats | | note |", "|---|---|---|---|---|---|---|"]
    for each in results:
        repeats = " · ".join(map(spell, each.values))
        cells = (
            each.figure.what,
            each.server,
            spell_target(each.figure),
            f"**{spell(each.median)}** {each.figure.unit}",
            repeats,
            spell_verdict(each),
            each.note,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
