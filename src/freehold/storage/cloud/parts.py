"""How large the parts are in which something of a known size is put into an object store."""

MOST_PARTS = 10_000
"""So many does S3 take of one object, the fewest of all clouds."""


def part_size(size: int, least: int) -> int:
    """Bytes, `least` where so many parts suffice."""
    return max(least, -(-size // MOST_PARTS))
