"""The age of what is known of containers: what was read before one was hidden must not let anybody in afterwards.

One number a process, for the server writes in one process. Whoever keeps what it read of a container takes the age
before it reads, and reads again when the age is another.
"""

import itertools

_numbers = itertools.count(1)
_age = 0


def age() -> int:
    return _age


def changed() -> None:
    """To be called after the commit that hid a container, and before its answer leaves."""
    global _age  # because a process has one, as it has one database
    _age = next(_numbers)
