"""`doorstep demo` shows isolation, on a terminal and off."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
from typing import Any

import uvloop
from doorstep.engine.cli.demo.receivers import Receiver


def test_the_demo_shows_three_receivers_and_that_a_dead_one_harms_nobody(doorstep_cli):
    done = doorstep_cli("demo", "--seconds", "3", "--rate", "1000")
    assert done.returncode == 0, done.stderr.decode()
    shown = done.stdout.decode()
    assert "healthy answers at once, flaky slowly and every fifth time 500, dead not at all" in shown
    assert re.search(r"healthy +working", shown)
    assert re.search(r"dead +(open|trying)", shown)
    assert max(map(len, shown.partition("While")[0].splitlines())) <= 80
    final = {row[0]: row for row in re.findall(r"^(\w+) +\w+ +([\d,]+) +0 +0 +0 +0 ", shown, re.MULTILINE)}
    accepted = re.search(r"accepted ([\d,]+) in", shown)
    assert accepted is not None
    assert {name: row[1] for name, row in final.items()} == dict.fromkeys(("healthy", "flaky", "dead"), accepted[1])
    assert "While dead refused connections, its breaker opened" in shown


def test_the_demo_ends_quietly_when_nobody_reads_it_any_more(command, environment):
    done = subprocess.run(
        ["sh", "-c", '"$0" "$@" demo --seconds 9 | head -1', *command],
        env=environment,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.startswith(b"the console: http://127.0.0.1:")
    assert b"Traceback" not in done.stderr
    assert b"Error" not in done.stderr


def test_an_answer_to_who_has_gone_meanwhile_is_dropped():
    failed: list[dict[str, Any]] = []

    async def leave_early() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: failed.append(context))
        receiver = Receiver(lambda: (b"HTTP/1.1 200 OK\r\n\r\n", 0.05))
        await receiver.listen()
        _, writer = await asyncio.open_connection("127.0.0.1", int(receiver.url.rstrip("/").rsplit(":")[-1]))
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        await asyncio.sleep(0.02)
        writer.transport.abort()
        await asyncio.sleep(0.1)
        receiver.close()

    uvloop.run(leave_early())
    assert failed == []


def test_a_signal_ends_the_demo_early_and_well(start):
    process = start("demo", "--seconds", "0", "--rate", "500")
    process.wait_until_shown("after 2")
    process.signal(signal.SIGINT)
    code, shown = process.end()
    assert code == 0
    assert b"While dead refused connections" in shown
