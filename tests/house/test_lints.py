"""Each lint finds the fault it was made for, lets its escape comment through, and leaves its neighbours alone."""

from pathlib import Path, PurePosixPath

import pytest

from scripts.lints.__main__ import LINTS, find_faults, main
from scripts.lints.source import SourceFile

PACKAGE = Path(__file__).parents[2] / "src" / "freehold"

VIOLATIONS = [
    ("clock", "domain/runs/service.py", "import time\nat = time.time()"),
    ("clock", "domain/runs/service.py", "from time import time_ns as now\nat = now()"),
    ("clock", "api/errors.py", "import datetime as dt\nat = dt.datetime.now(dt.UTC)"),
    ("clock", "lifecycle/plan.py", "from datetime import datetime\nat = datetime.utcnow()"),
    ("clock", "client/runs.py", "import uuid\nid = str(uuid.uuid4())"),
    ("clock", "storage/blobs.py", "from uuid import uuid4\nmake = uuid4"),
    ("clock", "storage/blobs.py", "import random\npick = random.choice([1, 2])"),
    ("clock", "storage/metrics.py", "import numpy as np\nnoise = np.random.rand(3)"),
    ("dialect", "domain/runs/queries.py", "def ask(engine):\n    return engine.dialect.name"),
    ("dialect", "lifecycle/proof.py", "from sqlalchemy.dialects.postgresql import insert"),
    ("dialect", "storage/database.py", "import sqlalchemy.dialects.sqlite"),
    ("dialect", "storage/database.py", "def ask(name):\n    return name == 'sqlite'"),
    ("dialect", "storage/database.py", "def ask(name):\n    return name in ('postgresql', 'other')"),
    ("dialect", "app.py", "def ask(url):\n    return url.startswith('postgresql')"),
    ("dialect", "app.py", "def ask(name):\n    match name:\n        case 'sqlite':\n            pass"),
    ("sql", "api/mlflow/runs.py", "import sqlalchemy as sa"),
    ("sql", "api/mlflow/runs.py", "from sqlalchemy import Row"),
    ("sql", "cli/main.py", "import sqlite3"),
    ("sql", "domain/runs/service.py", "import sqlalchemy as sa\nall = sa.select(1)"),
    ("sql", "domain/runs/rules.py", "from sqlalchemy import delete\ngone = delete"),
    ("sql", "domain/runs/service.py", "gone = 'DELETE FROM runs WHERE row_id = 1'"),
    ("commit", "domain/runs/service.py", "def log(db):\n    db.commit()"),
    ("commit", "api/mlflow/runs.py", "def log(db):\n    db.connection.rollback()"),
    ("commit", "lifecycle/erase.py", "def log(db):\n    with db.connection.begin():\n        pass"),
    ("workspace", "domain/runs/queries.py", "from sqlalchemy import select\ndef all(db):\n    return select(1)"),
    (
        "workspace",
        "domain/runs/queries.py",
        "import sqlalchemy as sa\ndef drop(db, run):\n    db.run(sa.delete(run))",
    ),
    ("log", "domain/runs/service.py", "log.info(f'made {run}')"),
    ("log", "domain/runs/service.py", "log.info('made %s', run)"),
    ("log", "domain/runs/service.py", "log.log(20, text)"),
    ("log", "domain/runs/service.py", "_log.warning('made', extra={'run': run})"),
    ("log", "domain/runs/service.py", "log.warning('made', extra={'code': f'{run}'})"),
    ("log", "domain/runs/service.py", "log.warning('made', extra={'code': str(fault)})"),
    ("log", "api/errors.py", "log.warning('asked', extra={'route': request.url.path})"),
    ("log", "api/errors.py", "log.warning('failed', extra={'code': fault.message})"),
    ("log", "api/errors.py", "log.warning('failed', extra=dict(code=1))"),
    ("log", "api/errors.py", "log.exception('failed')"),
    ("log", "api/errors.py", "log.error('failed', exc_info=True)"),
    ("log", "app.py", "say('looked at', extra={'bucket': bucket})"),
    ("place", "lifecycle/spool.py", "def f(data_folder):\n    return data_folder / 'scratch' / 'x'"),
    ("place", "app.py", "HERE = 'server.pid'\ndef f(settings):\n    return settings.data_folder / HERE"),
    ("place", "app.py", "def f(settings, name):\n    return settings.data_folder / f'cache/{name}'"),
    ("star", "lifecycle/tables.py", "asked = 'SELECT * FROM runs'"),
    ("star", "lifecycle/tables.py", "asked = 'SELECT t.* FROM runs AS t'"),
    ("star", "domain/runs/queries.py", "from sqlalchemy import literal_column\nall = literal_column('*')"),
    ("star", "domain/runs/queries.py", "asked = 'SELECT to_jsonb(t) FROM runs AS t'"),
    ("star", "domain/runs/queries.py", "from sqlalchemy import func\ndoc = func.row_to_json"),
    ("star", "api/mlflow/runs.py", "def show(row):\n    return dict(row._mapping)"),
    ("star", "api/mlflow/runs.py", "def show(view):\n    return view._asdict()"),
    ("whole", "lifecycle/spool.py", "def keep(path):\n    return path.open('wb', buffering=0)"),
    ("whole", "cli/export.py", "kept = open('x', mode='ab', buffering=0)"),
    ("whole", "storage/blobs.py", "import os\ndef keep(file, piece):\n    os.write(file, piece)"),
    ("whole", "storage/blobs.py", "from os import write\ndef keep(file, piece):\n    write(file, piece)"),
    ("whole", "cli/export.py", "import os\nkept = os.fdopen(3, 'wb', buffering=0)"),
    ("naming", "domain/utils.py", "x = 1"),
    ("naming", "api/run_helpers.py", "x = 1"),
    ("naming", "common/runs.py", "x = 1"),
]

