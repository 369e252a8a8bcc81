"""A session with a Freehold server: exports, erasures, operations, certificates."""

import errno
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx
import msgspec

from freehold.client.bearer import Bearer
from freehold.client.documents import Certificate, Operation, OperationPage, Plan
from freehold.client.placing import beside, place_new

TIMEOUT_SECONDS = 60.0
LARGEST_PAGE = 100
MOST_BREAKS = 5
BREAK_SECONDS = 1.0
T = TypeVar("T")


class FreeholdError(Exception):
    """The server refused. `code` is stable; the text says what to do next."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Freehold:
    """`workspace` is an ARM path such as /subscriptions/…/workspaces/…; None means the default workspace.

    `token`: a bearer token, or what gives a new one whenever the last has expired, for work of more than an hour.
    """

    def __init__(
        self, url: str, token: str | Callable[[], str], *, workspace: str | None = None, ca_file: str | None = None
    ) -> None:
        self._http = httpx.Client(
            base_url=url,
            auth=Bearer(token),
            timeout=TIMEOUT_SECONDS,
            verify=_tls(url, ca_file),
        )
        self._prefix = f"/freehold/v1{workspace or ''}"

    def __enter__(self) -> "Freehold":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def export(
        self,
        scope: str,
        id: str | None = None,
        *,
        alone: bool = False,
        since: str | None = None,
        dry_run: bool = False,
        plan_digest: str | None = None,
    ) -> Operation:
        """Begin to export a container with all below it (`alone`: without), or with `id` one thing in it. With
        `plan_digest` the server refuses if the plan is another by now.

        `since`: only what changed since the kept bag of that operation; with `dry_run` the operation only counts it.
        """
        more = {"since": since, "dry_run": dry_run} if since is not None else {}
        more |= {"plan_digest": plan_digest} if plan_digest is not None else {}
        return self._start(f"{self._prefix}/exports", {"scope": scope, "id": id, "alone": alone, **more})

    def export_since(
        self, index: Iterable[bytes], scope: str, id: str | None = None, *, alone: bool = False, dry_run: bool = False
    ) -> Operation:
        """Begin to export what changed since a bag of your own: `index` are the bytes of its index."""
        # allow-clock: because the client imports nothing of the house, and the key only has to be fresh
        headers = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/octet-stream"}
        flags = {"alone": str(alone).lower(), "dry_run": str(dry_run).lower()}
        query = {"scope": scope, **flags} | ({"id": id} if id is not None else {})
        return self._read(self._upload(f"{self._prefix}/increments", index, query, headers), Operation)

    def plan_export(self, scope: str, id: str | None = None, *, alone: bool = False) -> Plan:
        """What an export would take out, how much it is, and what stays and why."""
        body = {"scope": scope, "id": id, "dry_run": True, "alone": alone}
        return self._read(self._send("POST", f"{self._prefix}/exports", body), dict[str, Any])

    def fetch_bag(self, operation_id: str, to: Path | str, on_bytes: Callable[[int], None] | None = None) -> int:
        """Stream a finished bag into a new tar file, or a zip file by its name; how many bytes.

        A download that breaks off goes on where it was, MOST_BREAKS times. The file is complete or not there.
        Raises FileExistsError where something stands at `to`, which stays as it is.
        """
        target = Path(to)
        form = "zip" if target.suffix == ".zip" else "tar"
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        with beside(target) as private:
            part = Path(private) / target.name
            with part.open("wb") as file:
                for piece in self._bag_pieces(operation_id, form):
                    file.write(piece)
                    if on_bytes:
                        on_bytes(len(piece))
            written = part.stat().st_size
            place_new(part, target)
        return written

    def stream_bag(self, operation_id: str) -> Iterator[bytes]:
        """The bytes of a finished bag's tar file as they come. A download that breaks off goes on where it was."""
        return self._bag_pieces(operation_id, "tar")

    def drop_bag(self, operation_id: str) -> None:
        """Remove the server's copy of a bag."""
        self._send("DELETE", f"/freehold/v1/exports/{operation_id}/bag")

    def import_bag(
        self,
        pieces: Iterable[bytes],
        *,
        new_ids: bool = False,
        dry_run: bool = False,
        make: str | None = None,
        key: str | None = None,
    ) -> Operation:
        """Send a bag (the bytes of a tar or zip file) and begin to import it. `key`: an Idempotency-Key of your own.

        With `dry_run` it is only read: the report tells what would stand in the way. `make`: the ARM path of the
        container that is made for it; there is no dry run of that.
        """
        # allow-clock: because the client imports nothing of the house, and the key only has to be fresh
        headers = {"Idempotency-Key": key or str(uuid.uuid4()), "Content-Type": "application/x-tar"}
        query = {"new_ids": str(new_ids).lower()} | ({"dry_run": "true"} if dry_run else {})
        path = f"{self._prefix}/imports" if make is None else f"/freehold/v1{make}/imports/new"
        return self._read(self._upload(path, pieces, query, headers), Operation)

    def resource_groups(self) -> list[str]:
        """ARM paths of the resource groups that one may see."""
        found: list[str] = []
        for subscription in self._values("/subscriptions"):
            found += [str(each["id"]) for each in self._values(f"{subscription['id']}/resourcegroups")]
        return found

    def _values(self, path: str) -> list[dict[str, Any]]:
        """Of an ARM list that has one page."""
        answer = self._read(self._send("GET", f"{path}?api-version=2019-11-01"), dict[str, Any])
        return list(answer["value"])

    def import_report(self, operation_id: str) -> dict[str, Any]:
        """What an import found: counts, ids that are taken or were erased, or why the bag was refused."""
        return self._read(self._send("GET", f"/freehold/v1/imports/{operation_id}/report"), dict[str, Any])

    def import_mapping(self, operation_id: str) -> dict[str, str]:
        """Old id → new id, of an import with new ids."""
        return self._read(self._send("GET", f"/freehold/v1/imports/{operation_id}/mapping"), dict[str, str])

    def drop_import(self, operation_id: str) -> None:
        """Remove report and mapping of an import from the server."""
        self._send("DELETE", f"/freehold/v1/imports/{operation_id}/report")

    def plan_erasure(self, scope: str, id: str | None = None) -> Plan:
        """What an erasure would remove, what it would keep and why, and what stands in its way."""
        body = {"scope": scope, "id": id, "dry_run": True}
        return self._read(self._send("POST", f"{self._prefix}/erasures", body), dict[str, Any])

    def erase(self, scope: str, id: str | None = None, *, plan_digest: str | None = None) -> Operation:
        """Erase for good. With `plan_digest` the server refuses if the plan is another by now."""
        body = {"scope": scope, "id": id, "plan_digest": plan_digest}
        return self._start(f"{self._prefix}/erasures", body)

    def holds(self) -> list[dict[str, Any]]:
        """The workspace's legal holds, newest first, lifted ones too."""
        found = self._read(self._send("GET", f"{self._prefix}/holds"), dict[str, Any])
        return list(found["value"])

    def place_hold(self, scope: str, id: str | None = None, *, reason: str) -> dict[str, Any]:
        """Until it is lifted nothing that it covers can be erased or written over."""
        body = {"scope": scope, "id": id, "reason": reason}
        return self._read(self._send("POST", f"{self._prefix}/holds", body), dict[str, Any])

    def lift_hold(self, hold_id: str) -> dict[str, Any]:
        return self._read(self._send("DELETE", f"{self._prefix}/holds/{hold_id}"), dict[str, Any])

    def retention(self) -> dict[str, Any]:
        """The workspace's retention policy, its version, and whether it is at work."""
        return self._read(self._send("GET", f"{self._prefix}/retention"), dict[str, Any])

    def set_retention(self, policy: dict[str, Any], *, version: int | None = None) -> dict[str, Any]:
        """Set the whole policy. With `version` the server refuses if another one is in force by now; 0: none is."""
        headers = {"If-Match": f'"{version}"'} if version is not None else None
        return self._read(self._send("PUT", f"{self._prefix}/retention", policy, headers=headers), dict[str, Any])

    def clear_retention(self) -> None:
        """From now on nothing is erased by itself."""
        self._send("DELETE", f"{self._prefix}/retention")

    def preview_retention(
        self, policy: dict[str, Any] | None = None, *, show: str = "due", after: str | None = None
    ) -> dict[str, Any]:
        """A page of what a policy (None: the one in force) would erase now, or with `show="spared"` would not."""
        body = {"policy": policy, "show": show, "after": after}
        return self._read(self._send("POST", f"{self._prefix}/retention/preview", body), dict[str, Any])

    def plan_purge(self, before: str | None = None) -> dict[str, Any]:
        """How much is set aside, and the plan of the first 200 of it."""
        body = {"before": before, "dry_run": True}
        return self._read(self._send("POST", f"{self._prefix}/purges", body), dict[str, Any])

    def purge(self, before: str | None = None, *, plan_digest: str | None = None) -> Operation:
        """Erase at most 200 things that are set aside, for good; ask again for the rest."""
        return self._start(f"{self._prefix}/purges", {"before": before, "plan_digest": plan_digest})

    def operation(self, operation_id: str) -> Operation:
        return self._read(self._send("GET", f"/freehold/v1/operations/{operation_id}"), Operation)

    def operations(self, *, kind: str | None = None, limit: int = 20) -> list[Operation]:
        """The newest operations that you may see, at most `limit`."""
        found: list[Operation] = []
        query = {"kind": kind} if kind else {}
        while len(found) < limit:
            query["limit"] = str(min(limit - len(found), LARGEST_PAGE))
            page = self._read(self._send("GET", "/freehold/v1/operations", query=query), OperationPage)
            found += page.value
            if page.next is None:
                break
            query["before"] = page.next
        return found

    def cancel(self, operation_id: str) -> Operation:
        return self._read(self._send("POST", f"/freehold/v1/operations/{operation_id}/cancel"), Operation)

    def retry(self, operation_id: str) -> Operation:
        """Go on with a failed erasure, once what stood in its way is mended."""
        return self._read(self._send("POST", f"/freehold/v1/operations/{operation_id}/retry"), Operation)

    def wait(self, operation: Operation, on_change: Callable[[Operation], None] | None = None) -> Operation:
        """Poll until the operation has ended. Raises FreeholdError when it failed or was cancelled."""
        # allow-clock: because the client imports nothing of the house, and only sleeps by it
        began = time.monotonic()
        while not operation.is_ended:
            time.sleep(min(1.0, max(0.02, (time.monotonic() - began) / 50)))  # waits a fiftieth too long at most
            operation = self.operation(operation.id)
            if on_change:
                on_change(operation)
        if operation.state != "Succeeded":
            code, message = (operation.error.code, operation.error.message) if operation.error else ("Canceled", "")
            raise FreeholdError(409, code, message or "The operation was cancelled.")
        return operation

    def certificate(self, id: str) -> Certificate:
        """The signed statement about an erasure, by its own id or the operation's."""
        return self._read(self._send("GET", f"/freehold/v1/certificates/{id}"), Certificate)

    def certificate_keys(self) -> dict[str, Any]:
        """Public keys (a JWK set) that verify this server's certificates."""
        return self._read(self._send("GET", "/freehold/v1/certificates/keys"), dict[str, Any])

    def _start(self, path: str, body: dict[str, Any]) -> Operation:
        # allow-clock: because the client imports nothing of the house, and the key only has to be fresh
        headers = {"Idempotency-Key": str(uuid.uuid4())}  # a retry of the transport starts nothing twice
        return self._read(self._send("POST", path, body, headers=headers), Operation)

    def _bag_pieces(self, operation_id: str, form: str) -> Iterator[bytes]:
        """Raises FreeholdError when it breaks off too often."""
        position, etag = 0, ""
        for breaks in range(MOST_BREAKS + 1):
            headers = {"Range": f"bytes={position}-", "If-Range": etag} if position else {}
            path = f"/freehold/v1/exports/{operation_id}/bag?format={form}"
            try:
                with self._http.stream("GET", path, headers=headers) as response:
                    etag = _check_part(response, position)
                    for piece in response.iter_bytes():
                        position += len(piece)
                        yield piece
                return
            except httpx.TransportError as fault:
                if breaks == MOST_BREAKS:
                    message = (
                        f"The download broke off {breaks + 1} times ({fault}). The bag is still on the server: "
                        f"freehold fetch {operation_id} --to PLACE"
                    )
                    raise FreeholdError(503, "DownloadBroken", message) from None
                time.sleep(BREAK_SECONDS * (breaks + 1))

    def _upload(
        self, path: str, pieces: Iterable[bytes], query: dict[str, str], headers: dict[str, str]
    ) -> httpx.Response:
        try:
            response = self._http.post(path, content=pieces, params=query, headers=headers)
        except httpx.TransportError as fault:
            message = f"The server at {self._http.base_url} did not take the bag ({fault}). Send it again."
            raise FreeholdError(503, "ServerUnreachable", message) from None
        if response.is_error:
            raise _refusal(response)
        return response

    def _send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        try:
            response = self._http.request(method, path, json=body, params=query, headers=headers)
        except httpx.TransportError as fault:
            raise self._no_answer(fault) from None
        if response.is_error:
            raise _refusal(response)
        return response

    def _no_answer(self, fault: httpx.TransportError) -> FreeholdError:
        if "CERTIFICATE_VERIFY_FAILED" in str(fault):
            message = (
                f"The server at {self._http.base_url} shows a certificate that is not trusted here ({fault}). Where it "
                "is a Freehold server's own, name its data folder (--data) or its keys/tls/ca.pem (SSL_CERT_FILE)."
            )
            return FreeholdError(503, "ServerUntrusted", message)
        message = f"No Freehold server answers at {self._http.base_url} ({fault}). Start one: freehold serve"
        return FreeholdError(503, "ServerUnreachable", message)

    def _read(self, response: httpx.Response, shape: type[T]) -> T:
        return msgspec.json.decode(response.content, type=shape)


def _check_part(response: httpx.Response, position: int) -> str:
    """The bag's etag. Raises FreeholdError where it is refused, or is not what broke off."""
    if response.status_code != (206 if position else 200):
        response.read()
        if response.is_error:
            raise _refusal(response)
        raise FreeholdError(409, "BagChanged", "The bag is another one by now. Fetch it anew.")
    return str(response.headers.get("etag", ""))


def _refusal(response: httpx.Response) -> FreeholdError:
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    message = problem.get("detail") or f"The server answered {response.status_code}."
    return FreeholdError(response.status_code, problem.get("code", "Unknown"), message)


def _tls(url: str, ca_file: str | None) -> Any:
    """Nothing for an address without TLS, where no redirect is followed either: making a context takes 50 ms."""
    if url.lower().startswith("http:"):
        return False
    if ca_file is None:
        return True
    import ssl

    return ssl.create_default_context(cafile=ca_file)
