"""Which fields of a document are secret, and how they are taken out and put back.

A secret field is known by its whole name, whoever wrote the document; an address keeps all but what opens it. Source:
the documents of calls 12, 13, 22, 23, 32 to 36, 38, 50, 59 to 62 and 76, and azureml-core 1.61.0.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from freehold.domain.secrets.addresses import OPENING, without_signatures
from freehold.kit.nesting import DEEPEST

_FIELDS = frozenset(
    name.casefold()
    for name in (
        "accessKey",
        "accessToken",
        "accountKey",
        "acsKubeConfig",
        "adminKubeConfig",
        "adminUserPassword",
        "adminUserSshPrivateKey",
        "apiKey",
        "authToken",
        "certificate",
        "clientSecret",
        "connectionString",
        "credential",
        "credentialValue",
        "databricksAccessToken",
        "instrumentationKey",
        "kerberosKeytab",
        "kerberosPassword",
        "kubeConfig",
        "password",
        "password2",
        "primaryAuthKeyHash",
        "primaryKey",
        "privateKey",
        "privateKeyData",
        "relayConnectionString",
        "sasToken",
        "secondaryAuthKeyHash",
        "secondaryKey",
        "secret",
        "secretAccessKey",
        "serviceBusConnectionString",
        "sessionToken",
        "sslKey",
        "storageKey",
        "token",
        "userKubeConfig",
        "userPassword",
    )
)
_KEYS_OF = frozenset({"ssl", "sslconfiguration"})
"""Below these, `key` is a private key; elsewhere it is any word."""
_TELLING = _FIELDS | {f"{name}=" for name in OPENING} | {"ssl", "@", "\\u"}
_HINTS = sorted(one for one in _TELLING if not any(other in one for other in _TELLING - {one}))
"""Some of these stands in every document with a secret, whatever the case: one that holds another is left out. What
is escaped might be any of them."""


class Parted(NamedTuple):
    """`secrets`: JSON pointer → what stood there."""

    document: Any
    secrets: dict[str, str]


def may_hold_secrets(text: str) -> bool:
    """Of JSON; a quick look, for most documents hold none."""
    folded = text.casefold()
    return any(hint in folded for hint in _HINTS)


def part(document: Any) -> Parted:
    """The document without its secrets, and the secrets by their place."""
    secrets: dict[str, str] = {}
    return Parted(_walk(document, "", "", secrets, 0), secrets)


def joined(document: Any, secrets: Mapping[str, str]) -> Any:
    """The document with its secrets back in their places. One that has no place there is passed over."""
    copy = _copied(document) if secrets else document
    for pointer, value in secrets.items():
        if pointer.startswith("/"):
            _put(copy, [_unescaped(step) for step in pointer.split("/")[1:]], value)
    return copy


def _walk(value: Any, pointer: str, above: str, secrets: dict[str, str], depth: int) -> Any:
    if depth > DEEPEST:
        return value
    if isinstance(value, dict):
        return {key: _field(key, each, pointer, above, secrets, depth) for key, each in value.items()}
    if isinstance(value, list):
        return [_walk(each, f"{pointer}/{at}", above, secrets, depth + 1) for at, each in enumerate(value)]
    return _text(value, pointer, secrets) if isinstance(value, str) else value


def _text(value: str, pointer: str, secrets: dict[str, str]) -> str:
    clean = without_signatures(value)
    if clean != value:
        secrets[pointer] = value
    return clean


def _field(key: str, value: Any, pointer: str, above: str, secrets: dict[str, str], depth: int) -> Any:
    place, folded = f"{pointer}/{escaped(key)}", key.casefold()
    is_secret = folded in _FIELDS or (folded == "key" and above in _KEYS_OF)
    if is_secret and isinstance(value, str) and value:
        secrets[place] = value
        return None
    return _walk(value, place, folded, secrets, depth + 1)


def _put(place: Any, steps: list[str], value: str) -> None:
    for step in steps[:-1]:
        place = _below(place, step)
    if isinstance(place, dict) and steps[-1] in place:
        place[steps[-1]] = value
    elif isinstance(place, list) and steps[-1].isdigit() and int(steps[-1]) < len(place):
        place[int(steps[-1])] = value


def _below(place: Any, step: str) -> Any:
    if isinstance(place, dict):
        return place.get(step)
    return place[int(step)] if isinstance(place, list) and step.isdigit() and int(step) < len(place) else None


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value


def escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


def _unescaped(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")
