"""`ro-crate-metadata.json`: RO-Crate 1.2, with every run as a CreateAction of Process Run Crate 0.5.

Written as it streams by. Runs and folders are entities; single artifacts are not, for the manifest and the
tables list them and a crate that did so again would outgrow every reader of JSON-LD.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

CONTEXT = "https://w3id.org/ro/crate/1.2/context"
SPECIFICATION = "https://w3id.org/ro/crate/1.2"
PROCESS_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_STATUS = {
    "completed": "http://schema.org/CompletedActionStatus",
    "failed": "http://schema.org/FailedActionStatus",
    "canceled": "http://schema.org/FailedActionStatus",
}
_ACTIVE = "http://schema.org/ActiveActionStatus"
Entity = dict[str, object]


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder below `data/` that holds something: `path` ends in `/`."""

    path: str
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class RunAction:
    """One run. Times are ISO 8601 or None; `folders` are its results, below `data/`, each ending in `/`.

    `home` stands before its id where several containers may have runs of the same id.
    """

    run_id: str
    name: str
    status: str
    started: str | None
    ended: str | None
    agent: str | None
    folders: tuple[str, ...]
    home: str = ""

    @property
    def reference(self) -> str:
        return f"#run-{self.home}{self.run_id}"


@dataclass(frozen=True, slots=True)
class Crate:
    """What the bag says of itself. The callables give the same answer whenever they are asked."""

    name: str
    description: str
    published: str
    license: str
    server_version: str
    folders: Callable[[], Iterable[Folder]]
    runs: Callable[[], Iterable[RunAction]]


def crate_pieces(crate: Crate) -> Iterator[bytes]:
    """The document, an entity at a time."""
    yield b'{"@context":' + _json(CONTEXT) + b',"@graph":[\n'
    yield _json(_descriptor())
    yield b",\n"
    yield from _root(crate)
    for entity in _entities(crate):
        yield b",\n" + _json(entity)
    yield b"\n]}\n"


def _descriptor() -> Entity:
    return {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": {"@id": SPECIFICATION},
    }


def _root(crate: Crate) -> Iterator[bytes]:
    """The root names every run and folder, so it is streamed as well."""
    head: Entity = {
        "@id": "./",
        "@type": "Dataset",
        "conformsTo": [{"@id": PROCESS_PROFILE}],
        "datePublished": crate.published,
        "description": crate.description,
        "license": {"@id": "#license"},
        "name": crate.name,
        "publisher": {"@id": "#server"},
    }
    yield _json(head)[:-1]
    yield b',"hasPart":['
    yield from _references(folder.path for folder in crate.folders())
    yield b'],"mentions":['
    yield from _references(run.reference for run in crate.runs())
    yield b"]}"


def _references(ids: Iterable[str]) -> Iterator[bytes]:
    for number, entity_id in enumerate(ids):
        yield (b"," if number else b"") + _json({"@id": quote(entity_id, safe="/#")})


def _entities(crate: Crate) -> Iterator[Entity]:
    yield {
        "@id": PROCESS_PROFILE,
        "@type": ["CreativeWork", "Profile"],
        "name": "Process Run Crate",
        "version": "0.5",
    }
    yield {"@id": "#license", "@type": "CreativeWork", "name": "License", "description": crate.license}
    yield {"@id": "#server", "@type": "Organization", "name": f"A Freehold {crate.server_version} server"}
    yield {
        "@id": "#training",
        "@type": "SoftwareApplication",
        "name": "The training program",
        "description": "The code that logged the run. What it said of itself stands among the run's tags.",
        "url": {"@id": "tables/"},
        "version": "not stated",
    }
    for folder in crate.folders():
        yield {
            "@id": quote(folder.path, safe="/"),
            "@type": "Dataset",
            "name": folder.name,
            "description": folder.description,
        }
    yield from _run_entities(crate)


def _run_entities(crate: Crate) -> Iterator[Entity]:
    """Agents are few (members of one workspace); runs may be millions."""
    agents: set[str] = set()
    for run in crate.runs():
        if run.agent is not None and run.agent not in agents:
            agents.add(run.agent)
            yield {"@id": f"#member-{quote(run.agent, safe='')}", "@type": "Person", "name": run.agent}
        yield _action(run)


def _action(run: RunAction) -> Entity:
    action: Entity = {
        "@id": quote(run.reference, safe="/#"),
        "@type": "CreateAction",
        "name": run.name,
        "description": f"Run {run.run_id}",
        "instrument": {"@id": "#training"},
        "actionStatus": {"@id": _STATUS.get(run.status.lower(), _ACTIVE)},
        "result": [{"@id": quote(path, safe="/")} for path in run.folders],
    }
    if run.started:
        action["startTime"] = run.started
    if run.ended:
        action["endTime"] = run.ended
    if run.agent is not None:
        action["agent"] = {"@id": f"#member-{quote(run.agent, safe='')}"}
    return action


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
