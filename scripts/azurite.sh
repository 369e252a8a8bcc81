#!/usr/bin/env bash
# The tests start Azure's blob storage of their own. This installs Azurite into .tools/azurite with npm, once, or fails
# and says what is missing. Nothing is skipped silently. FREEHOLD_TEST_AZURITE names one that is installed elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."
version=3.35.0 folder=.tools/azurite

[ -z "${FREEHOLD_TEST_AZURITE:-}" ] || exit 0
if [ "$(cat "$folder/.version" 2>/dev/null)" = "$version" ]; then
    exit 0
fi
if ! command -v npm >/dev/null; then
    echo "freehold: the tests need Azurite, which comes from npm: install Node.js 18 or later." >&2
    echo "Debian and Ubuntu: apt-get install npm. macOS: brew install node." >&2
    exit 1
fi
echo "Installing Azurite $version into $folder …"
mkdir -p "$folder"
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$folder" "azurite@$version" >&2
echo "$version" >"$folder/.version"
