"""What each role may do. Deny by default: a role that is not here may nothing."""

from collections.abc import Iterable

from freehold.domain.access.actor import Action

OWNER = "Owner"
CONTRIBUTOR = "Contributor"
READER = "Reader"
DATA_SCIENTIST = "AzureML Data Scientist"
PRIVACY_OFFICER = "Privacy Officer"

ALLOWED: dict[str, frozenset[Action]] = {
    OWNER: frozenset(Action),
    CONTRIBUTOR: frozenset({Action.READ, Action.WRITE, Action.DELETE, Action.EXPORT, Action.SECRETS}),
    READER: frozenset({Action.READ}),
    DATA_SCIENTIST: frozenset({Action.READ, Action.WRITE, Action.DELETE, Action.SECRETS}),
    PRIVACY_OFFICER: frozenset({Action.READ, Action.EXPORT, Action.ERASE}),
}


def roles_with(action: Action) -> frozenset[str]:
    return frozenset(role for role, actions in ALLOWED.items() if action in actions)


def actions_of(roles: Iterable[str]) -> frozenset[Action]:
    return frozenset().union(*(ALLOWED.get(role, frozenset()) for role in roles))
