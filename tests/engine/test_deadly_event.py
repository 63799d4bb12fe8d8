"""An event that ends the whole process: found, though nobody is left to tell, and given up; the rest flows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = '''
import json, os, sys
import anyio
from doorstep.engine import Engine, load_config
from doorstep.engine.catalogue import Catalogue, Found
from doorstep.engine.model import Request, Response
from doorstep.engine.sdk.destination import RequestDestination
from doorstep.engine.settings import Settings


class Bomb(RequestDestination[Settings]):
    label, description, Settings = "Bomb", "Ends the process on one event.", Settings

    def request(self, batch):
        if any(b'"m-1477"' in line for line in batch.lines):
            os._exit(9)
        return Request("POST", "http://receiver/", body=b"[" + b",".join(batch.lines) + b"]")


class Transport:
    async def send(self, request, timeout_s):
        with open(sys.argv[2], "ab") as file:
            file.write(b"".join(b"%s\\n" % e["messageId"].encode() for e in json.loads(request.body)))
        return Response(200, {})

    async def aclose(self):
        pass


async def open_transport(net):
    return Transport()


async def main():
    catalogue = Catalogue([Found("bomb", "here", lambda: Bomb)])
    config = load_config(text=f"""
[engine]
data_dir = "{sys.argv[1]}"
[destinations.bomb]
type = "bomb"
start = "oldest"
batch = {{ max_events = 100, max_wait = "10ms" }}
""", catalogue=catalogue)
    async with Engine(config, catalogue=catalogue, open_transport=open_transport) as engine:
        if sys.argv[3] == "first":
            await engine.submit([{"type": "track", "userId": "u", "event": "E", "messageId": f"m-{i}"} for i in range(1500)])
        await engine.drain()
        bomb = engine.statistics().destinations["bomb"]
        print(json.dumps({**bomb.summary(), "dead_reasons": dict(bomb.dead_reasons)}))


anyio.run(main, backend="asyncio")
'''


def test_an_event_that_ends_the_process_is_a_dead_letter_and_the_rest_flows(tmp_path: Path) -> None:
    program, taken = tmp_path / "program.py", tmp_path / "taken"
    program.write_text(PROGRAM)
    lives = 0
    while lives < 20:
        command = [sys.executable, str(program), str(tmp_path / "data"), str(taken), "first" if not lives else "again"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=50)
        lives += 1
        if ended.returncode != 9:
            break
    assert ended.returncode == 0, ended.stderr
    summary = json.loads(ended.stdout)
    assert (summary["dead_lettered"], summary["pending"], summary["parked"]) == (1, 0, 0)
    assert summary["dead_reasons"] == {"process_died": 1}
    assert {f"m-{i}" for i in range(1500)} - set(taken.read_text().split()) == {"m-1477"}
    assert lives <= 15  # three at one watermark, which may take some lives to come to a standstill, and two more
