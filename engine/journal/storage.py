"""Where the journal's slow work is done: in two threads, or, in tests under virtual time, on the spot.

    the loop -> Worker.run(job) -> a thread -> the loop again

One thread writes, one reads: an acknowledgement never waits for a query. A caller that is cancelled leaves; its job is done all the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

import anyio
import anyio.lowlevel

from ..waker import Post, poster

T = TypeVar("T")


class Worker(Protocol):
    """Does one job after the other."""

    async def run(self, job: Callable[[], T]) -> T:
        """What `job` returns or raises, once it is done."""
        ...

    def post(self, job: Callable[[], object]) -> None:
        """Does it after what was given before; nobody waits for it."""
        ...

    async def aclose(self) -> None:
        """After the jobs that were given; there must be no new ones."""
        ...


class OnTheSpot:
    """A worker without a thread: the loop waits for it."""

    async def run(self, job: Callable[[], T]) -> T:
        """See `Worker`."""
        await anyio.lowlevel.checkpoint()
        return job()

    def post(self, job: Callable[[], object]) -> None:
        """See `Worker`."""
        job()

    async def aclose(self) -> None:
        """See `Worker`."""


class Thread:
    """A worker that is a thread. Belongs to the loop it is made in."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._post: Post = poster()
        self._ended = anyio.Event()
        self._thread = threading.Thread(target=self._main, name=f"doorstep {name}", daemon=True)
        self._thread.start()

    async def run(self, job: Callable[[], T]) -> T:
        """See `Worker`."""
        given = _Job(job)
        self._jobs.put(given)
        await given.done.wait()
        if given.error is not None:
            raise given.error
        result: T = given.result
        return result

    def post(self, job: Callable[[], object]) -> None:
        """See `Worker`."""
        self._jobs.put(_Job(job))

    async def aclose(self) -> None:
        """See `Worker`."""
        self._jobs.put(None)
        with anyio.CancelScope(shield=True):
            await self._ended.wait()
        self._thread.join()

    def _main(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job.result = job.work()
            except BaseException as error:
                job.error = error
            self._post(job.done.set)
        self._post(self._ended.set)


class _Job:
    __slots__ = ("done", "error", "result", "work")

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.done = anyio.Event()
        self.result: Any = None
        self.error: BaseException | None = None
