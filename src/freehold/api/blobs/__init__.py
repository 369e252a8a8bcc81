"""The built-in blob endpoint: bytes of artifacts under signed URLs, spoken as Azure's block blobs are."""

from freehold.api.blobs import reading, writing
from freehold.api.blobs.facade import blobs

__all__ = ["blobs", "reading", "writing"]
