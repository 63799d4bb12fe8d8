"""The corpus of bad lines, loaded by path because tests don't import each other."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

_TESTS = Path(__file__).parent.parent
_CORPUS = runpy.run_path(str(_TESTS / "corpus" / "bad_lines.py"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "bad_line" in metafunc.fixturenames:
        rows = [pytest.param(line, reason, id=name) for name, line, reason in _CORPUS["BAD"]]
        metafunc.parametrize(("bad_line", "reason"), rows)


@pytest.fixture(scope="session")
def corpus() -> dict[str, Any]:
    """What is in `tests/corpus/bad_lines.py`: `BAD` and `good`."""
    return _CORPUS


@pytest.fixture(scope="session")
def sdk_events() -> list[bytes]:
    """The 63 events that real SDKs sent."""
    return (_TESTS / "data" / "sdk-events.ndjson").read_bytes().splitlines()
