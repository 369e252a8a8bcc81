#!/usr/bin/env bash
# Writes requirements/{build,runtime,demo,dev,peers}.txt: universal locks with hashes and no index address; and sdk.txt,
# for one place.
# Usage: scripts/lock.sh UV [--upgrade]. Without --upgrade, versions that are locked already stay if they still fit.
set -euo pipefail
uv=$(realpath "$1")
shift
cd "$(dirname "$0")/../requirements"
options=(--quiet --no-header --no-annotate --no-emit-index-url)
universal=(--universal --generate-hashes --python-version 3.11)

# The largest set is resolved first and constrains the others, so that all agree on every version.
"$uv" pip compile "${options[@]}" "${universal[@]}" "$@" -c constraints.in \
    build.in runtime.in demo.in dev.in --output-file dev.txt
"$uv" pip compile "${options[@]}" "${universal[@]}" "$@" -c dev.txt \
    build.in runtime.in demo.in --output-file demo.txt
"$uv" pip compile "${options[@]}" "${universal[@]}" "$@" -c dev.txt build.in runtime.in --output-file runtime.txt
"$uv" pip compile "${options[@]}" "${universal[@]}" "$@" -c dev.txt build.in --output-file build.txt
"$uv" pip compile "${options[@]}" "${universal[@]}" "$@" --no-deps -c dev.txt peers.in --output-file peers.txt

# The SDK of the tests stands apart, for the one place where all of it has wheels (scripts/sdk.sh).
"$uv" pip compile "${options[@]}" --generate-hashes --only-binary :all: --python-version 3.11 \
    --python-platform x86_64-manylinux_2_28 "$@" sdk.in --output-file sdk.txt

# A wheel must exist for every place we promise: building from source would need a compiler there.
# bagit is pure Python and published as source only; build.in holds what building it takes.
for python in 3.11 3.12 3.13 3.14; do
    for platform in x86_64-manylinux_2_28 aarch64-manylinux_2_28 x86_64-apple-darwin aarch64-apple-darwin; do
        "$uv" pip compile "${options[@]}" --only-binary :all: --no-binary bagit \
            --python-version "$python" --python-platform "$platform" -c dev.txt \
            build.in runtime.in demo.in dev.in >/dev/null
    done
done
