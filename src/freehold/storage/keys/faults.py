"""What can be wrong with keys. The messages name a purpose or a key id, never key material."""

from freehold.kit.problems import Problem


class KeysUnusable(Problem):
    """The key folder does not hold what this server needs; the operator must act before it can run."""


class KeyGone(Problem):
    """The key was destroyed, or never was: what it sealed cannot be read by anybody."""

    def __init__(self, key_id: str) -> None:
        super().__init__(
            "KeyGone",
            f"key {key_id} is not in the key folder; restore it from the keys' own backup",
        )


class SealBroken(Problem):
    """A sealed value was changed, cut short, or moved to a place it was not sealed for."""

    def __init__(self) -> None:
        super().__init__(
            "SealBroken",
            "a sealed value does not open; restore the row it stands in from a backup",
        )
