"""What S3 tells of a bucket and obstore does not ask: settings, versions, unfinished uploads.

Addresses are signed by obstore, so that whatever credentials it uses, they serve here too. It signs addresses of
objects only; the query is brought in through the endpoint, whose fragment takes the rest of the address and is not
sent. A test computes the same signature with botocore.
"""

import base64
import hashlib
import os
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Literal, NamedTuple, cast
from urllib.parse import quote, urlencode
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import obstore
from obstore.exceptions import BaseError

from freehold.kit.faults import passing
from freehold.records.artifacts import OBJECTS
from freehold.storage.cloud.faults import bucket_gone, unavailable
from freehold.storage.cloud.opening import CONNECT_SECONDS, READ_SECONDS, endpoint, open_cloud
from freehold.storage.cloud.places import CloudPlace

AT_ONCE = 8
MOST_IN_A_REQUEST = 1_000
_VALID = timedelta(minutes=5)


class NotTold(Exception):
    """The store refuses this question, or does not know it."""


class Version(NamedTuple):
    """`is_old`: it has bytes that are read no more; else it is what is read now, or a mark of a removal."""

    key: str
    version_id: str
    is_old: bool


class Rules(NamedTuple):
    """Days after which the bucket itself removes old versions and unfinished uploads; None: it does not."""

    version_days: int | None
    upload_days: int | None


