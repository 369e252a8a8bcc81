"""Structured logs: one JSON object a line. Fixed words and random ids only; a lint keeps content out."""

import logging
import sys
from typing import Any

import msgspec

from freehold.kit.clock import Clock, to_iso

FIELDS = {
    "code": "a code or the kind of a fault",
    "count": "how many",
    "fault": "the kind of a fault, and where in the source it was",
    "hits": "how many traces",
    "http_port": "a port of this server",
    "https_port": "a port of this server",
    "keeps": "what a store keeps of removed objects, in fixed words",
    "object": "the random key of a stored object",
    "operation_id": "a random id",
    "place": "a place in the source",
    "places": "files of this server, whose names are its own or random",
    "request_id": "a random id",
    "route": "the template of a route, never what stood in its place",
    "service": "which cloud",
}
"""Beside time, level, logger and message, a line has these and no others; each says what it holds. Never content."""


def place_of(fault: BaseException) -> str:
    """Kind and place of a fault, without its text."""
    trace, place = fault.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{code.co_filename.rpartition('freehold/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(fault).__name__} at {place}"


class JsonLines(logging.Formatter):
    """Time, level, logger, message and the fields declared above. Exceptions are told by kind, never by text."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": to_iso(self._clock.now()),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.msg if isinstance(record.msg, str) else type(record.msg).__name__,
        }
        line |= {key: value for key, value in vars(record).items() if key in FIELDS}
        if record.exc_info and record.exc_info[0]:
            line["fault"] = record.exc_info[0].__name__
        return msgspec.json.encode(line, enc_hook=lambda value: type(value).__name__).decode()


def set_up_logs(level: str, clock: Clock) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(clock))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("freehold").setLevel(level.upper())
