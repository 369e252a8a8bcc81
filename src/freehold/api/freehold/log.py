"""The log of certificates, open to everybody, at the addresses of C2SP tlog-tiles below `/freehold/v1/log`."""

import base64

from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.freehold.facade import V1, freehold
from freehold.api.freehold.shapes import InclusionOut
from freehold.api.replies import reply
from freehold.api.routing import Anonymous
from freehold.lifecycle.log.paths import parse_index, parse_level

_PUBLIC = Anonymous(because="a log that only some may read proves nothing; it holds digests and random ids")
_TEXT = "text/plain; charset=utf-8"
_CHANGES = {"Cache-Control": "no-cache"}
_NEVER_CHANGES = {"Cache-Control": "public, max-age=31536000, immutable"}


@freehold.route("GET", f"{V1}/log/checkpoint", _PUBLIC)
async def checkpoint(call: Call) -> Response:
    """The signed head of the log: origin, size and root (C2SP tlog-checkpoint)."""
    return Response((await call.services.log.checkpoint()).encode(), 200, _CHANGES, _TEXT)


@freehold.route("GET", f"{V1}/log/key", _PUBLIC)
async def keys(call: Call) -> Response:
    """The keys that verify checkpoints, one a line as C2SP signed-note writes them; the one in use first."""
    lines = "".join(f"{key}\n" for key in call.services.keys.log.verifier_keys())
    return Response(lines.encode(), 200, _CHANGES, _TEXT)


@freehold.route("GET", f"{V1}/log/tile/entries/{{index:path}}", _PUBLIC)
async def entries(call: Call) -> Response:
    """A bundle of leaves: `x001/x234/067`, or its first W as `x001/x234/067.p/W`."""
    found = await call.services.log.entries(parse_index(call.params["index"]))
    return Response(found, 200, _NEVER_CHANGES, "application/octet-stream")


@freehold.route("GET", f"{V1}/log/tile/{{level}}/{{index:path}}", _PUBLIC)
async def tile(call: Call) -> Response:
    """Hashes of one level, 256 to a tile: `x001/x234/067`, or its first W as `x001/x234/067.p/W`."""
    level, place = parse_level(call.params["level"]), parse_index(call.params["index"])
    return Response(await call.services.log.tile(level, place), 200, _NEVER_CHANGES, "application/octet-stream")


@freehold.route("GET", f"{V1}/log/proofs/{{certificate}}", _PUBLIC, answer=InclusionOut)
async def proof(call: Call) -> Response:
    """That a certificate, by its id, is a leaf of the signed tree."""
    found = await call.services.log.inclusion(call.params["certificate"])
    hashes = [base64.b64encode(each).decode() for each in found.hashes]
    answer = InclusionOut(found.leaf, found.size, found.entry.decode(), hashes, found.checkpoint)
    return reply(answer, headers=_CHANGES)
