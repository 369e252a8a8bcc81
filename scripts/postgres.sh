#!/usr/bin/env bash
# The tests start a PostgreSQL of their own with initdb and pg_ctl. This finds the two, installs Debian's package
# where one is root, or fails and names it. Nothing is skipped silently.
set -euo pipefail

newest() { # the folder of the newest initdb: on PATH, or where Debian, Red Hat and Homebrew put it
    local initdb
    for initdb in "$(command -v initdb || true)" /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb \
        /opt/homebrew/opt/postgresql@*/bin/initdb /usr/local/opt/postgresql@*/bin/initdb; do
        if [ -x "$initdb" ] && [ -x "$(dirname "$initdb")/pg_ctl" ]; then
            echo "$("$initdb" --version | grep -oE '[0-9]+' | head -1) $(dirname "$initdb")"
        fi
    done | sort -n | tail -1
}

install() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "freehold: the tests need PostgreSQL 15 or later (initdb and pg_ctl)." >&2
        echo "Debian and Ubuntu: apt-get install postgresql. macOS: brew install postgresql@17." >&2
        exit 1
    fi
    echo "Installing Debian's package postgresql for the tests …"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null
}

found=$(newest)
if [ -z "$found" ]; then
    install
    found=$(newest)
fi
if [ "${found%% *}" -lt 15 ]; then
    echo "freehold: PostgreSQL ${found%% *} in ${found#* } is too old; the tests need 15 or later (package postgresql)." >&2
    exit 1
fi
