"""The acceptance of the guard on a network where every hostile address is real: no way leads to the canary that should not.

Sockets, libc's resolver and a name server that changes its mind are the real ones (`fenced.py`), so what a library did behind
the guard's back would be seen. Needs Linux with user namespaces and iproute2; skipped elsewhere. `test_guard.py` needs neither.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.net.fenced import GOOD, SET_UP
from tests.net.hostile import ADDRESSES, METADATA, PUBLIC, SPELLINGS

ROOT = Path(__file__).parents[2]
COUNT = len(ADDRESSES)
UNROUTABLE = 8
"""Multicast and the like, which no connection can be made to anyway."""


def inside(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-ec", script, "sh", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50)


@functools.cache
def can_be_fenced() -> bool:
    if not (shutil.which("unshare") and shutil.which("ip")):
        return False
    return inside("ip link set lo up && ip -6 route add local ::/0 dev lo").returncode == 0


@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
def test_a_canary_at_every_address_is_reached_by_none_that_it_should_not_be(loop: str, tmp_path: Path) -> None:
    if not can_be_fenced():
        pytest.skip("needs unshare, user namespaces and ip")
    run = inside(SET_UP + 'exec "$2" -m tests.net.fenced "$3"', str(tmp_path), sys.executable, loop)
    assert run.returncode == 0, run.stderr
    report: dict[str, Any] = json.loads(run.stdout)

    # The canary is where it should be, and what is public is reached.
    assert report["public"]["outcomes"] == {"200": len(PUBLIC)}
    assert report["configured"]["outcomes"] == {"200": COUNT - len(METADATA) - UNROUTABLE, "unreachable": UNROUTABLE}
    assert sum(report["configured"]["reached"].values()) == COUNT - len(METADATA) - UNROUTABLE

    # Computed: as a literal address, in another spelling, by a name, by a name that has a good address too.
    for way in ("computed", "plain", "mixed"):
        assert report[way] == {"outcomes": {"address_refused": COUNT}, "reached": {}}
    assert report["spelled"]["reached"] == {}
    assert sum(report["spelled"]["outcomes"].values()) == len(SPELLINGS)
    assert set(report["spelled"]["outcomes"]) == {"address_refused", "invalid_url"}
    # Redirected: the answer is returned as it is.
    assert report["redirect"] == {"outcomes": {"307": COUNT}, "reached": {GOOD: COUNT}}
    # Rebound: the name server's first answer is good, every later one is not.
    assert report["first"]["outcomes"] == {"200 address_refused": COUNT}
    assert set(report["first"]["reached"]) == {GOOD}
    # Configured: anywhere but to where clouds give away credentials.
    assert report["configured metadata"] == {"outcomes": {"address_refused": len(METADATA)}, "reached": {}}
