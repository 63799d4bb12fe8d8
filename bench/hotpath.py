"""Where the engine's time goes: a scenario under a profiler, as a list of functions.

py-spy samples from outside, every 2 ms, and hardly disturbs; cProfile counts every call, is always there, and makes Python
code look slower than it is beside C.
"""

from __future__ import annotations

import io
import pstats
import shutil
import sys
import sysconfig
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from .harness import Bench
from .scenario import AsFast, Entrant, Steady

TOOLS = ("py-spy", "cProfile")
_RATE = 500
_IMPORTING = "<frozen importlib"


def default_tool() -> str:
    """py-spy, where it is installed."""
    return TOOLS[0] if py_spy() else TOOLS[1]


def py_spy() -> str | None:
    """Its path: beside the interpreter, or on PATH."""
    return shutil.which("py-spy", path=sysconfig.get_path("scripts")) or shutil.which("py-spy")


def profile(stand: Bench, entrant: Entrant, load: AsFast | Steady, tool: str, top: int) -> list[str]:
    """Runs `entrant` once under `tool`; the `top` functions, the costliest first."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        output = Path(folder) / "profile"
        if tool == "cProfile":
            stand.measure(entrant, load, [sys.executable, "-m", "cProfile", "-o", str(output)])
            return cprofile_lines(output, top)
        sampler = [
            py_spy() or "py-spy",
            "record",
            "--rate",
            str(_RATE),
            "--function",
            "--format",
            "raw",
            "--output",
            str(output),
        ]
        stand.measure(entrant, load, [*sampler, "--", sys.executable])
        return hottest(output.read_text().splitlines(), top)


def cprofile_lines(output: Path, top: int) -> list[str]:
    """cProfile's own table, by time in the function itself."""
    text = io.StringIO()
    pstats.Stats(str(output), stream=text).strip_dirs().sort_stats("tottime").print_stats(top)
    return text.getvalue().splitlines()


def hottest(stacks: Iterable[str], top: int) -> list[str]:
    """From collapsed stacks (`outer;inner 42`): the share of samples in each function itself, and in it or below it.

    Samples of the start, when modules are imported, are left out.
    """
    own: Counter[str] = Counter()
    below: Counter[str] = Counter()
    for stack in [stack for stack in stacks if _IMPORTING not in stack]:
        path, _, count = stack.rpartition(" ")
        frames = path.split(";")
        own[frames[-1]] += int(count)
        below.update(dict.fromkeys(frames, int(count)))
    total = own.total() or 1
    rows = [f"{own[frame] / total:6.1%}  {below[frame] / total:6.1%}  {frame}" for frame, _ in own.most_common(top)]
    return ["  self   total  function", *rows]
