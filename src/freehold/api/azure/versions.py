"""The api-versions that ARM calls may name. The versions share one shape here: later fields are simply more.

Source: the versions that azureml-core 1.61.0 and azure-mgmt-* send; calls 37, 38, 50 to 52 (the stray quote and space).
"""

from collections.abc import Callable
from functools import wraps

from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.routing import Endpoint
from freehold.kit.problems import Invalid

PROVIDER = frozenset(
    [
        "2018-03-01-preview",
        "2018-11-19",
        "2019-05-01",
        "2019-06-01",
        "2019-10-01",
        "2019-11-01",
        "2020-01-01",
        "2020-02-02",
        "2020-02-18-preview",
        "2020-03-01",
        "2020-04-01",
        "2020-05-01-preview",
        "2020-05-15-preview",
        "2020-06-01",
        "2020-08-01",
        "2020-09-01-preview",
        "2021-01-01",
        "2021-03-01-preview",
        "2021-04-01",
        "2021-07-01",
        "2022-01-01-preview",
        "2022-02-01-preview",
        "2022-05-01",
        "2022-10-01",
    ]
)
"""Microsoft.MachineLearningServices."""
RESOURCES = frozenset(
    [
        "2014-04-01",
        "2015-01-01",
        "2015-11-01",
        "2016-02-01",
        "2016-06-01",
        "2016-09-01",
        "2017-05-10",
        "2018-02-01",
        "2018-05-01",
        "2019-05-01",
        "2019-05-10",
        "2019-06-01",
        "2019-07-01",
        "2019-08-01",
        "2019-10-01",
        "2019-11-01",
        "2020-01-01",
        "2020-06-01",
        "2020-08-01",
        "2020-10-01",
        "2021-01-01",
        "2021-04-01",
        "2022-09-01",
        "2022-12-01",
        "2023-07-01",
        "2024-03-01",
        "2024-11-01",
        "2025-03-01",
        "2025-04-01",
    ]
)
"""Subscriptions, resource groups, generic resources."""


MODEL_MANAGEMENT = frozenset({"2018-04-01-preview", "2018-11-19", "2019-09-30", "2019-11-01"})
"""Model management's data plane: 2019-11-01 is the published page's, 2018-11-19 the SDK's of that time."""
ACCOUNTS = frozenset({"2017-09-01-preview"})
"""Microsoft.MachineLearningModelManagement, and the data plane of its accounts."""
EXPERIMENTATION = frozenset({"2017-05-01-preview"})
CLUSTERS = frozenset({"2017-06-01-preview", "2017-08-01-preview"})


def after(check: Callable[[Call], None]) -> Callable[[Endpoint], Endpoint]:
    """The endpoint, called only once `check` has raised nothing."""

    def wrap(endpoint: Endpoint) -> Endpoint:
        @wraps(endpoint)
        async def checked(call: Call) -> Response:
            check(call)
            return await endpoint(call)

        return checked

    return wrap


def api_version(call: Call) -> str:
    """As sent, without the blanks and the quote that published pages have behind it."""
    return call.query.get("api-version", "").strip().removesuffix('"').strip().lower()


def check_data_version(call: Call, served: frozenset[str], *, may_lack: bool) -> None:
    """For the data plane, which refuses in words of its own. Raises Invalid."""
    version = api_version(call)
    if not version and not may_lack:
        message = f"An api-version is required: {', '.join(sorted(served))}."
        raise Invalid("ApiVersionUnspecified", message)
    if version and version not in served:
        message = (
            f"The HTTP resource does not support the API version {version[:40]!r}. "
            f"The supported versions are: {', '.join(sorted(served))}."
        )
        raise Invalid("UnsupportedApiVersion", message)


def check_version(call: Call, served: frozenset[str]) -> None:
    """Raises Invalid: a version is missing, or is not one of those served, which are named."""
    version = api_version(call)
    if not version:
        message = "The api-version query parameter (?api-version=) is required for all requests."
        raise Invalid("MissingApiVersionParameter", message)
    if version not in served:
        code = "NoRegisteredProviderFound" if served is PROVIDER else "InvalidApiVersionParameter"
        names = ", ".join(sorted(served))
        raise Invalid(code, f"The api-version {version[:40]!r} is not served. The supported versions are: {names}.")
