"""Functions as files, and a runtime to run them in. Real time: it is a user's code that passes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from doorstep.engine.functions import Bounds, FunctionSink, load_function
from doorstep.engine.model import Batch
from doorstep.engine.sdk.testing import batch_of

LIMIT_S = 0.2

WriteFunction = Callable[[str], str]
OpenSink = Callable[..., AbstractAsyncContextManager[FunctionSink]]


@pytest.fixture
def anyio_backend() -> str:
    """Threads pass real time: a clock that jumps would only jump over them."""
    return "asyncio"


@pytest.fixture
def write_function(tmp_path: Path) -> WriteFunction:
    def write(text: str) -> str:
        path = tmp_path / "teams.py"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def open_sink(write_function: WriteFunction) -> OpenSink:
    """`async with open_sink(text)`: a function as a destination, with a short limit."""

    @asynccontextmanager
    async def opened(
        text: str, *, calls: int = 1, limit_s: float = LIMIT_S, **others: Any
    ) -> AsyncIterator[FunctionSink]:
        struct = load_function(write_function(text))
        sink = FunctionSink(struct(), bounds=Bounds(calls=calls, limit_s=limit_s), **others)
        await sink.open()
        try:
            yield sink
        finally:
            await sink.close()

    return opened


@pytest.fixture
def tracks() -> Callable[..., Batch]:
    """`tracks("ok", "spin")`: track events of these names."""
    return lambda *names: batch_of(*({"type": "track", "event": name, "userId": "u-1"} for name in names))
