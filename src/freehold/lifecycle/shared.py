"""Sweeps are shared: erasures that wait for their proof at the same time have one search made for all of them.

Whoever gets the turn makes it for everybody who was waiting by then. Each of them had removed its rows before it
came to wait, so the search that begins afterwards speaks for all.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from freehold.kit.problems import Away, InsufficientStorage, Unavailable

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Ticket(Generic[Asked, Answer]):
    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.answer: Answer | None = None
        self.fault: BaseException | None = None


class SharedWork(Generic[Asked, Answer]):
    """One at a time in this process."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._waiting: list[Ticket[Asked, Answer]] = []
        self._list = threading.Lock()

    def ask(self, asked: Asked, work: Callable[[list[Asked]], list[Answer]]) -> Answer:
        """The answer to `asked`: from `work`, called here for all who wait, or from another who called theirs.

        Whatever `work` raises is raised here; the others are told to try again (Unavailable), or to wait (Away,
        InsufficientStorage).
        """
        ticket: Ticket[Asked, Answer] = Ticket(asked)
        with self._list:
            self._waiting.append(ticket)
        with self._turn:
            if ticket.answer is None and ticket.fault is None:
                self._answer_all(work)
        if isinstance(ticket.fault, Away | InsufficientStorage):
            raise type(ticket.fault)(ticket.fault.code, ticket.fault.message)
        if ticket.answer is None:
            raise Unavailable("SharedWorkFailed", "The search that this one shared failed. It will be tried again.")
        return ticket.answer

    def _answer_all(self, work: Callable[[list[Asked]], list[Answer]]) -> None:
        with self._list:
            tickets, self._waiting = self._waiting, []
        try:
            answers = work([ticket.asked for ticket in tickets])
        except BaseException as fault:
            for ticket in tickets:
                ticket.fault = fault
            raise
        for ticket, answer in zip(tickets, answers, strict=True):
            ticket.answer = answer
