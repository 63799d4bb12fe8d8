"""Backends of the async tests: virtual time on trio by default, real time on all three for tests marked `backends`."""

from __future__ import annotations

import asyncio
import gc
import os
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

import pytest
import trio
import trio.testing
import uvloop
from hypothesis import HealthCheck, settings

# A machine that is busy is no failure of ours: no deadline for an example, no complaint that making them is slow.
settings.register_profile("doorstep", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("doorstep")


def pytest_configure(config: pytest.Config) -> None:
    """But for what is set up anew nothing is beyond this machine, so nobody's certificates are worth trusting: reading them took 60 of
    the 320 ms that each command needs to start.

    Nor is what is imported and collected garbage: nobody looks for some until that is done."""
    gc.disable()
    if config.option.markexpr != "fresh":
        os.environ["SSL_CERT_FILE"] = os.devnull


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those marked `long` first: one that a worker begins when the others are done is waited for by all."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """What was imported and collected stays until the end: looking through it again and again for garbage took a sixth of a run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(1_000_000, 20, 20)
    gc.enable()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "anyio_backend" not in metafunc.fixturenames:
        return
    if metafunc.definition.get_closest_marker("backends"):
        metafunc.parametrize(
            "anyio_backend",
            [
                pytest.param(("asyncio", {"loop_factory": asyncio.new_event_loop}), id="asyncio"),
                pytest.param(("asyncio", {"loop_factory": uvloop.new_event_loop}), id="uvloop"),
                pytest.param(("trio", {}), id="trio"),
            ],
            scope="module",
        )


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Trio with a clock that jumps to the next timer as soon as every task waits: an hour passes in a moment."""
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Virtual time is run by trio itself. anyio has trio as a guest of a loop of its own, for fixtures that are asynchronous: we have none,
    and it took a quarter of each jump of the clock."""
    backend = pyfuncitem.funcargs.get("anyio_backend")
    options = backend[1] if isinstance(backend, tuple) else {}
    if not iscoroutinefunction(pyfuncitem.obj) or not isinstance(options.get("clock"), trio.testing.MockClock):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    trio.run(partial(pyfuncitem.obj, **arguments), clock=options["clock"])
    return True
