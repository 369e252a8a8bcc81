"""Freehold's own API: exports, erasures, operations, certificates. Problems as RFC 9457, additive changes only."""

from freehold.api.freehold import certificates, erasures, exports, openapi, operations
from freehold.api.freehold.facade import freehold

__all__ = ["certificates", "erasures", "exports", "freehold", "openapi", "operations"]
