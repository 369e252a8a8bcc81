"""The person in a document, as Azure prints users. Fields: azureml-core 1.61.0, its user DTOs."""

from typing import Any

from freehold.api.azure.wire import Wire
from freehold.domain.access.authors import Author


class UserOut(Wire):
    """What Azure knows of a user beyond these (its own internal ids) there is none of here."""

    user_object_id: str | None = None
    user_pu_id: str | None = None
    user_idp: str | None = None
    user_alt_sec_id: str | None = None
    user_iss: str | None = None
    user_tenant_id: str | None = None
    user_name: str | None = None
    upn: str | None = None


def user_out(author: Author | None) -> UserOut | None:
    if author is None:
        return None
    return UserOut(user_object_id=author.object_id, user_tenant_id=author.tenant_id, user_name=author.name)


def pascal_user_out(author: Author | None) -> dict[str, Any] | None:
    """As the pipeline service spells it."""
    if author is None:
        return None
    return {"UserObjectId": author.object_id, "UserTenantId": author.tenant_id, "UserName": author.name}
