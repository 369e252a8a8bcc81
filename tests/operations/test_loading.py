"""The workflow engine is imported beside requests: it must bring nothing into the libraries that serve them."""

import json
import subprocess
import sys

_LOADED = """
import json, sys
import freehold.app
mapper = lambda: {name for name in sys.modules if name.startswith("sqlalchemy.orm")}
before = mapper()
import dbos
print(json.dumps([sorted(before), sorted(mapper() - before)]))
"""


def test_the_engine_finds_the_mapper_whole_that_every_statement_asks() -> None:
    done = subprocess.run([sys.executable, "-c", _LOADED], check=True, capture_output=True, text=True)
    before, added = json.loads(done.stdout)
    assert "sqlalchemy.orm.exc" in before
    assert added == []
