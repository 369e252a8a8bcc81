"""Runs every lint over a package: `python -m scripts.lints [PACKAGE]`. Exit code 1 when a fault was found."""

import sys
from pathlib import Path

from scripts.lints import clock, commit, dialect, log, naming, place, sql, star, whole, workspace
from scripts.lints.source import Fault, Lint, SourceFile, read_package

_MODULES = (clock, commit, dialect, log, naming, place, sql, star, whole, workspace)
LINTS: dict[str, Lint] = {module.RULE: module.check for module in _MODULES}


def main(package: Path) -> int:
    files = list(read_package(package))
    faults = [fault for file in files for fault in find_faults(file)]
    for fault in faults:
        print(f"{package}/{fault}")
    print(f"house lints: {len(files)} files, {len(faults)} faults")
    return 1 if faults or not files else 0


def find_faults(file: SourceFile) -> list[Fault]:
    """Every fault of every lint in `file`, without those that an escape comment lets through."""
    found = {fault for lint in LINTS.values() for fault in lint(file)}
    kept = [fault for fault in found if not file.is_allowed(fault.rule, fault.line)]
    return sorted(kept, key=lambda fault: (fault.line, fault.rule, fault.message))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "src/freehold")))
