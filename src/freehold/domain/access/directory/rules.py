"""How a client's secret is kept: an argon2id hash.

Secrets are made by the server with 256 bits, so guessing is hopeless at any speed; the hash is for a stolen
database. Hence OWASP's smallest parameters: sign-ins stay within the server's memory budget.
"""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$Tk9CT0RZTk9CT0RZTk8$7n1VSK4Cqz1rVc3tmCEwVkQ2yqgcVYHn8zcR2G4v1aE"
LONGEST_SECRET = 512


def hash_secret(secret: str) -> str:
    """Some 20 ms of one core."""
    return _HASHER.hash(secret)


def is_secret_of(secret: str, secret_hash: str | None) -> bool:
    """As slow for a client that is unknown (None): the time must not tell which clients there are."""
    try:
        is_right = _HASHER.verify(secret_hash or _NOBODY, secret[:LONGEST_SECRET])
    except (VerificationError, InvalidHashError):
        return False
    return is_right and secret_hash is not None and len(secret) <= LONGEST_SECRET
