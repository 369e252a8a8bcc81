"""Finding every trace of a value in files, and proving at every run that the search itself works."""

from freehold.lifecycle.scan.control import RecallTooLow, self_test
from freehold.lifecycle.scan.encodings import ENCODINGS
from freehold.lifecycle.scan.patterns import MAX_NEEDLE, MIN_NEEDLE
from freehold.lifecycle.scan.scanner import Findings, Hit, Scanner

__all__ = [
    "ENCODINGS",
    "MAX_NEEDLE",
    "MIN_NEEDLE",
    "Findings",
    "Hit",
    "RecallTooLow",
    "Scanner",
    "self_test",
]
