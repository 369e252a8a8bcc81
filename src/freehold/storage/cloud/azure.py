"""What Azure tells of a storage account and obstore does not ask: whether removed blobs are kept for a while."""

import base64
import binascii
import hashlib
import hmac
import os
from email.utils import formatdate
from urllib.parse import urlsplit
from xml.etree import ElementTree

from freehold.storage.cloud.faults import unavailable
from freehold.storage.cloud.opening import CONNECT_SECONDS, READ_SECONDS, endpoint
from freehold.storage.cloud.places import CloudPlace

VERSION = "2021-12-02"
_QUERY = "restype=service&comp=properties"


def read_soft_delete(unknown: list[str]) -> int | None:
    """Days for which removed blobs are kept; 0: they are not. None: not told, with the reason added to `unknown`.

    Only an account's key or signature may ask. Raises Away.
    """
    account = _given("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_ACCOUNT_NAME")
    address = endpoint(CloudPlace("azure", "", "")) or f"https://{account}.blob.core.windows.net"
    signature = _given("AZURE_STORAGE_SAS_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_SAS_KEY").lstrip("?")
    key = _given("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_ACCOUNT_KEY", "AZURE_STORAGE_MASTER_KEY")
    if not account or not (key or signature):
        unknown.append("soft delete is told to an account's key or signature only")
        return None
    import httpx  # late: it takes a tenth of a second, and few servers have such a store

    url = f"{address}/?{_QUERY}" + ("" if key else f"&{signature}")
    try:
        headers = _signed(account, key, urlsplit(address).path) if key else {"x-ms-version": VERSION}
        answer = httpx.get(url, headers=headers, timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS))
    except (httpx.HTTPError, OSError):
        raise unavailable() from None
    if answer.status_code >= 500:
        raise unavailable()
    if not answer.is_success:
        unknown.append("soft delete may not be read with these credentials")
        return None
    return _days(answer.content)


def _given(*names: str) -> str:
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def _signed(account: str, key: str, path: str) -> dict[str, str]:
    """Headers with a Shared Key signature. Source: Microsoft's "Authorize with Shared Key", 2009-09-19 and later."""
    date = formatdate(usegmt=True)  # not the injected clock: Azure refuses a request that is signed for another time
    said = f"x-ms-date:{date}\nx-ms-version:{VERSION}\n"
    text = "GET" + "\n" * 12 + said + f"/{account}{path}/\ncomp:properties\nrestype:service"
    try:
        digest = hmac.digest(base64.b64decode(key), text.encode(), hashlib.sha256)
    except binascii.Error:
        digest = b""  # obstore says what is wrong with such a key
    authorization = f"SharedKey {account}:{base64.b64encode(digest).decode()}"
    return {"x-ms-date": date, "x-ms-version": VERSION, "Authorization": authorization}


def _days(content: bytes) -> int:
    try:
        policy = ElementTree.fromstring(content).find("{*}DeleteRetentionPolicy")
    except ElementTree.ParseError:
        raise unavailable() from None
    if policy is None or policy.findtext("{*}Enabled") != "true":
        return 0
    return int(policy.findtext("{*}Days") or 0)
