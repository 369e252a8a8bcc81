"""Addresses that carry what opens them: a signature or a token in their query, or a name and a password before their
host."""

import re

_WORD = re.compile(r"[^\s\"'\\]+")
OPENING = (
    "sig",
    "signature",
    "x-amz-signature",
    "x-amz-security-token",
    "awsaccesskeyid",
    "x-goog-signature",
    "token",
    "access_token",
    "auth_token",
    "id_token",
    "job_token",
    "private_token",
    "refresh_token",
    "sas_token",
    "password",
    "secret",
    "client_secret",
    "api_key",
    "apikey",
    "subscription-key",
)
"""Names in a query or fragment that open the address: of Azure, S3 (both of its ways), Google, GitLab and OAuth."""
_SIGNATURE = re.compile(rf"[?&;#](?:{'|'.join(OPENING)})=", re.IGNORECASE)
_QUERY = re.compile(r"[?&;#]")
_USER_INFO = re.compile(r"(?<=://)[^\s\"'\\/?#:@]*:[^\s\"'\\/?#]+@")
"""A name alone (`git@`, or the container in `abfss://container@account`) opens nothing."""


def without_signatures(text: str) -> str:
    """The text with its addresses cut where their queries begin if those are signed, and without names and passwords.

    One without a secret is given back as it is.
    """
    if "://" not in text:
        return text
    clean = _WORD.sub(_unsigned, _USER_INFO.sub("", text))
    return _QUERY.split(clean, maxsplit=1)[0] if _SIGNATURE.search(clean) else clean


def _unsigned(found: re.Match[str]) -> str:
    word = found.group()
    return _QUERY.split(word, maxsplit=1)[0] if "://" in word and _SIGNATURE.search(word) else word
