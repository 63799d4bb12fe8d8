"""Where and on what a run was made: the processor, the kernel, the interpreter, the commit."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parent.parent
"""The work tree: where children run, and where results and caches are kept."""


class Machine(msgspec.Struct, frozen=True):
    """What makes two results comparable."""

    cpu: str
    cores: int
    kernel: str
    python: str


def this_machine() -> Machine:
    """Read from `/proc` and the interpreter."""
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    cpu = found[1].strip() if found else platform.machine()
    return Machine(cpu, os.cpu_count() or 1, platform.release(), platform.python_version())


def commit() -> str:
    """The commit of the work tree, 12 digits, with `-dirty` if anything but results differs; `unknown` without git."""
    revision = _git("rev-parse", "--short=12", "HEAD")
    if not revision:
        return "unknown"
    changed = _git("status", "--porcelain", "--", ".", ":!bench/results")
    return f"{revision}-dirty" if changed else revision


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
