"""Bytes in and out by signed addresses: whole, in ranges, in blocks; and what a broken upload leaves behind."""

import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.blobs.conftest import Blob, make_blob, trust
from tests.world import World

CONTENT = bytes(range(256)) * 4


def block_list(*ids: str, kind: str = "Latest") -> bytes:
    inside = "".join(f"<{kind}>{each}</{kind}>" for each in ids)
    return f'<?xml version="1.0" encoding="utf-8"?><BlockList>{inside}</BlockList>'.encode()


def test_what_is_put_is_read_back(blob: Blob) -> None:
    put = blob.put(CONTENT, content_type="text/plain", x_ms_version="2021-08-06", if_none_match="*")
    assert put.status_code == 201
    assert put.content == b""
    assert put.headers["x-ms-version"] == "2021-08-06"
    for key in ("etag", "last-modified", "x-ms-request-id", "x-ms-request-server-encrypted"):
        assert put.headers[key]
    read = blob.get()
    assert (read.status_code, read.content, read.headers["content-type"]) == (200, CONTENT, "text/plain")
    assert read.headers["etag"] == put.headers["etag"]
    assert "sandbox" in read.headers["content-security-policy"]


def test_head_tells_size_and_type_of_blob(blob: Blob) -> None:
    blob.put(CONTENT)
    head = blob.client.head(blob.read)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(CONTENT)))
    assert (head.headers["x-ms-blob-type"], head.content) == ("BlockBlob", b"")
    for key in ("etag", "last-modified"):
        assert head.headers[key]


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-9", 0, 10), ("bytes=1000-", 1000, 1024), ("bytes=-24", 1000, 1024), ("bytes=1020-5000", 1020, 1024)],
)
def test_a_range_is_answered_with_206(blob: Blob, asked: str, start: int, end: int) -> None:
    blob.put(CONTENT)
    for header in ("range", "x_ms_range"):
        answer = blob.get(**{header: asked})
        assert answer.status_code == 206
        assert answer.content == CONTENT[start:end]
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/1024"
        assert answer.headers["content-length"] == str(end - start)


def test_a_range_beyond_the_end_is_416(blob: Blob) -> None:
    blob.put(CONTENT)
    answer = blob.get(range="bytes=1024-")
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (416, "InvalidRange")
    empty = make_blob(blob.world, blob.client)
    empty.put(b"")
    assert empty.get(x_ms_range="bytes=0-100").status_code == 416
    assert (empty.get().status_code, empty.get().content) == (200, b"")


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=-", "bytes=a-b"])
def test_a_range_of_another_form_means_the_whole(blob: Blob, asked: str) -> None:
    blob.put(CONTENT)
    assert (blob.get(range=asked).status_code, len(blob.get(range=asked).content)) == (200, 1024)


def test_a_range_of_what_stood_there_before_means_the_whole(blob: Blob) -> None:
    blob.put(CONTENT)
    before = blob.get().headers["etag"]
    assert blob.get(range="bytes=512-", if_range=before).content == CONTENT[512:]
    blob.put(CONTENT[::-1])
    for header in ("range", "x_ms_range"):
        answer = blob.get(**{header: "bytes=512-", "if_range": before})
        assert (answer.status_code, answer.content) == (200, CONTENT[::-1])
    assert blob.get(range="bytes=512-", if_range=answer.headers["etag"]).status_code == 206
    assert blob.get(range="bytes=4096-", if_range=before).status_code == 200


def test_blocks_become_one_blob_in_the_order_of_the_list(blob: Blob) -> None:
    for block_id, content in (("Qg==", b"second"), ("QQ==", b"first-"), ("Qg==", b"SECOND"), ("Qw==", b"left out")):
        assert blob.put(content, f"&comp=block&blockid={block_id}").status_code == 201
    assert blob.get().status_code == 404
    done = blob.put(block_list("QQ==", "Qg==", "QQ=="), "&comp=blocklist", x_ms_blob_content_type="text/x-log")
    assert done.status_code == 201
    read = blob.get()
    assert (read.content, read.headers["content-type"]) == (b"first-SECONDfirst-", "text/x-log")
    again = blob.put(block_list("Qw=="), "&comp=blocklist")
    assert (again.status_code, again.headers["x-ms-error-code"]) == (400, "InvalidBlockList")
    assert blob.get().content == b"first-SECONDfirst-"


