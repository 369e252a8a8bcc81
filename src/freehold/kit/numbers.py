"""Whole numbers that somebody wrote as text."""


def whole_number(text: str, *, most_digits: int) -> int | None:
    """What so many ASCII digits write; None for anything else. `str.isdigit` takes what `int` refuses ("²"), and `int`
    takes signs, blanks and numbers that no column holds."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= most_digits else None
