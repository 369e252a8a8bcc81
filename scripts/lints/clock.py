"""allow-clock. Prevents: a time or an id that a test cannot decide.

Times and ids come from the injected clock and id source of `kit/`. Anything else makes two runs of the same
world differ, and the proof that an erased thing left nothing behind compares such worlds. `time.monotonic`
and `time.perf_counter` only measure, and `secrets` and `os.urandom` make keys; they are free.
"""

import ast
from collections.abc import Iterator

from scripts.lints.source import Fault, SourceFile

RULE = "clock"
_FORBIDDEN = {
    *(f"time.{name}" for name in ("time", "time_ns", "localtime", "gmtime", "ctime", "strftime")),
    *(f"datetime.datetime.{name}" for name in ("now", "utcnow", "today")),
    "datetime.date.today",
    *(f"uuid.uuid{version}" for version in (1, 3, 4, 5, 6, 7, 8)),
}
_FORBIDDEN_MODULES = ("random", "uuid6", "numpy.random")


def check(file: SourceFile) -> Iterator[Fault]:
    if file.lies_in("kit/"):
        return
    for node in file.nodes:
        if isinstance(node, ast.Attribute | ast.Name) and _is_forbidden(file.spelled(node)):
            message = f"{file.spelled(node)} outside kit/: take the injected Clock or IdSource"
            yield Fault(RULE, file.where, node.lineno, message)


def _is_forbidden(name: str | None) -> bool:
    return name is not None and (name in _FORBIDDEN or name.startswith(tuple(f"{m}." for m in _FORBIDDEN_MODULES)))
