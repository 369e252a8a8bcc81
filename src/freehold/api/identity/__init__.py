"""The built-in issuer, shaped as Azure's: token endpoints, discovery documents, keys, cloud metadata."""

from freehold.api.identity import discovery, metadata, token
from freehold.api.identity.facade import identity

__all__ = ["discovery", "identity", "metadata", "token"]