INNOCENTS = [
    ("kit/clock.py", "import time\nat = time.time_ns()"),
    ("api/server.py", "import time\nat = time.monotonic() + time.perf_counter()"),
    ("storage/keys.py", "import os, secrets\nkey = secrets.token_bytes(32) + os.urandom(2)"),
    ("domain/runs/service.py", "def read(clock, time):\n    return clock.now() + time.time"),
    ("storage/portable.py", "def ask(engine):\n    return engine.dialect.name == 'sqlite'"),
    ("settings.py", "database = 'sqlite:///freehold.db'"),
    (
        "domain/runs/service.py",
        "from typing import Any\nimport sqlalchemy as sa\ndef view(row: sa.Row[Any]):\n    return row",
    ),
    ("domain/runs/service.py", "why = 'Select a run, then delete it from the list.'"),
    ("storage/database.py", "def keep(connection):\n    connection.commit()"),
    (
        "domain/runs/queries.py",
        "from sqlalchemy import select\ndef all(db, workspace):\n    return select(1).where(workspace)",
    ),
    ("domain/runs/queries.py", "def order(columns):\n    return sorted(columns)"),
    ("domain/workspaces/queries.py", "from sqlalchemy import select\ndef all(db):\n    return select(1)"),
    ("records/columns.py", "import sqlalchemy as sa\nJson = sa.JSON()"),
    ("app.py", "log.info('serving', extra={'http_port': port, 'code': type(fault).__name__})"),
    ("api/errors.py", "log.error('unforeseen fault', extra={'route': call.route.path})"),
    ("domain/runs/service.py", "runs.log('made', run)\nlog(run)"),
    ("lifecycle/spool.py", "def f(data_folder, name):\n    return data_folder / 'spools' / name"),
    ("app.py", "def f(settings, name):\n    return settings.data_folder / f'{name}'"),
    ("domain/runs/queries.py", "import sqlalchemy as sa\nnumber = sa.func.count() * 2"),
    ("lifecycle/spool.py", "def read(path):\n    return path.open('rb', buffering=0)"),
    ("lifecycle/spool.py", "def keep(path):\n    return path.open('wb')"),
    ("storage/blobs.py", "import os\ndef keep(file, piece):\n    return os.write(file, piece)"),
    ("lifecycle/holds.py", "def show(row):\n    return row._mapping['name']"),
]


def parsed(where: str, text: str) -> SourceFile:
    return SourceFile(PurePosixPath(where), text)


@pytest.mark.parametrize(("rule", "where", "text"), VIOLATIONS)
def test_planted_violation_is_found(rule: str, where: str, text: str) -> None:
    assert {fault.rule for fault in find_faults(parsed(where, text))} == {rule}


@pytest.mark.parametrize(("rule", "where", "text"), VIOLATIONS)
def test_escape_needs_its_rule_and_a_reason(rule: str, where: str, text: str) -> None:
    def escaped_by(comment: str) -> str:
        return "\n".join(f"{line}  {comment}" for line in text.splitlines())

    assert not find_faults(parsed(where, escaped_by(f"# allow-{rule}: because the planet is round")))
    assert find_faults(parsed(where, escaped_by(f"# allow-{rule}: because")))
    assert find_faults(parsed(where, escaped_by("# allow-nothing: because the planet is round")))


def test_escape_on_the_line_above_counts() -> None:
    above = "import time\n# allow-clock: because the planet is round\nat = time.time()"
    further = "import time\n# allow-clock: because the planet is round\n\nat = time.time()"
    assert not find_faults(parsed("app.py", above))
    assert find_faults(parsed("app.py", further))


@pytest.mark.parametrize(("where", "text"), INNOCENTS)
def test_innocent_neighbour_is_left_alone(where: str, text: str) -> None:
    assert not find_faults(parsed(where, text))


def test_every_lint_has_a_planted_violation() -> None:
    assert {rule for rule, _, _ in VIOLATIONS} == set(LINTS)


def test_runner_fails_on_a_fault_and_on_nothing_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tmp_path) == 1
    (tmp_path / "app.py").write_text("x = 1\n")
    assert main(tmp_path) == 0
    (tmp_path / "app.py").write_text("import time\nx = time.time()\n")
    assert main(tmp_path) == 1
    assert "app.py:2: [clock] time.time outside kit/" in capsys.readouterr().out


def test_package_breaks_no_house_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(PACKAGE) == 0, capsys.readouterr().out
