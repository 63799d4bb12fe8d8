"""Bad input never stops good input: the corpus of bad lines, mixed 1:1 with good ones, through a real process."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

CORPUS = runpy.run_path(str(Path(__file__).parents[1] / "corpus" / "bad_lines.py"))
BAD: list[tuple[str, bytes, str]] = CORPUS["BAD"]
GIBIBYTE = 2**30
MEBIBYTE = 2**20


def test_every_good_line_arrives_and_every_bad_one_is_counted_with_reason_line_and_source(
    doorstep_cli: Any, receiver: Any, summary_of: Any
) -> None:
    good = [CORPUS["good"](number) for number in range(len(BAD))]
    lines = [line for number, (_, bad, _) in enumerate(BAD) for line in (good[number], bad)]
    assert len({reason for _, _, reason in BAD}) >= 20
    assert len(BAD) >= 80

    done = doorstep_cli(
        "run", "--to", receiver.url(), "--summary", "json", "--log-format", "json", input=b"\n".join(lines) + b"\n"
    )

    assert done.returncode == 3
    assert receiver.lines() == good
    summary = summary_of(done.stdout)
    assert summary["rejected"] == dict(Counter(reason for _, _, reason in BAD))
    told = [json.loads(line) for line in done.stderr.splitlines() if b'"rejected a line"' in line]
    expected = [("stdin", 2 * number + 2, reason) for number, (_, _, reason) in enumerate(BAD)]
    assert sorted((t["source"], t["line"], t["reason"]) for t in told) == sorted(expected)


def test_bad_lines_and_a_line_of_a_gibibyte_cost_no_memory(receiver: Any) -> None:
    good = [CORPUS["good"](number) for number in range(len(BAD))]
    mixed = b"\n".join(line for number, (_, bad, _) in enumerate(BAD) for line in (good[number], bad)) + b"\n"
    clean = b"\n".join(line for line in good for _ in range(2)) + b"\n"
    calm = peak_rss(receiver.url("/calm"), [clean] * 40)
    rough = peak_rss(
        receiver.url("/rough"), [*[mixed] * 20, *[b"x" * MEBIBYTE] * (GIBIBYTE // MEBIBYTE), b"\n", *[mixed] * 20]
    )
    assert len(receiver.lines("/calm")) == 2 * len(receiver.lines("/rough"))
    assert rough - calm <= 50 * MEBIBYTE


def peak_rss(url: str, pieces: list[bytes]) -> int:
    """The most memory that `doorstep run --to URL` held while it was fed `pieces`, in bytes."""
    command = [sys.executable, "-m", "doorstep.engine.cli", "run", "--to", url, "--summary", "json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    assert process.stdin is not None
    limit = threading.Timer(40, process.kill)
    limit.start()
    for piece in pieces:
        process.stdin.write(piece)
    process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    limit.cancel()
    assert process.returncode in (0, 3)
    return usage.ru_maxrss * 1024
