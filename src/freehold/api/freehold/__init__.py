"""Freehold's own API: exports, erasures, holds, reports, operations, certificates and their log. Problems as RFC 9457.

Changes are additive only.
"""

from freehold.api.freehold import (
    certificates,
    datastore_content,
    erasures,
    exports,
    holds,
    log,
    openapi,
    operations,
    reports,
)
from freehold.api.freehold.facade import freehold

__all__ = [
    "certificates",
    "datastore_content",
    "erasures",
    "exports",
    "freehold",
    "holds",
    "log",
    "openapi",
    "operations",
    "reports",
]
