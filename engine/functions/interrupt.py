"""How code of a user's that does not end is found, named and ended: from another thread, between two of its bytecodes.

`PyThreadState_SetAsyncExc` is the one way there is in CPython. It cannot end a call that blocks in C; whoever uses it has to live
with a thread that does not come back.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from pathlib import PurePath
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

GRACE_S = 1.0
"""How long code that was interrupted may take to end."""


class OutOfTime(BaseException):
    """Raised inside of code that ran too long. No `Exception`, so that an honest `except Exception` lets it pass."""


def raise_in(thread_id: int) -> None:
    """Raises OutOfTime in a thread at its next bytecode; nothing happens if it has ended."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), ctypes.py_object(OutOfTime))


def within(limit_s: float, work: Callable[[], T], file: str) -> T:
    """What `work` returns or raises, in a thread of its own. Raises TimeoutError with the line of `file` that it had come to."""
    result: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            result.append(work())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, name=f"doorstep loads {PurePath(file).name}", daemon=True)
    thread.start()
    thread.join(limit_s)
    if thread.is_alive():
        place = place_of_thread(thread.ident or 0, file)
        raise_in(thread.ident or 0)
        thread.join(GRACE_S)
        raise TimeoutError(place)
    if raised:
        raise raised[0]
    return result[0]


# Where in the user's file -----------------------------------------------------------------------------------------


def place_of_thread(thread_id: int, file: str) -> str:
    """The innermost line of `file` that a thread is at: `teams.py:12 in on_track`; "" if it is in none."""
    frame = sys._current_frames().get(thread_id)
    while frame is not None and frame.f_code.co_filename != file:
        frame = frame.f_back
    return _place(frame)


def place_of_coroutine(coroutine: Any, file: str) -> str:
    """The innermost line of `file` that a suspended coroutine waits at."""
    found: FrameType | None = None
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is not None and frame.f_code.co_filename == file:
            found = frame
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return _place(found)


def place_of_error(error: BaseException, file: str) -> tuple[str, int | None]:
    """The innermost line of `file` that an error came through, and its number."""
    place, number = "", None
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename == file:
            number = traceback.tb_lineno
            place = _named(file, number, code.co_name)
        traceback = traceback.tb_next
    return place, number


def _place(frame: FrameType | None) -> str:
    return "" if frame is None else _named(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


def _named(file: str, line: int, name: str) -> str:
    return f"{PurePath(file).name}:{line}" if name == "<module>" else f"{PurePath(file).name}:{line} in {name}"
