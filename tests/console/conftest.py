"""An engine with a journal, its console open, a receiver that can be picky or down; and a browser, where there is one.

The engine lives in a thread with a loop of its own: the browser's driver waits in ours.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from doorstep.engine import Engine, load_config
from doorstep.engine.catalogue import Catalogue
from doorstep.engine.cli.reload import Reloader

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
LIMIT_S = 15.0


class Receiver:
    """Answers 200; 400 at /picky to what has the property `bad`; 500 at /sickly to what is `sick`; 503 at /moody while `is_down`."""

    def __init__(self) -> None:
        self.is_down = False
        self.seen: dict[str, list[Any]] = {}

    async def listen(self) -> int:
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lengths = [line for line in head.split("\r\n") if line.lower().startswith("content-length:")]
                body = json.loads(await reader.readexactly(int(lengths[0].partition(":")[2])))
                status, said = self._judge(head.split()[1].partition("?")[0], body, head)
                writer.write(
                    f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(said.encode())}\r\n\r\n{said}".encode()
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _judge(self, path: str, body: Any, head: str) -> tuple[int, str]:
        if path == "/moody" and self.is_down:
            return 503, "{}"
        if path == "/picky" and "bad" in body.get("properties", {}):
            return 400, '{"error": "bad is not allowed"}'
        if path == "/sickly" and body.get("properties", {}).get("sick"):
            return 500, "{}"
        self.seen.setdefault(path, []).extend(body if isinstance(body, list) else [body])
        return 200, "{}"

    def close(self) -> None:
        self._server.close()


class Running:
    """An engine that runs in a thread, from `start` to `stop`. With a `file` its configuration is written there and read from it."""

    def __init__(
        self, config: Callable[[int], str], file: Path | None = None, receiver: Receiver | None = None
    ) -> None:
        self.receiver = receiver or Receiver()
        self.file = file
        self.url = ""
        self._config = config
        self._ready = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._main, daemon=True)

    def start(self) -> Running:
        self._thread.start()
        assert self._ready.wait(LIMIT_S), "the engine did not start"
        if self._failed:
            raise self._failed
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(LIMIT_S)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """In the engine's loop, from ours."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(LIMIT_S)

    def submit(self, *events: dict[str, Any]) -> None:
        self.run(self.engine.submit(list(events), source="shop"))

    def _main(self) -> None:
        try:
            asyncio.run(self._live())
        except BaseException as error:
            self._failed = error
            self._ready.set()

    async def _live(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        port = await self.receiver.listen()
        self.engine = self._made(port)
        async with self.engine as engine:
            assert engine.console_url is not None
            self.url = engine.console_url
            self._ready.set()
            await self._end.wait()
            await engine.stop(0.1)
        self.receiver.close()

    def _made(self, port: int) -> Engine:
        if self.file is None:
            return Engine(load_config(text=self._config(port)))
        self.file.write_text(self._config(port), encoding="utf-8")
        catalogue = Catalogue.discover()
        config = load_config(self.file, catalogue=catalogue)
        engine = Engine(config, catalogue=catalogue)
        engine.files = Reloader(engine, config, [str(self.file)], catalogue)
        return engine


def until(condition: Callable[[], bool], limit_s: float = 10.0) -> None:
    """Looks again and again."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Closed after this file: while its driver is there, nobody else in this thread can run a loop."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the console is not looked at: no playwright here")
    if not Path(CHROMIUM).exists():
        pytest.skip("the console is not looked at: no chromium here (apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("console")

    def config(port: int) -> str:
        return CONFIG.format(folder=folder / "data", port=port)

    running = Running(config).start()
    yield running
    running.stop()


@pytest.fixture
def open_page(browser: Any, running: Running) -> Iterator[Callable[..., Any]]:
    """Opens a page of the console. At the end: it has complained of nothing, and asked nobody else for anything.

    `refused`: it asks for what will be refused, which the browser by itself complains of.
    """
    contexts, complaints, asked = [], [], []

    def open_page(place: str = "", *, url: str | None = None, refused: bool = False, **options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if message.type in BAD and not (refused and REFUSED.search(message.text))
                else None
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((url or running.url) + place)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith("http://127.0.0.1:")] == []


BAD = ("error", "warning")
REFUSED = re.compile(r"^Failed to load resource: .* status of 4\d\d")

CONFIG = """
[engine]
data_dir = "{folder}"

[admin]
listen = "127.0.0.1:0"

[[ingress]]
type = "stdin"
name = "shop"

[destinations.all]
type = "webhook"
owner = "growth"
settings = {{ url = "http://127.0.0.1:{port}/all" }}

[destinations.orders]
type = "webhook"
trigger = 'type = "track" and event = "Order Completed"'
settings = {{ url = "http://127.0.0.1:{port}/orders" }}

[destinations.picky]
type = "webhook"
settings = {{ url = "http://127.0.0.1:{port}/picky", format = "single" }}

[destinations.moody]
type = "webhook"
settings = {{ url = "http://127.0.0.1:{port}/moody" }}
breaker = {{ consecutive = 1, open = "100ms", max_open = "200ms" }}
retry = {{ attempts = 50, base = "50ms", cap = "100ms", give_up_after = "1h" }}

[destinations.sickly]
type = "webhook"
settings = {{ url = "http://127.0.0.1:{port}/sickly", format = "single" }}
retry = {{ attempts = 5, base = "1h", cap = "2h", give_up_after = "24h" }}

[destinations.chat]
type = "slack"
enabled = false
settings = {{ url = "https://hooks.slack.com/services/T0/B0/not-a-real-one" }}
"""
