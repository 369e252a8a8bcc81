"""Object stores of the tests' own: S3 by moto, Azure's blobs by Azurite. Missing ones fail: nothing is skipped."""

import base64
import hashlib
import hmac
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import boto3
import httpx
from moto.server import ThreadedMotoServer

START_SECONDS = 30
BUCKET = CONTAINER = "outside"
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's own, published with it."""
ACCESS_KEY_ID, SECRET_ACCESS_KEY = "AKIAMOTOMOTOMOTOMOTO", "moto-secret-moto-secret-moto-secret-moto"
_AZURITE = Path(__file__).parent.parent / ".tools" / "azurite" / "node_modules" / ".bin" / "azurite-blob"


class Store(NamedTuple):
    """`host`: what the setting `outside_hosts` must have; `body`: a datastore that points to it."""

    host: str
    body: dict[str, Any]


@contextmanager
def run_moto(bucket: str = BUCKET) -> Iterator[Store]:
    """S3 with one bucket. All of one process share what they hold: a test that counts takes a bucket of its own."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        url = "http://{}:{}".format(*server.get_host_and_port())
        keys = {"aws_access_key_id": ACCESS_KEY_ID, "aws_secret_access_key": SECRET_ACCESS_KEY}
        boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys).create_bucket(Bucket=bucket)
        section = {
            "kind": "S3",
            "bucket": bucket,
            "endpoint": url,
            "accessKeyId": ACCESS_KEY_ID,
            "secretAccessKey": SECRET_ACCESS_KEY,
        }
        yield Store(url, {"dataStoreType": "Custom", "customSection": section})
    finally:
        server.stop()


@contextmanager
def run_azurite(folder: Path) -> Iterator[Store]:
    """Azure blob storage in memory with the container `outside`; the body has the account's key."""
    port = _free_port()
    command = [_azurite(), "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    command += ["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--inMemoryPersistence"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    try:
        base = f"http://127.0.0.1:{port}"
        _make_container(process, f"{base}/{ACCOUNT}/{CONTAINER}?restype=container&{account_sas()}")
        section = {
            "accountName": ACCOUNT,
            "containerName": CONTAINER,
            "protocol": "http",
            "endpoint": f"127.0.0.1:{port}",
            "credentialType": "AccountKey",
            "credential": ACCOUNT_KEY,
        }
        yield Store(base, {"dataStoreType": "AzureBlob", "azureStorageSection": section})
    finally:
        process.terminate()
        process.wait(10)


def with_sas(store: Store, permissions: str = "racwdl") -> Store:
    """The same container, opened by a signed address instead of the account's key."""
    section = store.body["azureStorageSection"] | {
        "credentialType": "Sas",
        "credential": f"?{account_sas(permissions)}",
    }
    return Store(store.host, store.body | {"azureStorageSection": section})


def account_sas(permissions: str = "racwdl") -> str:
    """Source: Microsoft's "Create an account SAS", version 2019-12-12."""
    fields = {"sp": permissions, "ss": "b", "srt": "sco", "se": "2099-01-01T00:00:00Z", "spr": "https,http"}
    version = "2019-12-12"
    signed = [ACCOUNT, permissions, "b", "sco", "", fields["se"], "", fields["spr"], version, ""]
    digest = hmac.digest(base64.b64decode(ACCOUNT_KEY), "\n".join(signed).encode(), hashlib.sha256)
    return urlencode({"sv": version, **fields, "sig": base64.b64encode(digest).decode()})


def _make_container(process: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "Azurite stopped"
        try:
            answer = httpx.put(url, headers={"x-ms-version": "2019-12-12"})
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        assert answer.status_code == 201, answer.text
        return
    raise AssertionError(f"Azurite was not ready in {START_SECONDS} s")


def _azurite() -> str:
    """Raises AssertionError that says how to get it."""
    found = Path(os.environ.get("FREEHOLD_TEST_AZURITE") or _AZURITE)
    assert found.exists(), "Azurite is missing: run `make azurite`, or name its azurite-blob in FREEHOLD_TEST_AZURITE"
    return str(found)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def s3_environment(store: Store, prefix: str = "freehold") -> dict[str, str]:
    """What a server needs to keep its objects in moto's bucket."""
    return {
        "FREEHOLD_OBJECTS": f"s3://{store.body['customSection']['bucket']}/{prefix}",
        "AWS_ENDPOINT_URL": store.host,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_REGION": "us-east-1",
    }


def azure_environment(store: Store) -> dict[str, str]:
    """The same for Azurite's container."""
    return {
        "FREEHOLD_OBJECTS": f"az://{CONTAINER}/freehold",
        "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": ACCOUNT_KEY,
        "AZURE_STORAGE_ENDPOINT": f"{store.host}/{ACCOUNT}",
    }


def s3_client(store: Store) -> Any:
    """Another implementation that looks at the same bucket."""
    keys = {"aws_access_key_id": ACCESS_KEY_ID, "aws_secret_access_key": SECRET_ACCESS_KEY}
    return boto3.client("s3", endpoint_url=store.host, region_name="us-east-1", **keys)
