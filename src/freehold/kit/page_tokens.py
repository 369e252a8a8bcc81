"""Signed page tokens: where the next page starts, bound to who asked and what they asked for.

Base64url of: format 1 | HMAC-SHA256, first 16 bytes | JSON of the fields. The fields can be read by who
holds the token, who has seen the page they come from; they cannot be changed, and the token opens for
the same `bind` only.
"""

import base64
import binascii
import hmac
import json
from typing import Any

from freehold.kit.problems import Invalid

_FORMAT = b"\x01"
_MAC = 16
_LONGEST = 8192


def encode(key: bytes, fields: dict[str, Any], *, bind: str = "") -> str:
    """`fields`: JSON values, NaN and infinities too. `bind`: filter, order and actor in any fixed form."""
    body = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(_FORMAT + _mac(key, body, bind) + body).rstrip(b"=").decode("ascii")


def decode(key: bytes, token: str, *, bind: str = "") -> dict[str, Any]:
    """Raises Invalid("InvalidPageToken"), whatever is wrong with the token."""
    raw = _from_base64(token)
    mac, body = raw[1 : 1 + _MAC], raw[1 + _MAC :]
    if raw[:1] != _FORMAT or not hmac.compare_digest(mac, _mac(key, body, bind)):
        raise _invalid()
    fields: dict[str, Any] = json.loads(body)
    return fields


def _mac(key: bytes, body: bytes, bind: str) -> bytes:
    bound = bind.encode()
    return hmac.digest(key, _FORMAT + len(bound).to_bytes(8, "big") + bound + body, "sha256")[:_MAC]


def _from_base64(token: str) -> bytes:
    if len(token) > _LONGEST:
        raise _invalid()
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _invalid() from None


def _invalid() -> Invalid:
    return Invalid("InvalidPageToken", "this page token is not for this query; ask for the first page again")
