"""The public surface is what it says it is, and light."""

from __future__ import annotations

import subprocess
import sys

import doorstep.engine.sdk as sdk


def test_everything_announced_is_there_and_documented() -> None:
    undocumented = {name for name in sdk.__all__ if not (getattr(sdk, name).__doc__ or "").strip()}
    assert undocumented <= {"Exchange", "Hashing", "Judgement", "Outcome", "Verdict"}, (
        "type aliases have no docstring of their own"
    )
    assert sdk.__all__ == sorted(sdk.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name))


def test_importing_it_needs_no_test_library() -> None:
    code = (
        "import sys, doorstep.engine.sdk, doorstep.engine.sdk.testing;"
        "print(sorted({'pytest', 'hypothesis'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"
