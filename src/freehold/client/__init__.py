"""Freehold's own Python client. It imports nothing else of the house, so it can live in any environment.

from freehold.client import Freehold

with Freehold("http://127.0.0.1:8080", token) as freehold:
    operation = freehold.wait(freehold.export("workspace"))
    freehold.fetch_bag(operation.id, "my-bag.tar")
"""

from freehold.client.documents import Certificate, Operation, Plan
from freehold.client.session import Freehold, FreeholdError

__all__ = ["Certificate", "Freehold", "FreeholdError", "Operation", "Plan"]
