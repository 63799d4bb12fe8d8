"""A hundred secrets in headers, addresses and events, with a receiver that repeats all it hears: none of them is in the browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.admin.test_canaries import CANARIES, hits

from .conftest import Receiver, Running, until

pytest.importorskip("playwright.sync_api", reason="the console is not looked at: no playwright here")
pytestmark = pytest.mark.browser


class Parrot(Receiver):
    """Refuses, and repeats what it was sent: head, body and all."""

    def _judge(self, path: str, body: Any, head: str) -> tuple[int, str]:
        return 400, f"I heard {head} {body}"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("canaries")
    running = Running(lambda port: configuration(folder / "data", port), folder / "doorstep.toml", Parrot()).start()
    yield running
    running.stop()


def configuration(folder: Path, port: int) -> str:
    parts = [f'[engine]\ndata_dir = "{folder}"\n[admin]\nlisten = "127.0.0.1:0"\n']
    for number in range(25):
        plain, custom, query, password = CANARIES[number * 4 : number * 4 + 4]
        parts.append(
            f'[destinations.d{number}]\ntype = "webhook"\nsettings = {{ format = "single", '
            f'url = "http://user:{quote(password, safe="")}@127.0.0.1:{port}/in?token={quote(query, safe="")}", '
            f'headers = {{ X-Key = "Bearer {plain}", X-Own = "{custom}" }} }}\n'
        )
    return "".join(parts)


PLACES = [
    "#/",
    "#/events",
    "#/events/m-1",
    "#/tail",
    "#/letters",
    "#/letters/1",
    "#/replays?destination=d0",
    "#/configuration",
    "#/tester?destination=d0",
    *(f"#/destinations/d{number}" for number in (0, 12, 24)),
]


def test_no_page_nor_anything_that_it_was_sent_holds_a_secret(running: Running, open_page) -> None:
    running.submit(*({**EVENT, "messageId": f"m-{at}", "properties": {"seen": CANARIES[at::4]}} for at in range(2)))
    until(lambda: sum(one.dead_lettered for one in running.engine.statistics().destinations.values()) == 50)
    heard: dict[str, bytes] = {}
    page = open_page()
    page.on("response", lambda response: heard.update({response.url: _body(response)}))
    seen = {}
    for place in PLACES:
        page.goto(running.url + place)
        page.wait_for_selector("h1")
        _open_all(page)
        if "tester" in place:
            page.get_by_role("button", name="Run", exact=True).click()
            page.wait_for_selector("section[aria-label='Test at d0']")
        seen[place] = page.evaluate(EVERYTHING)
    page.wait_for_timeout(100)
    assert {place: found for place, text in seen.items() if (found := hits(text))} == {}
    assert {url: found for url, body in heard.items() if (found := hits(body))} == {}
    # That there was something to be found: events and answers are shown, without what is secret in them.
    for place in ("#/events/m-1", "#/letters/1", "#/destinations/d12", "#/configuration", "#/tail"):
        assert "***" in seen[place], place
    assert "I heard" in seen["#/letters/1"]
    assert sum("deliveries" in url for url in heard) >= 4


EVENT = {"type": "track", "event": "Signed Up", "userId": "u-1"}

# Text, attributes, what is typed in, what is stored: all of what a page holds.
EVERYTHING = """() => JSON.stringify([document.documentElement.outerHTML, document.body.innerText, document.title,
  [...document.querySelectorAll("input, textarea, select")].map((one) => one.value),
  {...sessionStorage}, {...localStorage}, document.cookie])"""


def _open_all(page: Any) -> None:
    """What is inside is made when it is opened."""
    page.wait_for_timeout(150)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.wait_for_timeout(50)


def _body(response: Any) -> bytes:
    """Of an answer that has an end."""
    if "stream" in response.url:
        return b""
    body: bytes = response.body()
    return body + str(response.headers).encode()
