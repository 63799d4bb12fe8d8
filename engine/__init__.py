"""Doorstep's engine: events of the Segment spec in, each delivered to every destination that should have it.

    from doorstep.engine import Engine, load_config

    async with Engine(load_config("doorstep.toml")) as engine:     # asyncio or trio
        receipt = await engine.submit(b'{"type": "track", "userId": "u-1", "event": "Signed Up"}')

What is named in `__all__` is the public surface, with `doorstep.engine.sdk` for authors of destinations. The rooms below and
their layers: `app` knows all of them, `model` none.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import Engine
    from .clock import Clock
    from .config import Changes, Config, load_config
    from .errors import Closed, ConfigError, DoorstepError, Problem
    from .functions.testing import FunctionResult, FunctionTester
    from .ingress.http.mounted import tracking_app
    from .model import Rejection
    from .pipeline import Acceptance
    from .telemetry import ActionStatistics, DestinationStatistics, Latency, Statistics

__all__ = [
    "Acceptance",
    "ActionStatistics",
    "Changes",
    "Clock",
    "Closed",
    "Config",
    "ConfigError",
    "DestinationStatistics",
    "DoorstepError",
    "Engine",
    "FunctionResult",
    "FunctionTester",
    "Latency",
    "Problem",
    "Rejection",
    "Statistics",
    "load_config",
    "tracking_app",
]

# A program that has not set up logging sees nothing of ours, as is usual; `doorstep run` sets it up.
logging.getLogger("doorstep").addHandler(logging.NullHandler())

_HOMES = {
    ".app": ("Engine",),
    ".clock": ("Clock",),
    ".config": ("Changes", "Config", "load_config"),
    ".errors": ("Closed", "ConfigError", "DoorstepError", "Problem"),
    ".functions.testing": ("FunctionResult", "FunctionTester"),
    ".ingress.http.mounted": ("tracking_app",),
    ".model": ("Rejection",),
    ".pipeline": ("Acceptance",),
    ".telemetry": ("ActionStatistics", "DestinationStatistics", "Latency", "Statistics"),
}


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first asked for: the whole engine takes 0.2 s, which `doorstep --version`, or a program
    that uses one pure room, need not pay."""
    for module, names in _HOMES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(module, __name__), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
