"""Processes of `doorstep` that begin with all of it imported, which is three quarters of a short command.

    a test -> Warm.popen(arguments) -> the stove: `python warm.py`, one for a run of tests, that has imported everything
           <- the pid of                 its copy (fork), which becomes `doorstep ARGUMENTS`

A copy is a process like any other: with descriptors, a folder, an environment and arguments of its own, a child of ours, ended as any
process of Python is. What it cannot show is what a start from nothing costs, or imports. Linux, for prctl(2).
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, TextIO

COMMAND = [sys.executable, "-m", "doorstep.engine.cli"]
"""Starts `doorstep` from nothing."""
_LONGEST = 1 << 18
"""Of an order, in bytes: an environment and arguments."""
_SET_CHILD_SUBREAPER = 36
"""From prctl(2): whose parent has ended becomes our child."""
_ALSO = [
    "aiohttp",
    "doorstep.destinations.console",
    "doorstep.destinations.webhook",
    "rich.live",
    "rich.table",
    "trio",
    "uvloop",
]
"""What `doorstep` imports once it knows that it is needed."""


class Warm:
    """The stove, and who orders of it."""

    def __init__(self, environment: dict[str, str], *before: str) -> None:
        """With the environment that doorstep is imported in, and a command that runs another, if all is to run under that."""
        self._for_python = _for_python(environment)
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self._orders, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LONGEST)
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        with theirs:
            command = [*before, sys.executable, __file__, str(fd := theirs.fileno())]
            self._stove = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[fd], env=environment)

    def popen(self, arguments: list[str], *, cwd: Path, env: dict[str, str], **streams: Any) -> subprocess.Popen[bytes]:
        """`doorstep ARGUMENTS`; from nothing, if something else is asked of Python itself. `streams` are `stdin`, `stdout` and `stderr`
        of `subprocess.Popen`.
        """
        if _for_python(env) != self._for_python:
            return subprocess.Popen([*COMMAND, *arguments], cwd=cwd, env=env, **streams)
        return _Copy(self, arguments, cwd=cwd, env=env, **streams)

    def run(self, arguments: list[str], *, input: bytes = b"", timeout: float, **options: Any) -> Any:
        """As `subprocess.run(..., capture_output=True)`."""
        options = {"stdin": subprocess.PIPE} | options
        with self.popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
            try:
                out, err = process.communicate(input if options["stdin"] == subprocess.PIPE else None, timeout)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def order(self, order: dict[str, Any], streams: list[int]) -> int:
        """The pid of a process with these as 0, 1 and 2."""
        socket.send_fds(self._orders, [json.dumps(order).encode()], streams)
        return int(self._orders.recv(20))

    def close(self) -> None:
        self._orders.close()
        self._stove.wait(10)


class _Copy(subprocess.Popen[bytes]):
    """All that `subprocess.Popen` does but for how the process begins."""

    def __init__(self, warm: Warm, arguments: list[str], **options: Any) -> None:
        self._warm = warm
        super().__init__(arguments, **options)

    def _execute_child(self, *given: Any) -> None:  # which CPython 3.11 calls with these, by their place
        arguments, cwd, env, pipes = given[0], given[5], given[6], given[10:16]
        streams = [pipe if pipe != -1 else fd for fd, pipe in enumerate((pipes[0], pipes[3], pipes[5]))]
        self.pid = self._warm.order({"arguments": arguments, "folder": os.fspath(cwd), "environment": env}, streams)
        self._child_created = True
        self._close_pipe_fds(*pipes)


def _for_python(environment: dict[str, str]) -> dict[str, str]:
    """What the interpreter itself reads of it, before it imports anything."""
    return {name: value for name, value in environment.items() if name.startswith("PYTHON")}


# The stove -----------------------------------------------------------------------------------------------------------


def serve(orders: socket.socket) -> None:
    """Returns in each copy; where it was called, it ends with who orders."""
    while True:
        message, streams, _, _ = socket.recv_fds(orders, _LONGEST, 3)
        if not message:
            os._exit(0)
        to_read, to_write = os.pipe()
        between = os.fork()
        if not between:
            copy = os.fork()
            if copy:  # and end: so that the copy becomes a child of who set `_SET_CHILD_SUBREAPER`
                os.write(to_write, b"%d" % copy)
                os._exit(0)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for fd in (orders.detach(), to_read, to_write):
                os.close(fd)
            become(streams, **json.loads(message))
            return
        os.waitpid(between, 0)
        orders.send(os.read(to_read, 20))
        for fd in (to_read, to_write, *streams):
            os.close(fd)


def become(streams: list[int], arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    """As Python itself begins: the descriptors, the folder, the environment, the standard streams, the arguments and the path."""
    for fd, stream in enumerate(streams):
        os.dup2(stream, fd)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.stdin = sys.__stdin__ = _text(0, "r", "strict")
    sys.stdout = sys.__stdout__ = _text(1, "w", "strict")
    sys.stderr = sys.__stderr__ = _text(2, "w", "backslashreplace")
    sys.argv[1:] = arguments
    sys.path[0] = folder


def _text(fd: int, mode: str, errors: str) -> TextIO:
    return open(fd, mode, 1 if fd == 2 or os.isatty(fd) else -1, "utf-8", errors, "\n", closefd=False)


def import_everything() -> None:
    """All rooms of the engine, which import nothing that is only for tests."""
    import doorstep.engine.cli

    for module in pkgutil.iter_modules(doorstep.engine.cli.__path__, "doorstep.engine.cli."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in _ALSO:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for who runs the tests; they end us
    import_everything()
    serve(socket.socket(fileno=int(sys.argv[1])))
    from doorstep.engine.cli import main

    main()
