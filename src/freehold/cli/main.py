"""`freehold`: the commands.

Exit codes: 0 done, 1 failed or not verified, 2 used wrongly, 3 no server answers, 130 stopped by Ctrl-C.
"""

import sys
import warnings

from freehold.cli.failure import Failure
from freehold.cli.serving import plain_flags, run_server, settings_of


def main() -> None:
    # joserfc warns that RFC 9864 prefers the name Ed25519 over EdDSA; verifiers out there know the older name.
    warnings.filterwarnings("ignore", message="EdDSA is deprecated")
    try:
        _run(sys.argv[1:])
    except Exception as fault:
        sys.exit(_tell(fault))


def _run(arguments: list[str]) -> None:
    flags = plain_flags(arguments)
    if flags is not None:
        run_server(settings_of(**flags))
    else:
        from freehold.cli.commands import app_for  # late: a server does without it, see serving.py

        app_for(arguments)()


def _tell(fault: Exception) -> int:
    """The exit code. Raises what is no answer of ours."""
    from freehold.cli.printing import fail
    from freehold.client import FreeholdError
    from freehold.kit.problems import Problem

    if isinstance(fault, Failure):
        return fail(fault.code, str(fault), fault.exit_code)
    if isinstance(fault, FreeholdError):
        return fail(fault.code, str(fault), 3 if fault.code == "ServerUnreachable" else 1)
    if isinstance(fault, Problem):  # of a command that works on bags without a server
        return fail(fault.code, fault.message, 1)
    if isinstance(fault, OSError):
        place = f"{fault.filename}: " if fault.filename else ""
        return fail("CannotReadOrWrite", f"{place}{fault.strerror or fault}", 1)
    raise fault


if __name__ == "__main__":
    main()
