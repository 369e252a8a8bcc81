"""`freehold`: the commands.

Exit codes: 0 done, 1 failed or not verified, 2 used wrongly, 3 no server answers, 130 stopped by Ctrl-C.
"""

import sys
import warnings

from freehold.cli.failure import Failure
from freehold.cli.serving import plain_flags, run_server, settings_of

AS_JSON = "--json"


def main() -> None:
    # joserfc warns that RFC 9864 prefers the name Ed25519 over EdDSA; verifiers out there know the older name.
    warnings.filterwarnings("ignore", message="EdDSA is deprecated")
    try:
        _run(sys.argv[1:])
    except Exception as fault:
        from freehold.cli.printing import fail

        sys.exit(fail(_as_failure(fault), as_json=AS_JSON in sys.argv))
    except SystemExit as ended:
        _tell_wrong_use(ended)
        raise


def _run(arguments: list[str]) -> None:
    flags = plain_flags(arguments)
    if flags is not None:
        run_server(settings_of(**flags))
    else:
        from freehold.cli.commands import app_for  # late: a server does without it, see serving.py

        app_for(arguments)()


def _as_failure(fault: Exception) -> Failure:
    """Raises what is no answer of ours."""
    from freehold.client import FreeholdError
    from freehold.kit.problems import Problem

    if isinstance(fault, Failure):
        return fault
    if isinstance(fault, FreeholdError):
        return Failure(fault.code, str(fault), 3 if fault.code == "ServerUnreachable" else 1)
    if isinstance(fault, Problem):  # of a command that works on bags without a server
        return Failure(fault.code, fault.message)
    if isinstance(fault, OSError):
        place = f"{fault.filename}: " if fault.filename else ""
        return Failure("CannotReadOrWrite", f"{place}{fault.strerror or fault}")
    raise fault


def _tell_wrong_use(ended: SystemExit) -> None:
    """Typer has told people of options that there are not, and the like; this tells machines."""
    said = getattr(ended.__context__, "format_message", None)
    if said is not None and AS_JSON in sys.argv:
        from freehold.cli.printing import print_json

        print_json({"error": {"code": "WrongArguments", "message": said()}})


if __name__ == "__main__":
    main()