def test_nothing_is_overwritten_where_none_may_be(blob: Blob) -> None:
    blob.put(b"one", if_none_match="*")
    answer = blob.put(b"two", if_none_match="*")
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (409, "BlobAlreadyExists")
    blob.put(b"part", "&comp=block&blockid=QQ==")
    listed = blob.put(block_list("QQ=="), "&comp=blocklist", if_none_match="*")
    assert (listed.status_code, blob.get().content) == (409, b"one")
    assert blob.put(b"three").status_code == 201
    assert blob.get().content == b"three"


BOMB = b'<!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY c "&a;&a;">]><BlockList><Latest>&c;</Latest></BlockList>'
BAD_LISTS = {
    "bomb": BOMB,
    "outside": b'<!DOCTYPE b SYSTEM "file:///etc/passwd"><BlockList/>',
    "broken": b"<BlockList><Latest>",
    "other": b"<html/>",
    "deep": b"<BlockList><Latest><Latest>QQ==</Latest></Latest></BlockList>",
    "empty": b"",
    "no xml": b"{}",
}


@pytest.mark.parametrize("name", BAD_LISTS)
def test_a_list_that_is_none_is_refused(blob: Blob, name: str) -> None:
    answer = blob.put(BAD_LISTS[name], "&comp=blocklist")
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (400, "InvalidXmlDocument")


def test_a_list_that_is_too_large_is_refused(blob: Blob) -> None:
    assert blob.put(b" " * (11 << 20), "&comp=blocklist").status_code == 413


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("&comp=appendblock", {}, 501),
        ("&comp=block", {}, 400),
        ("", {"x_ms_blob_type": "PageBlob"}, 400),
        (f"&comp=block&blockid={'x' * 129}", {}, 400),
    ],
)
def test_what_is_not_served_is_said(blob: Blob, query: str, headers: dict[str, str], status: int) -> None:
    answer = blob.put(b"x", query, **headers)
    assert answer.status_code == status
    assert answer.text.startswith("<?xml")
    assert "<Message>" in answer.text


def test_versions_are_told_apart(blob: Blob) -> None:
    etag = blob.put(b"x").headers["etag"]
    assert blob.get(if_none_match=etag).status_code == 304
    assert blob.get(if_match=etag).status_code == 200
    assert blob.get(if_match='"other"').headers["x-ms-error-code"] == "ConditionNotMet"


def test_a_large_blob_passes_through(blob: Blob) -> None:
    piece = bytes(range(256)) * 4_096
    assert blob.put(piece * 12).status_code == 201
    assert blob.get().content == piece * 12
    assert blob.get(range=f"bytes={5 * len(piece)}-{6 * len(piece) - 1}").content == piece


def test_a_cut_upload_leaves_nothing(world: World) -> None:
    with httpx.Client(verify=trust(world)) as client:
        blob = make_blob(world, client)
        for query in ("", "&comp=block&blockid=QQ=="):
            send_half(world, blob.write + query)
        time.sleep(0.5)
        assert blob.get().status_code == 404
        assert client.head(blob.read).status_code == 404
        assert blob.put(b"whole").status_code == 201
        assert blob.get().content == b"whole"
    assert stored_bytes(world.folder) == 5


def send_half(world: World, address: str) -> None:
    """A PUT that declares 8 MiB, sends two and hangs up."""
    parts = urlsplit(address)
    head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\nx-ms-blob-type: BlockBlob\r\n"
    head += f"Content-Length: {8 << 20}\r\n\r\n"
    with (
        socket.create_connection((parts.hostname, parts.port)) as plain,
        trust(world).wrap_socket(plain, server_hostname=parts.hostname) as secure,
    ):
        secure.sendall(head.encode() + b"x" * (2 << 20))


def stored_bytes(folder: Path) -> int:
    """Of all files in the object store."""
    return sum(path.stat().st_size for path in (folder / "store").rglob("*") if path.is_file())
