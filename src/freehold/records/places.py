"""Where the server keeps bytes on disk, besides tables: each place says what it holds and how it is forgotten.

The verifier searches what is declared here, and a test fails when a file lies below the data folder that
no place claims.
"""

from dataclasses import dataclass
from fnmatch import fnmatch

from freehold.records.rules import CatalogueError


@dataclass(frozen=True)
class Place:
    """`patterns` are relative to the data folder. `is_searched` False needs a reason in `because`."""

    name: str
    patterns: tuple[str, ...]
    holds: str
    is_searched: bool
    forgotten: str
    because: str = ""

    def __post_init__(self) -> None:
        if not self.is_searched and not self.because:
            raise CatalogueError(f"The place {self.name!r} is not searched: say why in because=….")


TEMPORARY = "tmp"
PLACES = (
    Place("database", ("freehold.db", "freehold.db-wal", "freehold.db-shm"), "all tables", True, "slack zeroed"),
    Place("operations", ("operations.db*",), "opaque operation ids and fences", True, "rows deleted at the end"),
    Place("objects", ("store/objects/*",), "artifact bytes under random keys", True, "with the row that owns them"),
    Place("bags", ("exports/*",), "kept exports", True, "with anything that they cover"),
    Place("spools", ("spools/*",), "snapshots of an export under way", True, "at the end of the export"),
    Place("imports", ("imports/*",), "bags that were sent, and what was found in them", True, "with what they cover"),
    Place("temporary files", (f"{TEMPORARY}/*",), "what a child sorts", True, "with the child, for they have no names"),
    Place("logs", ("logs/*",), "route templates, request ids, kinds of fault", True, "hold nothing to forget"),
    Place("lock", ("server.lock",), "the process id of the server", True, "holds nothing to forget"),
    Place("restore", ("restore.pending",), "a digest of the backup being put back", True, "when that has ended"),
    Place("settings", ("freehold.toml",), "what the operator wrote", True, "by the operator"),
    Place(
        "keys",
        ("keys/*", "keys"),
        "keys, what a running erasure searches for, sealed under a key of its own, and the signed head of the log",
        False,
        "destroyed one by one",
        because="it holds keys and the size and root of a tree of digests; a sealed needle file cannot be read without "
        "its key, which is destroyed",
    ),
)
COPIES = ("exports", "spools", "imports")
"""Folders with copies that this server keeps, in each of them one of the operation's id."""


def place_of(relative_path: str) -> Place | None:
    """The place that claims a file below the data folder."""
    return next((p for p in PLACES if any(fnmatch(relative_path, pattern) for pattern in p.patterns)), None)
