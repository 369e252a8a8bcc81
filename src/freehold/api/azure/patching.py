"""JSON Patch (RFC 6902) on the fields of a document that may be changed. Source: azureml-core 1.61.0."""

from typing import Any

import jsonpatch
import msgspec

from freehold.api.entry import Call
from freehold.kit.problems import Invalid

MOST_OPERATIONS = 200


class PatchOperation(msgspec.Struct, rename={"from_": "from"}):
    op: str
    path: str
    value: Any = None
    from_: str | None = None


async def read_patch(call: Call) -> list[dict[str, Any]]:
    """The operations of the body. Raises Invalid."""
    raw = await call.raw_body()
    try:
        operations = msgspec.json.decode(raw, type=list[PatchOperation])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise Invalid("InvalidPatch", f"The body is no JSON Patch: {fault}.") from None
    if not operations or len(operations) > MOST_OPERATIONS:
        raise Invalid("InvalidPatch", f"A patch has 1 to {MOST_OPERATIONS} operations.")
    return [
        {"op": each.op, "path": each.path, "value": each.value} | ({"from": each.from_} if each.from_ else {})
        for each in operations
    ]


def patched(document: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
    """The document's changeable fields after the patch. Raises Invalid for a path that cannot be changed."""
    try:
        changed: dict[str, Any] = jsonpatch.apply_patch(document, operations)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError) as fault:
        fields = ", ".join(f"/{name}" for name in document)
        raise Invalid("InvalidPatch", f"The patch does not fit ({fault}). What can be changed: {fields}.") from None
    if not isinstance(changed, dict) or set(changed) - set(document):
        raise Invalid("InvalidPatch", f"Only these can be changed: {', '.join(document)}.")
    return changed


def fitting(document: dict[str, Any], shape: type[msgspec.Struct]) -> dict[str, Any]:
    """The document, if it has what is read of it. Raises Invalid."""
    try:
        msgspec.convert(document, shape)
    except msgspec.ValidationError as fault:
        raise Invalid("InvalidPatch", f"The patch does not fit: {fault}.") from None
    return document


def texts(value: Any, name: str) -> dict[str, str]:
    """A map of texts out of a patched document; null stands for empty. Raises Invalid."""
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(each, str | None) for each in value.values()):
        raise Invalid("InvalidPatch", f"/{name} is a map of texts.", target=name)
    return {key: each or "" for key, each in value.items()}
