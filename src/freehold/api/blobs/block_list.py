"""The XML of a block list, read by a parser that knows no entities, no document types and no deep trees."""

from xml.parsers import expat

from freehold.domain.artifacts.blocks import MOST_BLOCKS
from freehold.kit.problems import Invalid

LARGEST = 10 << 20
"""Bytes of a list: 50,000 ids of the longest kind, with their tags."""
_KINDS = frozenset({"Latest", "Uncommitted", "Committed"})
_ROOT = "BlockList"


def read_block_list(body: bytes) -> list[str]:
    """Block ids in order. Raises Invalid("InvalidXmlDocument").

    Blocks that are committed already are not kept apart from the blob here, so `Committed` names a waiting one too.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    parser.ProcessingInstructionHandler = reader.refuse
    try:
        parser.Parse(body, True)
    except expat.ExpatError:
        raise _invalid() from None
    return reader.ids


class _Reader:
    def __init__(self) -> None:
        self.ids: list[str] = []
        self._open: list[str] = []
        self._text: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        expected = {_ROOT} if not self._open else _KINDS if len(self._open) == 1 else frozenset()
        if name not in expected or len(self.ids) >= MOST_BLOCKS:
            raise _invalid()
        self._open.append(name)
        self._text = []

    def end(self, name: str) -> None:
        self._open.pop()
        if name != _ROOT:
            self.ids.append("".join(self._text).strip())

    def text(self, data: str) -> None:
        self._text.append(data)

    def refuse(self, *_: object) -> None:
        raise _invalid()


def _invalid() -> Invalid:
    message = f"The body is no block list: <{_ROOT}> with at most {MOST_BLOCKS} of <Latest> and no document type."
    return Invalid("InvalidXmlDocument", message)
