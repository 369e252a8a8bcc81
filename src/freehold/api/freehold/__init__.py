"""Freehold's own API: exports, imports, erasures, purges, holds, retention, reports, operations, certificates and
their log. RFC 9457.

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
    purges,
    reports,
    retention,
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
    "purges",
    "reports",
    "retention",
]
