"""Faults of object stores as Problems. Their own texts stay here: they repeat addresses with signatures in them."""

import errno
import re

from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

from freehold.kit.problems import Away, InsufficientStorage, NotFound, Problem
from freehold.storage.denied import OBJECTS, denied
from freehold.storage.portable import is_denied, is_disk_full

NO_BUCKET = re.compile(r"status code: 404\b")
_DENIED = re.compile(rf"\(os error ({errno.EACCES}|{errno.EPERM}|{errno.EROFS})\)")
"""How a local folder's store repeats what the system said."""
_REFUSED = re.compile(r"status code: 40[13]\b|\bAccessDenied\b")  # that word of a single object in a batch


def as_problem(fault: BaseException, *, is_local: bool) -> Problem:
    """NotFound where the object is not there, or its whole bucket: `stands` of the store tells which."""
    if isinstance(fault, FileNotFoundError):
        return NotFound("ObjectNotFound", "The object's bytes are not in the store.")
    if is_local and is_disk_full(fault):
        return InsufficientStorage("InsufficientStorage", "The object store is full: the upload was not kept.")
    if is_local and (is_denied(fault) or _DENIED.search(str(fault))):
        return denied(OBJECTS)
    if isinstance(fault, PermissionDeniedError | UnauthenticatedError) or _REFUSED.search(str(fault)):
        return refused()
    return unavailable()


def unavailable() -> Away:
    message = "The object store does not answer. Try again in a moment; if it lasts, its owner looks at the store."
    return Away("ObjectStoreUnavailable", message)


def refused() -> Away:
    message = (
        "The object store refuses this server's credentials. The server's owner renews them, or the rights that they"
        " have, and starts it again."
    )
    return Away("ObjectStoreRefused", message)


def bucket_gone() -> Away:
    message = "The object store has no such bucket. The server's owner looks at the setting objects and at the store."
    return Away("ObjectStoreMissing", message)
