"""A PostgreSQL server of the tests' own: made with initdb, started with pg_ctl, thrown away at the end."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from itertools import count
from pathlib import Path

import psycopg

FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=64MB", "max_connections=60")


class PostgresServer:
    """One server with any number of databases, each with a name of its own."""

    def __init__(self) -> None:
        self._bin = _bin_folder()
        self._folder = Path(tempfile.mkdtemp(prefix="freehold-pg-"))
        self._user = _unprivileged_user()
        self._names = count(1)
        self.port = _free_port()

    def start(self) -> None:
        """Raises CalledProcessError with the server's own words."""
        if self._user:
            shutil.chown(self._folder, self._user)
        self._folder.chmod(0o700)
        self._run("initdb", "-A", "trust", "-U", "freehold", "--encoding=UTF8", "--locale=C", "-D", self._data)
        options = " ".join(f"-c {each}" for each in (*FAST, f"port={self.port}", "listen_addresses=127.0.0.1"))
        options += f" -k {self._folder}"
        self._run("pg_ctl", "-D", self._data, "-o", options, "-l", str(self._folder / "log"), "-w", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def make_database(self) -> str:
        """URL of a new, empty database."""
        name = f"freehold_{next(self._names)}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._url(name)

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _url(self, name: str) -> str:
        return f"postgresql://freehold@127.0.0.1:{self.port}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        # A server keeps what it inherits: its output goes to a file, so that no pipe stays open.
        with (Path(tempfile.gettempdir()) / f"freehold-pg-{os.getpid()}.out").open("w+") as output:
            done = subprocess.run(
                command, user=self._user, stdout=output, stderr=output, cwd="/", stdin=subprocess.DEVNULL, check=False
            )
            output.seek(0)
            assert done.returncode == 0, f"{program} failed: {output.read()[-2_000:]}"


def _bin_folder() -> Path:
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert folders, "PostgreSQL is missing: run `make postgres`, or install Debian's package `postgresql`."
    return folders[-1].parent


def _unprivileged_user() -> str | None:
    """initdb refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise AssertionError("As root, the tests need a user `postgres` or `nobody` to run PostgreSQL.")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
