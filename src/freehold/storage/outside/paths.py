"""Paths inside a store, as clients write them: checked before any store sees them."""

from freehold.kit.problems import Invalid

LONGEST = 1_024


def check_path(path: str) -> None:
    """Relative, with `/` between parts, none of which is empty, `.` or `..`. Raises Invalid."""
    parts = path.split("/")
    is_plain = all(part not in {"", ".", ".."} for part in parts) and "\\" not in path and path.isprintable()
    if not is_plain or len(path.encode(errors="replace")) > LONGEST:
        message = (
            f"A path has names with '/' between them, at most {LONGEST} bytes, and neither '.', '..', backslashes nor"
            " control characters."
        )
        raise Invalid("InvalidContentPath", message, target="path")
