"""Lists of pipeline objects of one kind, in one answer or in pages."""

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from freehold.api.azure2020.pipeline_routes import ListAsked
from freehold.api.entry import Call
from freehold.domain.documents.queries import Paging
from freehold.storage.transaction import Transaction

Found = tuple[list[Any], list[Any] | None]
"""Documents of a page, and the place where the next begins."""
Page = Callable[[Transaction, Paging, bool], Found]
"""Reads a page: with the paging, and whether only active ones are asked for."""


async def answer_list(call: Call, page: Page) -> Response:
    asked = ListAsked(call)
    paging = asked.paging()

    def read(db: Transaction) -> Found:
        value, place = page(db, paging, asked.active_only)
        while place is not None and asked.goes_on():
            more, place = page(db, paging._replace(after=place), asked.active_only)
            value += more
        return value, place

    return asked.answer(*await call.services.database.read(read))
