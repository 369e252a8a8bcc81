"""Canonical JSON (RFC 8785): the same value gives the same bytes, so it can be signed and compared."""

import rfc8785


def canonical_json(value: object) -> bytes:
    """Raises ValueError for what JSON cannot hold (NaN, integers beyond 2**53)."""
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]  # its own union is the check made here
    except rfc8785.CanonicalizationError as fault:
        raise ValueError(str(fault)) from fault
