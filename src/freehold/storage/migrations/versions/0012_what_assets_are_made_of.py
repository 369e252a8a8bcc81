"""what an asset was made of names no run: the link to its run does, and nothing would where it is of several"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from freehold.records import columns

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ORIGIN = "ExperimentRun"
ASSETS = sa.table(
    "assets", *map(sa.column, ("row_id", "workspace_id", "run_row")), sa.column("document", columns.Json())
)
RUNS = sa.table("runs", *map(sa.column, ("row_id", "workspace_id", "run_id", "data_container_id")))


def upgrade() -> None:
    text, has_several = sa.type_coerce(ASSETS.c.document, sa.Text()), False
    for row in op.get_bind().execute(sa.select(ASSETS).where(text.contains(f'"{ORIGIN}/'))).all():
        names = [_name(each) for each in row.document.get("artifacts") or []]
        if any(name.startswith(f"{ORIGIN}/") for name in names):
            of_one = {name.split("/")[1] for name in names if name.startswith(f"{ORIGIN}/")} <= _its_run(row)
            _change(row, of_one=of_one)
            has_several = has_several or not of_one
    if has_several:
        _withdraw_what_may_name_more()


def _its_run(row: sa.Row[Any]) -> set[str]:
    """The names of its artifacts' container, as clients say it; nothing once it is erased."""
    here = sa.and_(RUNS.c.workspace_id == row.workspace_id, RUNS.c.row_id == row.run_row)
    found = op.get_bind().execute(sa.select(RUNS.c.run_id, RUNS.c.data_container_id).where(here)).first()
    return set(found) if found is not None else set()


def _change(row: sa.Row[Any], *, of_one: bool) -> None:
    made_of = [_without_run(each) for each in row.document["artifacts"]] if of_one else []
    document = row.document | {"artifacts": made_of, "owns": row.document["owns"] and of_one}
    op.execute(ASSETS.update().where(ASSETS.c.row_id == row.row_id).values(document=document))


def _without_run(entry: dict[str, str]) -> dict[str, str]:
    name = _name(entry)
    if not name.startswith(f"{ORIGIN}/"):
        return entry
    container = "/".join(name.split("/")[:2])
    return {"by": "id" if entry.get("id") else "prefix", "tail": name.removeprefix(container)}


def _name(entry: dict[str, str]) -> str:
    return entry.get("id") or entry.get("prefix") or ""


def _withdraw_what_may_name_more() -> None:
    """Kept bags with an asset of several runs: only one of them was noted."""
    covers = " OR ".join(f"{noun}_row IS NOT NULL" for noun in ("asset", "model", "manifest", "image", "service"))
    op.execute(f"UPDATE kept_bags SET state = 'withdrawn' WHERE state IN ('writing', 'ready') AND ({covers})")


def downgrade() -> None:
    raise NotImplementedError("Freehold restores a backup instead of going back a schema.")
