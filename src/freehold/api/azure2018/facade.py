"""The façades of the 2017 providers, and of the data planes that hang on hosting accounts and projects."""

from collections.abc import Callable

from freehold.api.azure.versions import ACCOUNTS, after, check_data_version, check_version
from freehold.api.errors import arm_envelope, history_envelope, model_management_envelope, provider_envelope
from freehold.api.routing import HOSTING_ACCOUNT, PROJECT, Echo, Endpoint, Facade, Rule, Within
from freehold.domain.access.actor import Action

providers = Facade("providers2017", provider_envelope, folds_case=True, echo=Echo.WHEN_ASKED)
clusters = Facade("clusters2017", arm_envelope, folds_case=True, echo=Echo.WHEN_ASKED)
hosting = Facade("hosting2017", model_management_envelope, echo=Echo.ALWAYS)
projects = Facade("projects2017", history_envelope, echo=Echo.ALWAYS)

GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
SUBSCRIPTION = "/subscriptions/{subscription}"
HISTORY, ARTIFACT, NOTIFICATION = (f"/{service}/v1.0{PROJECT}" for service in ("history", "artifact", "notification"))


def provider_route(
    facade: Facade, method: str, path: str, rule: Rule, versions: frozenset[str]
) -> Callable[[Endpoint], Endpoint]:
    """An ARM handler of a provider; called only with an api-version that is served."""

    def declare(endpoint: Endpoint) -> Endpoint:
        checked = after(lambda call: check_version(call, versions))(endpoint)
        facade.route(method, path, rule, versions=versions)(checked)
        return endpoint

    return declare


def hosting_route(
    method: str, tail: str, action: Action, *, body: type | None = None, answer: type | None = None, status: int = 200
) -> Callable[[Endpoint], Endpoint]:
    """On the data plane of a hosting account (calls 38 to 45 and 51 to 58), which demands its api-version."""

    def declare(endpoint: Endpoint) -> Endpoint:
        checked = after(lambda call: check_data_version(call, ACCOUNTS, may_lack=False))(endpoint)
        path = f"/api{HOSTING_ACCOUNT}{tail}"
        rule = Within(action)
        hosting.route(method, path, rule, body=body, answer=answer, status=status, versions=ACCOUNTS)(checked)
        return endpoint

    return declare
