"""A cloud's bucket or container as a store, through obstore, with the datastore's own credentials and no others."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import obstore
from obstore.exceptions import BaseError, InvalidPathError, PermissionDeniedError, UnauthenticatedError
from obstore.store import AzureStore, S3Store

from freehold.kit.clock import MICROSECONDS
from freehold.kit.digests import Sha256Meter
from freehold.kit.problems import Conflict, Invalid, NotFound, Problem, TooLarge, Unavailable
from freehold.storage.blobs import PIECE, WHOLE, StoredBytes
from freehold.storage.outside.places import Bucket, Container, Found

ANSWER_SECONDS = 60.0
PART = 8 * PIECE
_PARTS: Any = {"use_multipart": True, "chunk_size": PART, "max_concurrency": 4}
BLOB_VERSION = "2021-12-02"
_RETRIES = {
    "max_retries": 2,
    "retry_timeout": timedelta(seconds=30),
    "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=2), "base": 2},
}


Remove = Callable[[str], Awaitable[None]]


class RemoteStore:
    """What is told of a fault never comes from the store: its messages may repeat an address with its signature."""

    def __init__(self, store: obstore.store.ObjectStore, *, largest: int, remove: Remove | None = None) -> None:
        self._store = store
        self._largest = largest
        self._remove = remove

    async def files(self, folder: str, after: str, limit: int) -> list[Found]:
        found: list[Found] = []
        stream = obstore.list(self._store, folder or None, offset=after or None, chunk_size=limit)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                async for batch in stream:
                    found += [_found(each) for each in batch if each["path"] > after]  # not every store skips
                    if len(found) >= limit:
                        break
        except (BaseError, OSError, TimeoutError) as fault:
            raise _as_problem(fault) from None
        return found[:limit]

    async def find(self, path: str) -> Found:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return _found(await obstore.head_async(self._store, path))
        except (BaseError, OSError, TimeoutError) as fault:
            raise _as_problem(fault) from None

    async def read(self, path: str, start: int, end: int) -> AsyncIterator[bytes]:
        options: Any = {"range": (start, end)}
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                found = await obstore.get_async(self._store, path, options=options)
        except (BaseError, OSError, TimeoutError) as fault:
            raise _as_problem(fault) from None
        return _pieces(found)

    async def write(self, path: str, pieces: AsyncIterator[bytes]) -> StoredBytes:
        meter = Sha256Meter()
        held: list[bytes] = []
        measured = self._measured(pieces, meter)
        try:
            async for piece in measured:
                held.append(piece)
                if meter.size > WHOLE:
                    whole = _joined(held, measured)
                    await obstore.put_async(self._store, path, whole, **_PARTS)
                    break
            else:
                await obstore.put_async(self._store, path, b"".join(held), use_multipart=False)
        except (BaseError, OSError, TimeoutError) as fault:
            raise _as_problem(fault) from None
        return StoredBytes(meter.size, meter.hexdigest)

    async def remove(self, path: str) -> None:
        """S3 deletes what is not there, too: so look first."""
        await self.find(path)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await (self._remove(path) if self._remove else obstore.delete_async(self._store, path))
        except (BaseError, OSError, TimeoutError) as fault:
            raise _as_problem(fault) from None

    async def _measured(self, pieces: AsyncIterator[bytes], meter: Sha256Meter) -> AsyncIterator[bytes]:
        async for piece in pieces:
            meter.feed(piece)
            if meter.size > self._largest:
                raise TooLarge("ObjectTooLarge", f"A file may have at most {self._largest} bytes on this server.")
            yield piece


def open_container(place: Container, url: str, *, largest: int, is_plain: bool) -> RemoteStore:
    """`url`: of the account. `is_plain`: over http, which the owner has allowed."""
    given: dict[str, Any] = {}
    remove: Remove | None = None
    if place.account_key:
        given["credential_provider"] = _always({"access_key": place.account_key, "expires_at": None})
    elif place.sas_token:
        signature = place.sas_token.lstrip("?")
        given["credential_provider"] = _always({"sas_token": signature, "expires_at": None})
        remove = _signed_remove(f"{url}/{place.container}", signature)
    try:
        store = AzureStore(
            place.container,
            account_name=place.account,
            endpoint=url,
            use_emulator=False,
            skip_signature=not given,
            client_options=_client(is_plain=is_plain),
            retry_config=_RETRIES,  # type: ignore[arg-type]  # a plain dict fits
            **given,
        )
    except (BaseError, ValueError, TypeError):
        raise _unfit() from None
    return RemoteStore(store, largest=largest, remove=remove)


def open_bucket(place: Bucket, url: str, *, largest: int, is_plain: bool) -> RemoteStore:
    given: dict[str, Any] = {}
    if place.access_key_id:
        held = {"access_key_id": place.access_key_id, "secret_access_key": place.secret_access_key}
        given["credential_provider"] = _always({**held, "token": place.session_token, "expires_at": None})
    try:
        store = S3Store(
            place.bucket,
            region=place.region,
            endpoint=url,
            virtual_hosted_style_request=False,
            skip_signature=not given,
            client_options=_client(is_plain=is_plain),
            retry_config=_RETRIES,  # type: ignore[arg-type]  # a plain dict fits
            **given,
        )
    except (BaseError, ValueError, TypeError):
        raise _unfit() from None
    return RemoteStore(store, largest=largest)


def _signed_remove(container: str, signature: str) -> Remove:
    """A plain DELETE: obstore sends a batch even for one blob, which Azurite does not take with a signature."""

    async def remove(path: str) -> None:
        import httpx  # late: it takes 15 MB and a tenth of a second, and few servers have such a store

        try:
            async with httpx.AsyncClient(timeout=ANSWER_SECONDS, follow_redirects=False, trust_env=False) as client:
                headers = {"x-ms-version": BLOB_VERSION}
                answer = await client.delete(f"{container}/{quote(path)}?{signature}", headers=headers)
        except httpx.HTTPError as fault:
            raise ConnectionError from fault
        if answer.status_code in {401, 403}:
            raise PermissionError
        if not answer.is_success:
            raise ConnectionError

    return remove


def _client(*, is_plain: bool) -> Any:
    """A large file may take a day, but no part of it more than a minute."""
    seconds = {"connect_timeout": timedelta(seconds=10), "read_timeout": timedelta(seconds=ANSWER_SECONDS)}
    return {"allow_http": is_plain, "timeout": timedelta(days=1), **seconds}


def _always(credential: dict[str, Any]) -> Any:
    """Given explicitly, so that neither the server's environment nor its machine's identity is ever used."""
    return lambda: credential


async def _joined(held: list[bytes], rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    for piece in held:
        yield piece
    async for piece in rest:
        yield piece


async def _pieces(found: Any) -> AsyncIterator[bytes]:
    try:
        async for piece in found.stream(min_chunk_size=PIECE):
            yield bytes(piece)
    except (BaseError, OSError) as fault:
        raise _as_problem(fault) from None


def _found(meta: Any) -> Found:
    return Found(meta["path"], meta["size"], int(meta["last_modified"].timestamp() * MICROSECONDS), meta["e_tag"])


def _as_problem(fault: BaseException) -> Problem:
    if isinstance(fault, FileNotFoundError):
        return NotFound("ContentNotFound", "There is no file at this path in the datastore.")
    if isinstance(fault, PermissionDeniedError | UnauthenticatedError | PermissionError):
        message = "The store refused the datastore's credentials. Update the datastore with others."
        return Conflict("StoreRefused", message)
    if isinstance(fault, InvalidPathError):
        return Invalid("InvalidContentPath", "The store cannot hold a file at this path.", target="path")
    return Unavailable("StoreUnreachable", "The datastore did not answer as its kind does. Look at its address.")


def _unfit() -> Invalid:
    return Invalid("InvalidDatastore", "The datastore's credentials or address are not of the form that its kind has.")
