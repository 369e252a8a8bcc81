"""What the server remembers of its clock: one row for all processes that serve one database."""

import sqlalchemy as sa

from freehold.domain.clock.rules import Extremes, Looks
from freehold.records.containers import Server
from freehold.storage.transaction import Transaction

_s = Server.c


# allow-workspace: because a clock is the server's
def find(db: Transaction) -> tuple[Looks, Extremes] | None:
    """None before the first look."""
    columns = (_s.looked_at, _s.even_since, _s.latest_at, _s.gone_back_to, _s.put_right_at, _s.fell_from)
    row = db.execute(sa.select(*columns).order_by(_s.row_id).limit(1)).first()
    if row is None or row.looked_at is None:
        return None
    looks = Looks(row.looked_at, row.even_since)
    return looks, Extremes(row.latest_at, row.gone_back_to, row.put_right_at, row.fell_from)


def keep(db: Transaction, looks: Looks, extremes: Extremes) -> None:
    of_clock = looks._asdict() | extremes._asdict()
    of_clock["latest_at"] = of_clock.pop("latest")
    db.execute(Server.table.update().values(of_clock))