class Bucket:
    """Keys given and told are Freehold's own: the place's prefix is put before them here."""

    def __init__(self, place: CloudPlace) -> None:
        self._place = place
        self._before = f"{place.prefix}/" if place.prefix else ""
        self._below = f"{self._before}{OBJECTS}/"
        import httpx  # late: it takes a tenth of a second, and few servers have such a store

        self._client = httpx.Client(timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS))
        self._broken = httpx.HTTPError

    def versioning(self) -> Literal["off", "on", "suspended"]:
        """Raises NotTold, Away; so do all others."""
        found = self._ask("GET", {"versioning": ""})
        status = found.findtext("{*}Status")
        return "on" if status == "Enabled" else "suspended" if status else "off"

    def is_locked(self) -> bool:
        found = self._ask_for("object-lock", "ObjectLockConfigurationNotFoundError")
        return found is not None and found.findtext("{*}ObjectLockEnabled") == "Enabled"

    def is_replicated(self) -> bool:
        found = self._ask_for("replication", "ReplicationConfigurationNotFoundError")
        return found is not None and any(rule.findtext("{*}Status") == "Enabled" for rule in found.iter())

    def lifecycle(self) -> Rules:
        """Of rules that hold for every object here: one with tags or sizes may leave some out."""
        found = self._ask_for("lifecycle", "NoSuchLifecycleConfiguration")
        rules = [rule for rule in found.iter() if _is_for_all(rule, self._below)] if found is not None else []
        return Rules(
            _least(rules, "{*}NoncurrentVersionExpiration/{*}NoncurrentDays"),
            _least(rules, "{*}AbortIncompleteMultipartUpload/{*}DaysAfterInitiation"),
        )

    def versions(self, key: str = "") -> Iterator[Version]:
        """Every version of one object; of all where no key is given. An object that is there is a version, too."""
        wanted: dict[str, str] = {"versions": "", "prefix": self._before + key if key else self._below}
        while True:
            page = self._ask("GET", wanted)
            for each in (*page.findall("{*}Version"), *page.findall("{*}DeleteMarker")):
                found = _text(each, "Key").removeprefix(self._before)
                if not key or found == key:
                    is_old = each.tag.endswith("Version") and _text(each, "IsLatest") != "true"
                    yield Version(found, _text(each, "VersionId"), is_old)
            if page.findtext("{*}IsTruncated") != "true":
                return
            wanted |= {
                "key-marker": _text(page, "NextKeyMarker"),
                "version-id-marker": _text(page, "NextVersionIdMarker"),
            }

    def remove_versions(self, keys: Sequence[str]) -> None:
        """All versions of these objects, and their markers. What the store will not remove stays without a fault."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="freehold-versions") as askers:
            found = [each for versions in askers.map(lambda key: list(self.versions(key)), keys) for each in versions]
        for start in range(0, len(found), MOST_IN_A_REQUEST):
            passing("store:versions:removing")
            self._remove(found[start : start + MOST_IN_A_REQUEST])
            passing("store:versions:removed")

    def uploads(self, begin: str = "") -> Iterator[tuple[str, str]]:
        """(key, id) of uploads in parts that have not ended; of all, or of keys that begin so."""
        wanted: dict[str, str] = {"uploads": "", "prefix": self._before + begin if begin else self._below}
        while True:
            page = self._ask("GET", wanted)
            for each in page.findall("{*}Upload"):
                yield _text(each, "Key").removeprefix(self._before), _text(each, "UploadId")
            if page.findtext("{*}IsTruncated") != "true":
                return
            wanted |= {
                "key-marker": _text(page, "NextKeyMarker"),
                "upload-id-marker": _text(page, "NextUploadIdMarker"),
            }

    def abort_uploads(self, keys: Collection[str]) -> None:
        only = next(iter(keys)) if len(keys) == 1 else ""
        for key, upload_id in list(self.uploads(only)):
            if key in keys:
                passing("store:upload:aborting")
                self._ask("DELETE", {"uploadId": upload_id}, key=key, missing=("NoSuchUpload",))
                passing("store:upload:aborted")

    def _remove(self, versions: Sequence[Version]) -> None:
        listed = "".join(
            f"<Object><Key>{escape(self._before + each.key)}</Key>"
            f"<VersionId>{escape(each.version_id)}</VersionId></Object>"
            for each in versions
        )
        self._ask("POST", {"delete": ""}, body=f"<Delete><Quiet>true</Quiet>{listed}</Delete>".encode())

    def _ask_for(self, setting: str, missing: str) -> ElementTree.Element | None:
        """A setting of the bucket; None where it is not set."""
        found = self._ask("GET", {setting: ""}, missing=(missing,))
        return found if found.tag.rpartition("}")[2] != "Error" else None

    def _ask(
        self, method: Any, query: dict[str, str], *, key: str = "", body: bytes = b"", missing: Sequence[str] = ()
    ) -> ElementTree.Element:
        """The answer's document. `missing`: codes of a 404 that are an answer."""
        headers = {"Content-MD5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()}
        try:
            answer = self._client.request(
                method, self._signed(method, query, key), content=body, headers=headers if body else {}
            )
        except (self._broken, BaseError, OSError):
            raise unavailable() from None
        if (answer.status_code >= 500 and answer.status_code != 501) or answer.status_code == 429:
            raise unavailable()
        document = _document(answer.content)
        code = document.findtext("{*}Code") if document.tag.endswith("Error") else None
        if code == "NoSuchBucket":
            raise bucket_gone()
        if not answer.is_success and code not in missing:
            raise NotTold
        return document

    def _signed(self, method: Any, query: dict[str, str], key: str) -> str:
        path = f"/{quote(self._before + key)}" if key else ""
        asked = f"{self._address()}{path}?{urlencode(query, quote_via=quote)}#"
        store = open_cloud(self._place._replace(prefix=""), endpoint=asked, virtual_hosted_style_request=True)
        return obstore.sign(cast("Any", store), method, "", _VALID).partition("#")[0]

    def _address(self) -> str:
        """Of the bucket, as obstore makes it."""
        given = endpoint(self._place)
        if given and os.environ.get("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "").lower() in ("1", "true", "yes"):
            return given
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        return f"{given or f'https://s3.{region}.amazonaws.com'}/{self._place.bucket}"


def _document(content: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(content) if content.strip() else ElementTree.Element("Nothing")
    except ElementTree.ParseError:
        return ElementTree.Element("Nothing")


def _text(parent: ElementTree.Element, tag: str) -> str:
    return parent.findtext(f"{{*}}{tag}") or ""


def _is_for_all(rule: ElementTree.Element, prefix: str) -> bool:
    """An enabled rule whose only condition is a prefix that all objects here begin with."""
    if not rule.tag.endswith("Rule") or rule.findtext("{*}Status") != "Enabled":
        return False
    filters = [each.tag.rpartition("}")[2] for found in rule.findall("{*}Filter") for each in found.iter()][1:]
    begins = rule.findtext("{*}Filter/{*}Prefix") or rule.findtext("{*}Prefix") or ""
    return set(filters) <= {"Prefix"} and prefix.startswith(begins)


def _least(rules: Sequence[ElementTree.Element], path: str) -> int | None:
    days = [int(text) for rule in rules if (text := rule.findtext(path) or "").isdigit()]
    return min(days, default=None)
