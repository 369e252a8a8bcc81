#!/usr/bin/env bash
# The tests run the unmodified Azure ML SDK v1. This installs it into .tools/sdk, an environment of its own, once, or
# fails and says what is missing. Nothing is skipped silently. FREEHOLD_TEST_SDK names the python of one that is
# installed elsewhere; FREEHOLD_TEST_SDK=none goes on without, and the tests say so.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=.tools/sdk lock=requirements/sdk.txt

[ -z "${FREEHOLD_TEST_SDK:-}" ] || exit 0
if cmp -s "$lock" "$folder/.lock"; then
    exit 0
fi
python=""
for each in "${1:-python3}" python3.11; do
    if "$each" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
        python=$each
        break
    fi
done
if [ -z "$python" ] || [ "$(uname -sm)" != "Linux x86_64" ]; then
    echo "freehold: the tests of the Azure ML SDK need Python 3.11 on Linux x86-64, for which its last versions have wheels." >&2
    echo "Install python3.11, or go on without these tests: FREEHOLD_TEST_SDK=none make test" >&2
    exit 1
fi
echo "Installing the Azure ML SDK into $folder …"
rm -rf "$folder"
"$python" -m venv "$folder"
"$folder/bin/python" -m pip --disable-pip-version-check -qq install --require-hashes --no-deps --only-binary :all: -r "$lock"
cp "$lock" "$folder/.lock"
