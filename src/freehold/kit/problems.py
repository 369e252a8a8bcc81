"""What can go wrong, as facts. Each façade prints a Problem in its own envelope (api/errors.py)."""

from typing import ClassVar


class Problem(Exception):
    """`code` is stable and machine-readable; `message` says what to do next and names no secret."""

    status: ClassVar[int] = 500
    is_plain: bool = False
    """Its message is the same for everybody and names nothing of anybody, so an operation's row may keep it."""

    object_key: str = ""
    """The random key of the stored object that it is about, for the log."""
    place: str = ""
    """Where in the source it was, if it was raised in another process."""

    def __init__(self, code: str, message: str, *, target: str | None = None, is_plain: bool | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.target = target
        if is_plain is not None:
            self.is_plain = is_plain


class Invalid(Problem):
    status = 400


class Unauthenticated(Problem):
    status = 401


class Forbidden(Problem):
    status = 403


class NotFound(Problem):
    status = 404


class MethodNotAllowed(Problem):
    status = 405


class Conflict(Problem):
    status = 409


class Superseded(Conflict):
    """What an operation worked on was erased or replaced meanwhile: it ends, and can be asked for anew."""

    is_plain = True


class PreconditionFailed(Problem):
    status = 412


class TooLarge(Problem):
    status = 413


class RangeNotSatisfiable(Problem):
    """`size`: how many bytes there are in all."""

    status = 416

    def __init__(self, code: str, message: str, *, size: int) -> None:
        super().__init__(code, message)
        self.size = size


class TooManyRequests(Problem):
    status = 429


class NotImplementedHere(Problem):
    status = 501


class Unavailable(Problem):
    status = 503


class Away(Unavailable):
    """Something outside that this server needs does not answer, or refuses. Work that waits for it goes on by itself
    when it is back."""

    is_plain = True


class InsufficientStorage(Problem):
    status = 507
    is_plain = True
