"""Structured logs: one JSON object a line. Fixed words and random ids only; a lint keeps content out."""

import logging
import sys
from typing import Any

import msgspec

from freehold.kit.clock import Clock, to_iso

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """Time, level, logger, message and the record's extra fields. Exceptions are told by kind, never by text."""

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
        line |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
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
