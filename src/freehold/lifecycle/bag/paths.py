"""Names that people chose, as file names that every system can keep.

`safe_path` is a pure, reversible escape: `original_path(safe_path(p)) == p`. Most names pass unchanged, case
included, so that a model folder taken out of a bag still loads. What a pure function cannot decide (two names
that differ only in case, a name that is both a file and a folder, a name that is too long) is decided by
`PathKeeper`, which sees the names of one folder in a fixed order; its answer is kept in the exported table
beside the original name.
"""

import hashlib
import re
import unicodedata

LONGEST_COMPONENT = 180
LONGEST_PATH = 700
SET_ASIDE = "=="
"""The folder of names that could not keep their own. The escape always writes `=` before two hex digits or
`-`, so no chosen name can make this one."""

_FORBIDDEN = frozenset('<>:"\\|?*%=')
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|clock\$|com[0-9¹²³]|lpt[0-9¹²³])[ .]*(\..*)?\Z",
    re.IGNORECASE | re.DOTALL,
)
_PLAIN = re.compile(r"[!-~]([ -~]*[!-~])?")
_ESCAPE = re.compile(r"=(-|[0-9a-f]{2})")


def safe_path(logical: str) -> str:
    """A relative path without `..`, reserved names, control characters or names that other systems change."""
    return "/".join(_safe_component(part) for part in logical.split("/"))


def original_path(safe: str) -> str:
    """The path that `safe_path` was given. Raises ValueError for a path it cannot have written."""
    return "/".join(_original_component(part) for part in safe.split("/"))


def folded(path: str) -> str:
    """Equal for all names that some file system takes for the same; for too many rather than too few."""
    upper = unicodedata.normalize("NFKD", path).upper()
    return unicodedata.normalize("NFKD", upper.casefold())


class PathKeeper:
    """Gives every logical path of one folder a path of its own. The same paths in the same order get the same
    answers. Memory: about 100 bytes a path."""

    def __init__(self) -> None:
        self._files: set[bytes] = set()
        self._folders: set[bytes] = set()

    def keep(self, logical: str) -> str:
        path = safe_path(logical)
        marks = _marks(path)
        if _too_long(path) or not self._is_free(marks):
            path = _set_aside(logical)
            marks = _marks(path)
        self._files.add(marks[-1])
        self._folders.update(marks[:-1])
        return path

    def _is_free(self, marks: list[bytes]) -> bool:
        return (
            marks[-1] not in self._files
            and marks[-1] not in self._folders
            and not any(mark in self._files for mark in marks[:-1])
        )


def _safe_component(part: str) -> str:
    if part == "":
        return "=-"
    if part.strip(".") == "":
        return "".join(_escaped(char) for char in part)
    reserved = _RESERVED.match(part) is not None
    if _PLAIN.fullmatch(part) and not (reserved or part[-1] == ".") and _FORBIDDEN.isdisjoint(part):
        return part  # as most are; the rest finds the same for each character
    plain = unicodedata.is_normalized("NFC", part)
    last = len(part) - 1
    return "".join(
        _escaped(char)
        if not _is_safe(char, plain) or (index == 0 and (reserved or char == " ")) or (index == last and char in " .")
        else char
        for index, char in enumerate(part)
    )


def _is_safe(char: str, plain: bool) -> bool:
    """Controls, format characters, private and unassigned ones are escaped; and every letter beyond ASCII in
    a name that is not in the normal form, for file systems change such names."""
    if char < "\x7f":
        return char >= " " and char not in _FORBIDDEN
    return plain and unicodedata.category(char)[0] not in "CZ"


def _escaped(char: str) -> str:
    return "".join(f"={byte:02x}" for byte in char.encode("utf-8", "surrogatepass"))


def _original_component(part: str) -> str:
    if part == "=-":
        return ""
    raw = bytearray()
    position = 0
    while position < len(part):
        if part[position] != "=":
            raw += part[position].encode()
            position += 1
            continue
        found = _ESCAPE.match(part, position)
        if found is None or found[1] == "-":
            raise ValueError("this path was not written by the bag's escape")
        raw.append(int(found[1], 16))
        position = found.end()
    return raw.decode("utf-8", "surrogatepass")


def _too_long(path: str) -> bool:
    raw = path.encode()
    return len(raw) > LONGEST_PATH or any(len(part) > LONGEST_COMPONENT for part in raw.split(b"/"))


def _set_aside(logical: str) -> str:
    """A name made of a digest and the extension, if that is a plain one."""
    raw = logical.encode("utf-8", "surrogatepass")
    extension = re.search(r"\.[a-z0-9]{1,8}\Z", logical)
    return f"{SET_ASIDE}/{hashlib.sha256(raw).hexdigest()[:40]}{extension[0] if extension else ''}"


def _marks(path: str) -> list[bytes]:
    """One mark for every folder on the way and, last, for the file."""
    parts = folded(path).split("/")
    return [_mark("/".join(parts[: end + 1])) for end in range(len(parts))]


def _mark(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).digest()
