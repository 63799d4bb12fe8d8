"""How a thread reaches the event loop: it posts, and never waits for the answer.

`anyio.from_thread` blocks the calling thread until the loop has run the call, and so would tie the two together: a loop that waits for
its thread to end would wait for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

import anyio
import anyio.lowlevel

Post: TypeAlias = Callable[[Callable[[], object]], object]
"""Has the loop call something, soon. From any thread, as long as the loop runs: whoever starts a thread ends it before the loop."""


def poster() -> Post:
    """Of the loop that this is called in."""
    loop: Any = anyio.lowlevel.current_token().native_token
    if isinstance(loop, asyncio.AbstractEventLoop):
        return loop.call_soon_threadsafe
    post: Post = loop.run_sync_soon
    return post


class Waker:
    """Belongs to the loop it is made in. One task waits, any thread wakes it; waking twice is waking once."""

    def __init__(self) -> None:
        self._woken = anyio.Event()
        self._post = poster()

    def wake(self) -> None:
        """From any thread."""
        self._post(self._set)

    async def wait(self) -> None:
        """Until woken, or at once if that happened since the last time. Look again at what you wait for: it may not be there."""
        await self._woken.wait()
        self._woken = anyio.Event()

    def _set(self) -> None:
        self._woken.set()
