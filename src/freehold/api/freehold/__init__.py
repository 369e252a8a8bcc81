"""Freehold's own API: exports, erasures, operations, certificates. Problems as RFC 9457, additive changes only."""

from freehold.api.freehold import certificates, datastore_content, erasures, exports, openapi, operations
from freehold.api.freehold.facade import freehold

__all__ = ["certificates", "datastore_content", "erasures", "exports", "freehold", "openapi", "operations"]
