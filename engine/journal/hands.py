"""The journal's two threads as the desk uses them: questions go to the one that reads, changes to the one that writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import apsw

from ..errors import JournalError
from .blob import Damaged
from .queries import Queries
from .rows import first_row
from .storage import Worker
from .store import Store
from .translating import translated

T = TypeVar("T")


class Hands:
    """Opens and closes nothing. Raises JournalError for a file that fails, or that is damaged where it was asked."""

    def __init__(self, store: Store, queries: Queries, writer: Worker, reader: Worker) -> None:
        self.store = store
        self._queries = queries
        self._writer, self._reader = writer, reader
        self._id = ""

    async def read(self, question: Callable[[apsw.Connection], T]) -> T:
        """What `question` finds."""
        return await self._run(self._reader, lambda: question(self._queries.connection))

    async def write(self, job: Callable[[apsw.Connection], T]) -> T:
        """Does `job` in a transaction of its own: all of it, or nothing."""
        return await self.work(lambda: self._write(job))

    async def work(self, job: Callable[[], T]) -> T:
        """Does `job`, which uses the store, in the store's thread."""
        return await self._run(self._writer, job)

    async def journal_id(self) -> str:
        """Part of the key of an event without `messageId`."""
        if not self._id:
            self._id = await self.read(lambda connection: str(first_row(connection, "SELECT id FROM journal")[0]))
        return self._id

    def _write(self, job: Callable[[apsw.Connection], T]) -> T:
        result = self.store.work(job)
        self.store.checkpoint_if_due()
        return result

    async def _run(self, worker: Worker, work: Callable[[], T]) -> T:
        def run() -> T:
            with translated():
                return work()

        try:
            return await worker.run(run)
        except Damaged as error:
            raise JournalError(f"the journal is damaged: {error}; `doorstep journal verify` says where") from error
