"""The `file` destination from outside: what a killed process left behind, and what the next one makes of it."""

from __future__ import annotations

import signal
import time


def test_after_a_kill_every_file_is_whole_and_every_event_is_in_one(start, events, write_config, summary_of, tmp_path):
    write_config(
        '[destinations.archive]\ntype = "file"\nsettings = { folder = "out" }\n'
        'batch = { max_events = 50, max_wait = "1s" }\n'
    )
    out, lines = tmp_path / "out", events(8_000)
    process = start("run")
    process.send(lines)
    deadline = time.monotonic() + 20
    while len(list(out.glob("events.*"))) < 10 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.signal(signal.SIGKILL)
    process.end()
    at_the_kill = {path.name: path.read_bytes() for path in out.glob("events.*")}
    assert 10 <= len(at_the_kill) <= 160

    process = start("run", "--no-input", "--summary", "json")
    code, stdout = process.end()
    assert (code, summary_of(stdout)["destinations"]["archive"]["pending"]) == (0, 0)
    files = {path.name: path.read_bytes() for path in out.iterdir()}
    assert {name: files[name] for name in at_the_kill} == at_the_kill
    assert [name for name in files if name.startswith(".")] == []
    assert all(content.endswith(b"}\n") for content in files.values())
    seen = {line for content in files.values() for line in content.splitlines()}
    assert seen == set(lines[: len(seen)])  # what the journal had when the process was killed
