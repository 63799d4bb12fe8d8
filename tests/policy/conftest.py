"""What the tests of the policies share: envelopes by number and size, and settings decoded the way a configuration is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from doorstep.engine.model.envelope import Envelope, Receipt
from doorstep.engine.model.event import Event
from doorstep.engine.settings import decode_hook

RECEIPT = Receipt("test", 0.0, 0.0)


@pytest.fixture(scope="session")
def envelope() -> Callable[..., Envelope]:
    """`envelope(number, size=9, user="u")`: an envelope whose line counts `size + 1` bytes in a batch."""

    def make(number: int, size: int = 9, user: str = "u") -> Envelope:
        return Envelope(number, b"x" * size, Event("track", userId=user), RECEIPT)

    return make


@pytest.fixture(scope="session")
def toml() -> Callable[[str, type[Any]], Any]:
    """`toml(text, Settings)`: settings as a configuration file would give them."""

    def decode(text: str, type_: type[Any]) -> Any:
        return msgspec.toml.decode(text, type=type_, dec_hook=decode_hook)

    return decode
