"""The statements of the certificate log: certificates in the order of their rows, which are never changed."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from freehold.records.lifecycle import Certificate
from freehold.storage.portable import one_inserter_at_a_time
from freehold.storage.transaction import Transaction


def append_certificate(db: Transaction, values: Mapping[str, Any]) -> None:
    """Rows become visible in the order of their keys: one that came late would stand amid leaves already signed."""
    one_inserter_at_a_time(db.connection, Certificate.table)
    db.execute(sa.insert(Certificate.table).values({**values, "created_at": db.now()}))


def list_certificates(db: Transaction, after: int) -> list[sa.Row[Any]]:
    """`row_id`, `certificate_id`, `jws` of the certificates beyond the row `after`."""
    columns = (Certificate.c.row_id, Certificate.c.certificate_id, Certificate.c.jws)
    found = sa.select(*columns).where(Certificate.c.row_id > after).order_by(Certificate.c.row_id)
    return list(db.execute(found))
