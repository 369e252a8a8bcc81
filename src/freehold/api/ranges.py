"""Which bytes a request asks for."""

import re

from starlette.datastructures import Headers

from freehold.kit.problems import Invalid, RangeNotSatisfiable

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")


def asked_span(headers: Headers, size: int, etag: str | None) -> tuple[int, int] | None:
    """(start, end after the last byte) of the range that is asked for; None for the whole.

    Source: RFC 9110 sections 13.1.5 and 14, and Azure's x-ms-range, which wins over Range. A form that is no single
    byte range is ignored, as the RFC wants. `etag`: of what is there, quoted; where If-Range names anything else the
    whole is given, or who goes on with a download would join it to the beginning of what stood there before.
    """
    if headers.get("if-range", etag) != etag:
        return None
    asked = _RANGE.fullmatch((headers.get("x-ms-range") or headers.get("range") or "").replace(" ", ""))
    if asked is None or asked.groups() == ("", ""):
        return None
    first, last = asked.groups()
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
    if last and first and int(last) < int(first):
        raise Invalid("InvalidHeaderValue", "The range ends before it begins.")
    if start >= size:
        raise RangeNotSatisfiable("InvalidRange", f"The range begins beyond the end; it has {size} bytes.", size=size)
    return start, end
