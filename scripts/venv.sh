#!/usr/bin/env bash
# Makes the virtual environment DIR with PYTHON, or says what is missing. Usage: scripts/venv.sh PYTHON DIR
set -euo pipefail
python=$1 directory=$2

fail() {
    echo "freehold: $*" >&2
    exit 1
}

command -v "$python" >/dev/null || fail "no $python here. Install Python 3.11 or later, or name one: make PYTHON=/path/to/python3.12"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$python is Python $version; 3.11 or later is needed. Name another: make PYTHON=/path/to/python3.12"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python cannot make virtual environments. On Debian and Ubuntu: apt-get install python$version-venv"

if [ ! -x "$directory/bin/python" ]; then
    echo "Making $directory with Python $version …"
    "$python" -m venv "$directory"
fi
