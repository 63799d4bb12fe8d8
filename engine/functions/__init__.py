"""Functions: a user's Python, run for events without being able to harm the engine.

    file -> load_function -> type[FunctionSettings] (its settings, and `function`: the handlers)
    FunctionSink (a destination), InsertFunction (before destinations): batch -> Runtime -> [ Host: a thread, a loop ] -> outcome per event

User code runs in a thread of its own, one hop for each batch, and is never trusted to end: a `Watch` cancels, interrupts or gives up
what takes longer than its limit. Whatever it raises or returns becomes an outcome with the line it came from. It reads real clocks,
for it is real code that passes the time. May import `net`, `policy`, `sdk` and what is below; knows nothing of journals, delivery
or configuration files, which import it.
"""

from __future__ import annotations

from .function import Function, FunctionSettings
from .insert import InsertFunction, Inserts
from .loading import load_function
from .runtime import Bounds
from .settings import InsertSettings
from .sink import FunctionSink, way_out

__all__ = [
    "Bounds",
    "Function",
    "FunctionSettings",
    "FunctionSink",
    "InsertFunction",
    "InsertSettings",
    "Inserts",
    "load_function",
    "way_out",
]
