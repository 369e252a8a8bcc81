"""Why a bag is refused: a stable code, and words that say what to do next."""

from typing import Any

from freehold.kit.problems import Invalid
from freehold.lifecycle.bag.verify import Fault

WHAT_TO_DO = "Nothing of it was kept. Import a bag as it was exported; `freehold verify BAG` tells whether it is."
FAULTS_TOLD = 100


class Refused(Invalid):
    """The bag is not taken. `where`: the table or the file, for the report only; no operation keeps it."""

    def __init__(self, code: str, message: str, where: str = "", *, advice: str = WHAT_TO_DO) -> None:
        super().__init__(code, f"{message} {advice}")
        self.where = where

    def as_document(self) -> dict[str, Any]:
        return {"refused": {"code": self.code, "message": self.message, "where": self.where}}


class Unwhole(Refused):
    """The verifier found faults: the first gives the code, `unsafe_path` as `BagUnsafePath`."""

    def __init__(self, faults: list[Fault], count: int) -> None:
        first = faults[0]
        word = "".join(part.capitalize() for part in first.code.split("_"))
        super().__init__(f"Bag{word}", f"The bag does not hold ({count} faults, first: {first.code}).", first.path)
        self._faults = faults[:FAULTS_TOLD]

    def as_document(self) -> dict[str, Any]:
        faults = [{"code": fault.code, "path": fault.path} for fault in self._faults]
        return super().as_document() | {"faults": faults}
