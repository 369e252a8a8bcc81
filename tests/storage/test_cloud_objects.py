"""Objects in S3 and Azure's blobs: put, read, removed with what is left of them, and what the store keeps found out."""

import asyncio
import os
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from freehold.kit.problems import Away, NotFound, TooLarge
from freehold.settings import Settings
from freehold.storage import blobs
from freehold.storage.blobs import ObjectStore, open_objects
from freehold.storage.cloud import parts
from freehold.storage.cloud.keeping import Keeper, Keeping
from freehold.storage.cloud.places import CloudPlace, place_of_objects
from freehold.storage.cloud.s3 import Bucket
from tests.gates import Gate
from tests.stores import (
    ACCESS_KEY_ID,
    BUCKET,
    SECRET_ACCESS_KEY,
    Store,
    account_sas,
    azure_environment,
    run_azurite,
    run_moto,
    s3_client,
    s3_environment,
)

KEY = "objects/ab/0001"


@pytest.fixture(scope="module")
def moto() -> Iterator[Store]:
    with run_moto() as store:
        yield store


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with run_azurite(tmp_path_factory.mktemp("azurite")) as store:
        yield store


@pytest.fixture
def s3(moto: Store, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ObjectStore:
    """A bucket of the test's own."""
    bucket = f"b{zlib.crc32(request.node.name.encode()):010d}"
    s3_client(moto).create_bucket(Bucket=bucket, ObjectLockEnabledForBucket="locked" in request.node.name)
    return _open(s3_environment(moto) | {"FREEHOLD_OBJECTS": f"s3://{bucket}/freehold"}, monkeypatch)


@pytest.fixture
def azure(azurite: Store, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    return _open(azure_environment(azurite), monkeypatch)


def _open(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return open_objects(Settings(data="/nowhere", objects=environment["FREEHOLD_OBJECTS"]))


def _put(objects: ObjectStore, key: str, content: bytes, *, is_broken: bool = False) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 1 << 20):
            yield content[start : start + (1 << 20)]
        if is_broken:
            raise RuntimeError("the client went away")

    asyncio.run(objects.put(key, pieces()))


def _get(objects: ObjectStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    async def read() -> bytes:
        return b"".join([piece async for piece in await objects.get(key, start, end)])

    return asyncio.run(read())


def _keeper(objects: ObjectStore) -> Keeper:
    assert objects.keeper is not None
    return objects.keeper


def _bucket() -> str:
    return os.environ["FREEHOLD_OBJECTS"].split("/")[2]


def test_an_object_has_no_more_parts_than_a_store_takes(
    s3: ObjectStore, moto: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(blobs, "PART", 5 << 20)
    monkeypatch.setattr(parts, "MOST_PARTS", 2)
    objects = _open({"FREEHOLD_OBJECTS": os.environ["FREEHOLD_OBJECTS"]}, monkeypatch)
    with pytest.raises(TooLarge, match=f"at most {10 << 20} bytes"):
        _put(objects, KEY, bytes(11 << 20))
    assert objects.size(KEY) is None
    (tmp_path / "file").write_bytes(bytes(20 << 20))
    objects.put_file(KEY, tmp_path / "file")
    found = s3_client(moto).head_object(Bucket=_bucket(), Key=f"freehold/{KEY}")
    assert (found["ContentLength"], found["ETag"].strip('"').partition("-")[2]) == (20 << 20, "2")


@pytest.mark.parametrize("cloud", ["s3", "azure"])
def test_what_is_put_is_read_in_ranges_adopted_listed_and_removed(
    cloud: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    objects: ObjectStore = request.getfixturevalue(cloud)
    long = bytes(range(256)) * 80_000
    _put(objects, KEY, b"short")
    _put(objects, KEY + "2", long)
    (tmp_path / "file").write_bytes(b"adopted")
    objects.adopt({KEY + "3": tmp_path / "file"})
    assert not (tmp_path / "file").exists()
    assert _get(objects, KEY, 1, 3) == b"ho"
    assert b"".join(objects.read(KEY + "2")) == long
    assert sorted(objects.list("objects")) == [KEY, KEY + "2", KEY + "3"]
    assert objects.size(KEY + "2") == len(long)
    objects.delete([KEY, KEY + "2", "objects/ab/never-there", KEY + "3"])
    assert list(objects.list("objects")) == []
    assert objects.size(KEY) is None
    with pytest.raises(NotFound):
        _get(objects, KEY)


def test_of_an_upload_that_breaks_nothing_is_left(s3: ObjectStore, moto: Store) -> None:
    with pytest.raises(RuntimeError):
        _put(s3, KEY, b"x" * (20 << 20), is_broken=True)
    assert "Uploads" not in s3_client(moto).list_multipart_uploads(Bucket=_bucket())
    assert list(s3.list()) == []


def test_parts_that_a_killed_server_left_go_with_their_key(s3: ObjectStore, moto: Store) -> None:
    client = s3_client(moto)
    for key in (KEY, KEY + "-of-another"):
        client.create_multipart_upload(Bucket=_bucket(), Key=f"freehold/{key}")
    assert sorted(_keeper(s3).left(_keeper(s3).look()).uploads or []) == [KEY, KEY + "-of-another"]
    s3.delete([KEY])
    left = client.list_multipart_uploads(Bucket=_bucket())["Uploads"]
    assert [each["Key"] for each in left] == [f"freehold/{KEY}-of-another"]


def test_a_plain_bucket_is_found_plain(s3: ObjectStore) -> None:
    assert _keeper(s3).look() == Keeping(service="s3", versions="off")
    assert _keeper(s3).look().describe() == "plain"


def test_a_versioned_bucket_with_its_rules_is_found_and_emptied(s3: ObjectStore, moto: Store) -> None:
    client, bucket = s3_client(moto), _bucket()
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}}
    rule |= {"NoncurrentVersionExpiration": {"NoncurrentDays": 30}}
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    keeping = _keeper(s3).look()
    assert (keeping.versions, keeping.version_days) == ("on", 30)
    assert keeping.describe() == "versioned, old versions for 30 days"
    for key in (KEY, KEY + "2"):
        _put(s3, key, b"content")
    client.delete_object(Bucket=bucket, Key=f"freehold/{KEY}2")
    assert _keeper(s3).left(keeping).versions == [KEY + "2"]
    s3.delete([KEY])
    found = client.list_object_versions(Bucket=bucket, Prefix=f"freehold/{KEY}")
    assert {each["Key"] for each in found["Versions"]} == {f"freehold/{KEY}2"}
    assert {each["Key"] for each in found["DeleteMarkers"]} == {f"freehold/{KEY}2"}
    s3.delete([KEY + "2"])
    assert _keeper(s3).left(keeping).versions == []
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert _keeper(s3).look().versions == "suspended"


def test_a_locked_bucket_is_found_locked(s3: ObjectStore) -> None:
    assert _keeper(s3).look().is_locked
    assert "object lock" in _keeper(s3).look().describe()


def test_soft_delete_of_azure_is_found_with_its_days(azure: ObjectStore, azurite: Store) -> None:
    assert _keeper(azure).look().describe() == "plain"
    policy = "<DeleteRetentionPolicy><Enabled>{}</Enabled><Days>9</Days></DeleteRetentionPolicy>"
    url = f"{azurite.host}/devstoreaccount1/?restype=service&comp=properties&{account_sas()}"
    body = '<?xml version="1.0"?><StorageServiceProperties>{}</StorageServiceProperties>'
    headers = {"x-ms-version": "2019-12-12"}
    assert httpx.put(url, content=body.format(policy.format("true")), headers=headers).status_code == 202
    try:
        assert _keeper(azure).look().soft_delete_days == 9
        assert _keeper(azure).look().describe() == "soft delete, 9 days"
    finally:
        httpx.put(url, content=body.format(policy.format("false")), headers=headers)


def test_a_missing_bucket_is_never_taken_for_missing_objects(moto: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = _open(s3_environment(moto) | {"FREEHOLD_OBJECTS": "s3://no-such-bucket/x"}, monkeypatch)
    for use in (
        lambda: _put(nowhere, KEY, b"x"),
        lambda: _get(nowhere, KEY),
        lambda: list(nowhere.read(KEY)),
        lambda: nowhere.size(KEY),
        lambda: nowhere.delete([KEY]),
    ):
        with pytest.raises(Away) as told:
            use()
        assert told.value.code == "ObjectStoreMissing"


def test_an_object_of_a_batch_that_may_not_be_removed_is_a_refusal(
    moto: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(moto.host)
    objects = _open(s3_environment(moto) | {"AWS_ENDPOINT_URL": gate.url}, monkeypatch)
    denied = f"<Error><Key>freehold/{KEY}</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    gate.status, gate.only, gate.body = 200, "remove-batch", f"<DeleteResult>{denied}</DeleteResult>".encode()
    with pytest.raises(Away) as told:
        objects.delete([KEY])
    gate.close()
    assert told.value.code == "ObjectStoreRefused"


def test_signatures_are_those_that_botocore_makes(moto: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_environment(moto).items():
        monkeypatch.setenv(name, value)
    bucket = Bucket(CloudPlace("s3", BUCKET, "freehold"))
    asked = {"versions": "", "prefix": "freehold/objects/a b", "key-marker": "ü+&="}
    for method, query, key in (("GET", asked, ""), ("DELETE", {"uploadId": "x~y/z"}, "objects/ab/k")):
        ours = urlsplit(bucket._signed(method, query, key))
        signed = dict(parse_qsl(ours.query, keep_blank_values=True))
        auth = S3SigV4QueryAuth(Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY), "s3", "us-east-1", expires=300)
        plain = "&".join(part for part in ours.query.split("&") if not part.startswith("X-Amz-"))
        request = AWSRequest(method, f"{moto.host}{ours.path}?{plain}")
        request.context["timestamp"] = signed["X-Amz-Date"]
        auth._modify_request_before_signing(request)
        canonical = auth.canonical_request(request)
        expected = auth.signature(auth.string_to_sign(request, canonical), request)
        assert signed["X-Amz-Signature"] == expected


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ("s3://bucket/a/b/", CloudPlace("s3", "bucket", "a/b")),
        ("az://container", CloudPlace("azure", "container", "")),
        ("azure://container/x", CloudPlace("azure", "container", "x")),
        ("gs://bucket", CloudPlace("gcs", "bucket", "")),
        ("file:///a/folder", Path("/a/folder")),
    ],
)
def test_a_setting_names_a_place(given: str, place: object) -> None:
    assert place_of_objects(Settings(objects=given)) == place


@pytest.mark.parametrize(
    "given", ["s3://key:secret@bucket/x", "s3://b/../x", "http://h/x", "s3://", "s3://b/x?y=secret"]
)
def test_an_unfit_setting_is_refused_without_being_repeated(given: str) -> None:
    with pytest.raises(ValueError, match="no address of an object store") as told:
        place_of_objects(Settings(objects=given))
    assert "secret" not in str(told.value)
