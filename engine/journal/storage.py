"""Where the journal's slow work is done: in two threads, or, in tests under virtual time, on the spot.

    the loop -> Worker.run(job) -> a thread -> the loop again

One thread writes, one reads: an acknowledgement never waits for a query. A caller that is cancelled leaves; its job is done all the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, Protocol, TypeVar, cast

import anyio
import anyio.lowlevel

from ..waker import Post, poster

T = TypeVar("T")
R = TypeVar("R", covariant=True)


class Handle(Protocol[R]):
    """A job that was given."""

    async def result(self) -> R:
        """What it returns or raises, once it is done."""
        ...


class Worker(Protocol):
    """Does one job after the other."""

    def begin(self, job: Callable[[], T]) -> Handle[T]:
        """Gives a job, and waits for nothing."""
        ...

    async def run(self, job: Callable[[], T]) -> T:
        """What `job` returns or raises, once it is done."""
        ...

    async def aclose(self) -> None:
        """After the jobs that were given; there must be no new ones."""
        ...


class OnTheSpot:
    """A worker without a thread: the loop waits for it."""

    def begin(self, job: Callable[[], T]) -> Handle[T]:
        """See `Worker`. It is done at once."""
        given = _Job(job)
        given.do()
        given.done.set()
        return given

    async def run(self, job: Callable[[], T]) -> T:
        """See `Worker`."""
        return await self.begin(job).result()

    async def aclose(self) -> None:
        """See `Worker`."""


class Thread:
    """A worker that is a thread. Belongs to the loop it is made in."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._post: Post = poster()
        self._ended = anyio.Event()
        self._thread = threading.Thread(target=self._main, name=f"doorstep {name}", daemon=True)
        self._thread.start()

    def begin(self, job: Callable[[], T]) -> Handle[T]:
        """See `Worker`."""
        given: _Job[T] = _Job(job)
        self._jobs.put(given)
        return given

    async def run(self, job: Callable[[], T]) -> T:
        """See `Worker`."""
        return await self.begin(job).result()

    async def aclose(self) -> None:
        """See `Worker`."""
        self._jobs.put(None)
        with anyio.CancelScope(shield=True):
            await self._ended.wait()
        self._thread.join()

    def _main(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.do()
            self._post(job.done.set)
        self._post(self._ended.set)


class _Job(Generic[T]):
    __slots__ = ("_work", "done", "error", "outcome")

    def __init__(self, work: Callable[[], T]) -> None:
        self._work: Callable[[], T] | None = work
        self.done = anyio.Event()
        self.outcome: T | None = None
        self.error: BaseException | None = None

    def do(self) -> None:
        """Once. What it was done with is let go of: whoever holds the job may be part of that, and a cycle stays until it is collected."""
        assert self._work is not None
        try:
            self.outcome = self._work()
        except BaseException as error:
            self.error = error
        self._work = None

    async def result(self) -> T:
        await self.done.wait()
        if self.error is not None:
            raise self.error
        return cast(T, self.outcome)
