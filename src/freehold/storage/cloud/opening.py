"""Opens a cloud's store with the credentials of the server's environment, named as each cloud's own tools name them.

S3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL, web identity, the machine's own identity.
Azure: AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_KEY, AZURE_STORAGE_ENDPOINT,
AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, AZURE_TENANT_ID.
Google: GOOGLE_SERVICE_ACCOUNT, GOOGLE_APPLICATION_CREDENTIALS.
"""

import os
from datetime import timedelta
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from freehold.storage.cloud.places import CloudPlace

CONNECT_SECONDS = 5
READ_SECONDS = 30
_STORES: dict[str, Any] = {"s3": S3Store, "azure": AzureStore, "gcs": GCSStore}
_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "azure": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
    "gcs": (),
}
_RETRIES = {
    "max_retries": 2,
    "retry_timeout": timedelta(seconds=20),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
}


def open_cloud(place: CloudPlace, **config: Any) -> obstore.store.ObjectStore:
    """Nothing is asked of the store yet. `config` is the store's own, beside what the environment has.

    Raises ValueError where the environment does not fit; it names no value of it.
    """
    try:
        store: obstore.store.ObjectStore = _STORES[place.service](
            place.bucket,
            prefix=place.prefix or None,
            client_options=client_options(is_plain=endpoint(place).startswith("http://")),
            retry_config=_RETRIES,
            **config,
        )
    except (BaseError, ValueError, TypeError):
        message = f"The object store ({place.service}) cannot be opened: look at its settings in the environment."
        raise ValueError(message) from None
    return store


def endpoint(place: CloudPlace) -> str:
    """The address that the environment names for the service, without a slash at its end; empty: the cloud's own."""
    given = (os.environ.get(name, "") for name in _ENDPOINTS[place.service])
    return next((address.rstrip("/") for address in given if address), "")


def client_options(*, is_plain: bool) -> Any:
    """A large object may take a day, but no part of it more than half a minute."""
    seconds = {
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "read_timeout": timedelta(seconds=READ_SECONDS),
    }
    return {"allow_http": is_plain, "timeout": timedelta(days=1), **seconds}
