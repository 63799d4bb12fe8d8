"""`[network] allow`, seen from outside: where events may lead a destination whose hosts they name."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from doorstep.engine import Engine, load_config
from doorstep.engine.catalogue import Catalogue, Found
from doorstep.engine.sdk import Batch, Limits, Request, RequestDestination, Settings, decode_event

pytestmark = [pytest.mark.anyio, pytest.mark.backends]


class Anywhere(RequestDestination[Settings]):
    """Sends each event to where it says."""

    label = "Anywhere"
    description = "For tests."
    Settings = Settings
    limits = Limits(max_events=1)

    def request(self, batch: Batch) -> Request:
        url = decode_event(batch.envelopes[0])["properties"]["url"]
        return Request("POST", url, body=batch.envelopes[0].line, guarded=True)


CATALOGUE = Catalogue([Found("anywhere", "here", lambda: Anywhere)])


def config(*allow: str) -> Any:
    text = f'[engine]\ndurability = "memory"\n[network]\nallow = {list(allow)}\n[destinations.a]\ntype = "anywhere"\n'
    return load_config(text=text, catalogue=CATALOGUE)


def event(url: str) -> dict[str, Any]:
    return {"type": "track", "userId": "u", "event": "E", "properties": {"url": url}}


async def test_an_event_leads_only_to_networks_that_are_allowed_and_a_reload_is_obeyed(receiver: Any) -> None:
    async with Engine(config(), catalogue=CATALOGUE) as engine:

        async def settled(url: str) -> Any:
            await engine.submit(event(url))
            with anyio.fail_after(10):
                while (state := engine.statistics().destinations["a"]).pending or state.parked:
                    await anyio.sleep(0.01)
            return state.delivered, dict(state.dead_reasons)

        assert await settled(receiver.url) == (0, {"address_refused": 1})
        changed = engine.reload(config("127.0.0.0/8"))
        assert changed.changed == {"a": ["network.allow"]}
        assert await settled(receiver.url) == (1, {"address_refused": 1})
        assert await settled("http://169.254.169.254/") == (1, {"address_refused": 2})
        engine.reload(config("10.0.0.0/8"))
        assert await settled(receiver.url) == (1, {"address_refused": 3})
    assert len(receiver.bodies) == 1
