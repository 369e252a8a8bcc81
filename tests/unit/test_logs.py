"""A line of the log has fixed words and random ids; what was said with it and what a fault told stay out."""

import json
import logging
import sys

from freehold.kit.clock import FixedClock
from freehold.kit.logs import JsonLines

STANDARD = {"time", "level", "logger", "message"}


def line_of(record: logging.LogRecord) -> dict[str, object]:
    told: dict[str, object] = json.loads(JsonLines(FixedClock()).format(record))
    return told


def record_of(message: object, *arguments: object, **more: object) -> logging.LogRecord:
    logger = logging.getLogger("freehold.sample")
    return logger.makeRecord(logger.name, logging.INFO, "file.py", 1, message, arguments, None, extra=more)


def test_a_line_has_its_words_and_no_more() -> None:
    line = line_of(record_of("run %s was made", "Quokka"))
    assert set(line) == STANDARD
    assert line["message"] == "run %s was made"


def test_a_field_that_is_not_declared_is_left_out() -> None:
    assert set(line_of(record_of("it was made", code="made", run="Quokka"))) == STANDARD | {"code"}


def test_what_is_no_word_is_told_by_its_kind() -> None:
    assert line_of(record_of(ValueError("Quokka")))["message"] == "ValueError"
    assert line_of(record_of("it said", code={"Quokka"}.union))["code"] == "builtin_function_or_method"


def test_a_fault_is_told_by_its_kind() -> None:
    record = record_of("it failed")
    try:
        raise RuntimeError("Quokka")
    except RuntimeError:
        record.exc_info = sys.exc_info()
    line = line_of(record)
    assert line["fault"] == "RuntimeError"
    assert "Quokka" not in json.dumps(line)
