"""URLs that carry the right to read or write one artifact's bytes, for clients that send no token with bytes.

    https://freehold.blob.sas@HOST:PORT/blobs/{workspace id}/{origin}/{container}/{path}?sp=…&se=…&skoid=…&sktid=…&sig=…

The part before `@` is for azureml-core, which cuts the host into *account.blob.suffix* and joins it again: it then
connects to HOST, without a DNS name of that shape. Names of the parameters as in Azure's user delegation SAS.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, urlencode

from freehold.domain.access.actor import Action, Actor, WorkspaceRef
from freehold.domain.artifacts.service import ArtifactName
from freehold.kit.clock import MICROSECONDS, Clock
from freehold.kit.problems import Forbidden
from freehold.storage.keys import KeyStore

ACCOUNT = "freehold.blob.sas"
LIFETIME_SECONDS = 12 * 3_600
READ, WRITE = "r", "rcw"
_VERSION = "1"


class Signer(NamedTuple):
    """Whom the URL was given to; their rights are looked at again when it is used."""

    tenant_id: str
    object_id: str


def sign_url(
    base: str, keys: KeyStore, clock: Clock, actor: Actor, workspace: WorkspaceRef, name: ArtifactName, *, may: Action
) -> str:
    """`base`: scheme, host and port, such as https://127.0.0.1:8443. `may`: READ, or WRITE, which includes reading."""
    scheme, _, host = base.partition("://")
    permission = WRITE if may is Action.WRITE else READ
    expires = str(clock.now() // MICROSECONDS + LIFETIME_SECONDS)
    parts = _parts(permission, expires, Signer(actor.tenant_id, actor.object_id), workspace.public_id, name)
    signature = base64.urlsafe_b64encode(keys.object_urls.digest(*parts)).rstrip(b"=").decode("ascii")
    query = {
        "sv": _VERSION,
        "sp": permission,
        "se": expires,
        "skoid": actor.object_id,
        "sktid": actor.tenant_id,
        "sig": signature,
    }
    path = quote(f"{workspace.public_id}/{name.origin}/{name.container}/{name.path}", safe="/")
    return f"{scheme}://{ACCOUNT}@{host}/blobs/{path}?{urlencode(query)}"


def check_url(
    query: Mapping[str, str], keys: KeyStore, clock: Clock, workspace_id: str, name: ArtifactName, *, may: Action
) -> Signer:
    """Whom the URL was given to. Raises Forbidden, saying the same whatever is wrong but the time."""
    permission, expires = query.get("sp", ""), query.get("se", "")
    signer = Signer(query.get("sktid", ""), query.get("skoid", ""))
    parts = _parts(permission, expires, signer, workspace_id, name)
    if query.get("sv") != _VERSION or not keys.object_urls.matches(_digest(query.get("sig", "")), *parts):
        raise Forbidden("AuthenticationFailed", "This URL is not signed for that. Ask for a new one.")
    if int(expires) * MICROSECONDS < clock.now():
        raise Forbidden("AuthenticationFailed", "This URL has expired. Ask for a new one.")
    if may is Action.WRITE and permission != WRITE:
        raise Forbidden("AuthorizationPermissionMismatch", "This URL is for reading only.")
    return signer


def _parts(permission: str, expires: str, signer: Signer, workspace_id: str, name: ArtifactName) -> tuple[str, ...]:
    return (_VERSION, permission, expires, *signer, workspace_id, *name)


def _digest(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
