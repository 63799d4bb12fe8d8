"""A dead letter, mended by a mapping, through the whole engine: given up, changed, delivered under its own id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from doorstep.engine import Engine, load_config
from doorstep.engine.journal.desk import LetterQuery, Replay

MEND = json.dumps(
    {
        "@merge": {
            "direction": "right",
            "objects": [{"@path": "$."}, {"properties": {"amount": {"@path": "$.properties.amout"}}}],
        }
    }
)
EVENT = {"type": "track", "event": "Paid", "userId": "u-1", "messageId": "m-1", "properties": {"amout": 5}}


@pytest.mark.anyio
@pytest.mark.backends
async def test_what_was_given_up_is_delivered_as_the_mapping_mends_it(receiver: Any, tmp_path: Path) -> None:
    text = f"""
        [engine]
        data_dir = "{tmp_path / "data"}"
        [destinations.hook]
        type = "webhook"
        settings = {{ url = "{receiver.url}" }}
    """
    receiver.status = 400
    async with Engine(load_config(text=text)) as engine:
        await engine.submit(EVENT)
        with anyio.fail_after(10):
            while not (letters := await engine.desk.letters(LetterQuery())):
                await anyio.sleep(0.02)
        [letter] = letters
        assert (letter.message_id, receiver.bodies) == ("m-1", [])
        receiver.status = 200
        await engine.desk.replay(Replay(destination="hook", kind="dead", mapping=MEND))
        with anyio.fail_after(10):
            while not receiver.bodies:
                await anyio.sleep(0.02)
        assert await engine.desk.letters(LetterQuery()) == []
    assert [json.loads(body) for body in receiver.bodies] == [[{**EVENT, "properties": {"amount": 5}}]]
