"""Every setting, typed and documented. Flags win over the environment, the environment over `freehold.toml`."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

PREFIX = "FREEHOLD_"
SETTINGS_FILE = "freehold.toml"
POSTGRES = ("postgresql", "postgres")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    data: Annotated[str, Meta(description="folder that holds everything the server keeps")] = "~/.freehold"
    host: Annotated[str, Meta(description="address to listen on")] = "127.0.0.1"
    http_port: Annotated[int, Meta(ge=0, le=65535, description="plain HTTP; bearer tokens on loopback only")] = 8080
    https_port: Annotated[int, Meta(ge=0, le=65535, description="HTTPS with the server's own private CA")] = 8443
    database: Annotated[str, Meta(description="empty: SQLite in the data folder; or a postgresql:// URL")] = ""
    objects: Annotated[
        str,
        Meta(
            description="empty: the data folder; file:///folder, s3://bucket/prefix, az://container/prefix or"
            " gs://bucket/prefix, for this server alone; credentials come from the environment: AWS_…, AZURE_…, …"
        ),
    ] = ""
    keys: Annotated[str, Meta(description="empty: `keys` in the data folder; a folder apart from it is better")] = ""
    public_host: Annotated[str, Meta(description="host name that clients use, if not the address above")] = ""
    original_hosts: Annotated[bool, Meta(description="the certificate is good for Azure's own host names, too")] = True
    log_level: Annotated[str, Meta(pattern="^(debug|info|warning|error)$")] = "info"
    sqlite_driver: Annotated[str, Meta(pattern="^(sqlite3|pysqlite3)$", description="which SQLite build")] = "sqlite3"
    readers: Annotated[int, Meta(ge=1, le=64, description="threads that read the database")] = 4
    max_body: Annotated[int, Meta(ge=1024, description="bytes of a JSON body")] = 1_048_576
    max_object: Annotated[int, Meta(ge=1024, description="bytes of one uploaded object")] = 1 << 40
    max_bag: Annotated[int, Meta(ge=1024, description="bytes of one uploaded bag")] = 1 << 36
    outside_folders: Annotated[
        str, Meta(description="local folders below which datastores may lie, with commas between; empty: none")
    ] = ""
    outside_hosts: Annotated[
        str,
        Meta(description="what datastores and probes may reach though not public: [http://]host[:port], networks"),
    ] = ""
    telemetry: Annotated[bool, Meta(description="keep local records of lifecycle interactions")] = True
    forget_days: Annotated[int, Meta(ge=1, description="how long an erased id stays on the forget list")] = 3650
    niceness: Annotated[
        int,
        Meta(ge=0, le=19, description="how far exports, imports and searches step back; with 0 not for clients either"),
    ] = 10
    spare_worker: Annotated[
        bool, Meta(description="keep one idle process, so that exports, imports and searches begin a second earlier")
    ] = True
    probe_seconds: Annotated[int, Meta(ge=0, description="pause between probes of services; 0: none")] = 60
    sweep_seconds: Annotated[int, Meta(ge=1, description="pause between background sweeps")] = 30

    @property
    def data_folder(self) -> Path:
        return Path(self.data).expanduser().resolve()

    @property
    def key_folder(self) -> Path:
        return Path(self.keys).expanduser().resolve() if self.keys else self.data_folder / "keys"

    @property
    def is_embedded(self) -> bool:
        """SQLite in the data folder: one server process, which alone writes."""
        return not self.database


def load_settings(flags: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    """Settings from flags (None = not given), `FREEHOLD_…` and the data folder's file. Raises ValueError."""
    names = {field.name for field in msgspec.structs.fields(Settings)}
    given = {name: value for name, value in flags.items() if value is not None}
    from_environ = {name: environ[PREFIX + name.upper()] for name in names if PREFIX + name.upper() in environ}
    data = str(given.get("data") or from_environ.get("data") or Settings.data)
    merged = _from_file(Path(data).expanduser() / SETTINGS_FILE) | from_environ | given
    unknown = sorted(merged.keys() - names)
    if unknown:
        raise ValueError(f"Unknown setting {', '.join(unknown)}. The settings are: {', '.join(sorted(names))}.")
    settings = msgspec.convert(merged, Settings, strict=False)
    _refuse_strange_database(settings)
    _refuse_misplaced_keys(settings)
    return settings


def _refuse_strange_database(settings: Settings) -> None:
    """Does not repeat the setting, which may have a password in it, of any characters but `@`."""
    scheme, slashes, rest = settings.database.partition("://")
    where = rest.partition("@")[2] or rest
    try:
        is_known = scheme.partition("+")[0] in POSTGRES and bool(slashes) and (urlsplit(f"//{where}").port or 1) > 0
    except ValueError:
        is_known = False
    if settings.database and not is_known:
        raise ValueError(
            "The setting database is no address of a database. Leave it empty for SQLite in the data folder, or write "
            "postgresql://user@host:port/name."
        )


def _refuse_misplaced_keys(settings: Settings) -> None:
    """No erasure is proved by a search that leaves out the data: the folder of the keys is not searched."""
    objects = settings.objects.removeprefix("file://") if settings.objects.startswith("file://") else ""
    for name, folder in (("data", settings.data_folder), ("objects", Path(objects).resolve() if objects else None)):
        if folder is not None and folder.is_relative_to(settings.key_folder):
            raise ValueError(f"The folder `keys` holds the folder `{name}`. Give the keys a folder of their own.")


def _from_file(path: Path) -> dict[str, object]:
    return tomllib.loads(path.read_text()) if path.is_file() else {}
