"""Places outside, and what is found there. No I/O."""

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol

from freehold.storage.blobs import StoredBytes

CLOUDS = ("core.windows.net", "core.chinacloudapi.cn", "core.usgovcloudapi.net", "core.cloudapi.de")
"""Azure's own endpoints, the first the default."""


class Folder(NamedTuple):
    """An absolute path on the server's machine."""

    path: str


class Container(NamedTuple):
    """An Azure blob container. `endpoint`: one of `CLOUDS`, or host[:port] of what speaks the same protocol."""

    account: str
    container: str
    endpoint: str
    protocol: str
    account_key: str | None = None
    sas_token: str | None = None

    def __repr__(self) -> str:
        return f"Container({self.account!r}, {self.container!r}, …)"


class Bucket(NamedTuple):
    """An S3 bucket. `endpoint`: None for AWS, else the URL of what speaks the same protocol."""

    bucket: str
    region: str
    endpoint: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    session_token: str | None = None

    def __repr__(self) -> str:
        return f"Bucket({self.bucket!r}, …)"


Place = Folder | Container | Bucket


class Found(NamedTuple):
    """`modified_at`: microseconds UTC."""

    path: str
    size: int
    modified_at: int
    etag: str | None


class OutsideStore(Protocol):
    """All paths are relative, `/` between their parts, and checked by `check_path`."""

    async def files(self, folder: str, after: str, limit: int) -> list[Found]:
        """Files below `folder` (empty: all) whose path comes behind `after`, in order of their paths."""
        ...

    async def find(self, path: str) -> Found:
        """Raises NotFound."""
        ...

    async def read(self, path: str, start: int, end: int) -> AsyncIterator[bytes]:
        """From `start` up to, not including, `end`. Raises NotFound."""
        ...

    async def write(self, path: str, pieces: AsyncIterator[bytes]) -> StoredBytes:
        """In place of what stands there; nothing is kept of a stream that breaks. Raises TooLarge."""
        ...

    async def remove(self, path: str) -> None:
        """Raises NotFound."""
        ...
