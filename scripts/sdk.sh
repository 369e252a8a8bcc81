#!/usr/bin/env bash
# The tests run the unmodified Azure ML SDK v1. This installs it into .tools/sdk, an environment of its own, once. Where
# it cannot be had this says so, and the tests that need it are skipped with that reason. Nothing is skipped silently. FREEHOLD_TEST_SDK names the python of one that is
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
mkdir -p "$folder"
if [ -z "$python" ] || [ "$(uname -sm)" != "Linux x86_64" ]; then
    reason="it needs Python 3.11 on Linux x86-64, for which its last versions have wheels, and there is none here"
    echo "freehold: the Azure ML SDK is not tried: $reason." >&2
    echo "$reason" >"$folder/.missing"
    exit 0
fi
echo "Installing the Azure ML SDK into $folder …"
rm -rf "$folder"
"$python" -m venv "$folder"
"$folder/bin/python" -m pip --disable-pip-version-check -qq install --require-hashes --no-deps --only-binary :all: -r "$lock"
cp "$lock" "$folder/.lock"
