"""The words a record uses to say whose it is, how it leaves and how it dies. Nothing here has a default."""

from dataclasses import dataclass
from enum import StrEnum

from freehold.kit.clock import EARLIEST, LATEST


class CatalogueError(TypeError):
    """A record or a column does not say what it must. Raised while its module is imported."""


class Container(StrEnum):
    """What content belongs to; exactly one for each record."""

    SERVER = "server"
    WORKSPACE = "workspace"


class Scope(StrEnum):
    """What can be exported or erased as a whole: the record whose table is the word's plural is its root."""

    WORKSPACE = "workspace"
    EXPERIMENT = "experiment"
    RUN = "run"
    ASSET = "asset"
    MODEL = "model"
    MANIFEST = "manifest"
    IMAGE = "image"
    SERVICE = "service"
    COMPUTE = "compute"
    DATASTORE = "datastore"
    DATASET = "dataset"
    PIPELINE_OBJECT = "pipeline_object"
    PIPELINE_DRAFT = "pipeline_draft"
    TASK = "task"
    NOTIFICATION = "notification"


class LinkKind(StrEnum):
    """What becomes of a row when the row it links to is erased."""

    DEEP = "deep"
    """It goes too."""
    SHALLOW = "shallow"
    """It stays; the link is set to null."""
    REFCOUNT = "refcount"
    """The other way round: what it links to goes with its last referrer."""
    RESTRICT = "restrict"
    """It refuses: what is linked to cannot be erased while this row stands."""
    DECORRELATE = "decorrelate"
    """It stays, and so does what it links to, as a pseudonym."""
    RETAIN = "retain"
    """It stays as it is, with a reason and a legal basis."""
    HOLDS = "holds"
    """It forbids, while it is in force: what it leads to, all below that and all above cannot be erased. Then deep."""
    COVERS = "covers"
    """It holds a copy of what it links to and of all below it: it goes when any of that is erased."""


@dataclass(frozen=True)
class Rows:
    """Exported as rows, in the scopes named."""

    scopes: frozenset[Scope]


@dataclass(frozen=True)
class Decoded:
    """Exported in decoded form, as rows of another table, in the scopes named."""

    scopes: frozenset[Scope]
    into: str
    codec: str


@dataclass(frozen=True)
class Withheld:
    """Never exported. An export's coverage.json prints the reason."""

    because: str

    def __post_init__(self) -> None:
        _require(self.because, "Withheld")


@dataclass(frozen=True)
class Removed:
    """Rows are deleted when what they belong to is erased."""


@dataclass(frozen=True)
class Retained:
    """Rows outlive an erasure. Plans and certificates print the reason and the legal basis."""

    because: str
    basis: str

    def __post_init__(self) -> None:
        _require(self.because, "Retained")
        _require(self.basis, "Retained")


class Writes(StrEnum):
    """How a table changes, which decides what an erasure must do to free its pages."""

    APPEND_ONLY = "append-only"
    """Integer key, no text index, payload never updated: secure_delete alone clears it."""
    GROWING = "growing"
    """Indexes on text or updates: page splits may leave copies, so it is rewritten before *verified*."""


@dataclass(frozen=True)
class Retention:
    """How long rows are kept where nobody erases them. `days` after the moment in the column `since` they go by
    themselves; without them `text` says what ends their time."""

    text: str
    days: int | None = None
    since: str = ""


KEPT_UNTIL_ERASED = Retention("kept until it is erased")

Export = Rows | Decoded | Withheld
Erasure = Removed | Retained


@dataclass(frozen=True)
class Rules:
    container: Container
    export: Export
    erasure: Erasure
    writes: Writes
    retention: Retention


EVERYWHERE = frozenset(Scope)
WORKSPACE_ONLY = frozenset({Scope.WORKSPACE})
HISTORY = frozenset({Scope.WORKSPACE, Scope.EXPERIMENT, Scope.RUN})
"""Where runs leave: alone, with their experiment, with everything."""


def alone(*scopes: Scope) -> frozenset[Scope]:
    """Where a record leaves that is a root itself, or hangs below the roots named: alone and with everything."""
    return WORKSPACE_ONLY | frozenset(scopes)


@dataclass(frozen=True)
class Plain:
    """Not about a person."""


@dataclass(frozen=True)
class Personal:
    """About a person: `of` names the column of the same row that links to them ('row' is the row itself)."""

    of: str


@dataclass(frozen=True)
class Secret:
    """Gives power to whoever holds it: sealed or hashed, never exported."""

    because: str

    def __post_init__(self) -> None:
        _require(self.because, "Secret")


ColumnRule = Plain | Personal | Secret


@dataclass(frozen=True)
class Link:
    """`named_back`: documents of what it leads to name the row that has the link."""

    to: str
    kind: LinkKind
    because: str = ""
    basis: str = ""
    named_back: bool = False

    def __post_init__(self) -> None:
        if self.kind is LinkKind.RETAIN:
            _require(self.because, "a retained link")
            _require(self.basis, "a retained link")


@dataclass(frozen=True)
class Repeats:
    """Text that says once more what a link says, as clients write it: the id of a row that the link leads to.

    `owner` is the link of this record to what it hangs on, `link` the shallow link that its owner has to rows of its
    own kind; the whole line is meant: a parent, that one's parent, and so on. It is said where the column `key` has one
    of `names`. The row goes with the link; a text that names nothing in that line stays.
    """

    owner: str
    link: str
    key: str
    names: frozenset[str]

    def __post_init__(self) -> None:
        if not self.names:
            raise CatalogueError("Repeats needs names: those under which a client says it.")


@dataclass(frozen=True)
class Within:
    """The whole numbers that a column can have, both ends among them."""

    least: int
    most: int


COUNTED = Within(0, 1 << 53)
"""Numbers, versions, sizes: every JSON reader knows them exactly, and one more is still an integer of 64 bits."""
ANY_INTEGER = Within(-(1 << 63), (1 << 63) - 1)
MOMENTS = Within(EARLIEST, LATEST)


def _require(text: str, what: str) -> None:
    if not text.strip():
        raise CatalogueError(f"{what} needs a reason: say why in because=… (and basis=… where it is kept).")
