"""Names for runs that were given none: two words and a number, easier to tell apart than ids."""

import hashlib

_FIRST = (
    "able amber ample bold brave brisk calm clear clever crisp dapper deep eager early fair fleet fond gentle glad "
    "golden keen kind light lively lucid mellow merry mild modest neat noble open patient plain polite proud quick "
    "quiet rare ready silent smooth sound steady still sunny swift tidy upbeat valiant vivid warm wise witty"
)
_SECOND = (
    "alder ash aspen auk badger beech birch bittern cedar crane curlew dove egret elm falcon fern finch fir hare hawk "
    "hazel heron ibis jay juniper kite larch lark linden lynx maple marten merlin moss newt oak osprey otter owl pine "
    "plover poplar raven robin rowan shrike stork swan swift tern thrush toad vole willow wren yew"
)
_FIRST_WORDS, _SECOND_WORDS = _FIRST.split(), _SECOND.split()


def invented_name(seed: str) -> str:
    """The same seed gives the same name."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
    number, last = divmod(number, 1_000)
    number, first = divmod(number, len(_FIRST_WORDS))
    return f"{_FIRST_WORDS[first]}-{_SECOND_WORDS[number % len(_SECOND_WORDS)]}-{last}"
