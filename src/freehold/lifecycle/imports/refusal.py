"""Why a bag is refused: a stable code, and words that say what to do next."""

from typing import Any

from freehold.kit.problems import Invalid
from freehold.lifecycle.bag.verify import Fault

WHAT_TO_DO = "Nothing of it was kept. Import a bag as it was exported; `freehold verify BAG` tells whether it is."
FAULTS_TOLD = 100


def report_at(operation_id: str) -> str:
    """Where the report of an import is read."""
    return f"GET /freehold/v1/imports/{operation_id}/report"


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
        said = (
            f": {first.message}."
            if first.message
            else f" ({count} {'fault' if count == 1 else 'faults'}, first: {first.code})."
        )
        super().__init__(f"Bag{word}", f"The bag does not hold{said}", first.path)
        self.is_plain = bool(first.message)  # what could not be read is not quoted in it
        self._faults = faults[:FAULTS_TOLD]

    def as_document(self) -> dict[str, Any]:
        return super().as_document() | {"faults": [_told(fault) for fault in self._faults]}


def _told(fault: Fault) -> dict[str, str]:
    message = {"message": fault.message} if fault.message else {}
    return {"code": fault.code, "path": fault.path} | message
