"""Freehold's own API: exports, imports, erasures, holds, reports, operations, certificates, their log. RFC 9457.

Changes are additive only.
"""

from freehold.api.freehold import (
    certificates,
    datastore_content,
    erasures,
    exports,
    holds,
    imports,
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
    "imports",
    "log",
    "openapi",
    "operations",
    "reports",
]
