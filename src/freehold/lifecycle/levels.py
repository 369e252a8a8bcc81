"""How far an erasure came in a store, in words that claim no more than was seen. Pure.

verified                     the verifier read every byte of the store
erased, logically checked    it asked the store, which lists nothing more; it cannot read all that lies below
erased                       gone for everybody who reads, but the store keeps what was removed, or does not tell
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from freehold.storage.cloud.keeping import Keeping

VERIFIED = "verified"
LOGICALLY = "erased, logically checked"
ERASED = "erased"
_RISING = (ERASED, LOGICALLY, VERIFIED)
BELOW = "what the store's operator keeps below its interface: backups, disks until they are written again"

LEFT_OUT = (
    "line-wrapped base64, base85 and quoted-printable",
    "encrypted copies",
    "two encodings on top of each other, unless the outer one is a container or a compressed stream that was opened",
)
"""Spellings that the scanner (`scan/encodings.py`) does not look for."""


class CloudFacts(msgspec.Struct, frozen=True):
    """What the verifier saw in a cloud's store. None: the store does not list it.

    `listed`: objects below the prefix; the others count what nothing owns: objects, old versions, uploads in parts.
    """

    keeping: Keeping
    listed: int
    unowned: int
    old_versions: int | None
    unfinished_uploads: int | None


def lowest_of(stores: Sequence[Mapping[str, Any]]) -> str:
    return min((str(store["level"]) for store in stores), key=_RISING.index)


def level_of_files(unopened: int, *, is_alone: bool) -> dict[str, Any]:
    """The certificate's entry for the data folder. `unopened`: streams in its files that could not be looked into;
    `is_alone`: no other server may have a data folder of its own."""
    entry = {"store": "exports, spools, logs and temporary files"}
    unread = f"what {unopened} encrypted, damaged, too large or too deeply nested streams in its files hold"
    stays = [unread] if unopened else []
    if not is_alone:
        stays.append("such files of other servers of this database, where their data folder is another: for a day")
    return {**entry, "level": LOGICALLY, "what_stays": stays} if stays else {**entry, "level": VERIFIED}


def level_of_objects(seen: Mapping[str, Any] | None) -> dict[str, Any]:
    """The certificate's entry. `seen`: what the search tells of a cloud's store; None: a folder, read byte by byte."""
    if seen is None:
        return {"store": "objects", "level": VERIFIED}
    facts = msgspec.convert(seen, CloudFacts)
    kept = _kept(facts)
    return {
        "store": "objects",
        "service": facts.keeping.service,
        "level": ERASED if kept else LOGICALLY,
        "keeps": facts.keeping.describe(),
        "checked": _checked(facts),
        "what_stays": [*kept, *_uploads(facts), BELOW],
    }


def _kept(facts: CloudFacts) -> list[str]:
    """What somebody with rights in the store can still bring back, or may."""
    keeping, kept = facts.keeping, list[str]()
    if facts.old_versions is None:
        kept.append(
            f"old versions of removed objects, if there are any: they could not be listed; {_for_how_long(facts)}"
        )
    elif facts.old_versions:
        kept.append(f"{facts.old_versions} old versions of removed objects; {_for_how_long(facts)}")
    if keeping.soft_delete_days is None:
        kept.append("removed objects, if the store has soft delete: it could not be found out for how long")
    elif keeping.soft_delete_days:
        kept.append(f"removed objects, for {keeping.soft_delete_days} days (soft delete)")
    if keeping.is_replicated:
        kept.append("copies in the place that the bucket is replicated to")
    return kept


def _for_how_long(facts: CloudFacts) -> str:
    days = facts.keeping.version_days
    locked = " (object lock may forbid that for a time)" if facts.keeping.is_locked else ""
    if days is not None:
        return f"a rule of the bucket removes them after {days} days"
    return f"they stay until the bucket's owner removes them{locked}"


def _uploads(facts: CloudFacts) -> list[str]:
    """Parts of uploads that were cut off: nobody reads them as an object, but they lie there."""
    days = facts.keeping.upload_days
    until = f"which the store drops after {days} days" if days else "which stay until the bucket's owner removes them"
    if facts.unfinished_uploads is None:
        return [f"parts of uploads that were cut off, if there are any, {until}"]
    return (
        [f"parts of {facts.unfinished_uploads} uploads that were cut off, {until}"] if facts.unfinished_uploads else []
    )


def _checked(facts: CloudFacts) -> str:
    said = f"{facts.listed} objects listed, those read that could hold it; {facts.unowned} of them belong to nothing"
    if facts.keeping.versions in ("on", "suspended") and facts.old_versions == 0:
        said += "; old versions of what was removed were removed, and the store lists none"
    return said
