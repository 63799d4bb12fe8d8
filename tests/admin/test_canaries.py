"""A hundred secrets, in headers, addresses and events, with a receiver that repeats all it hears: none of them leaves by the admin API."""

from __future__ import annotations

import base64
import json
import logging
from urllib.parse import quote

import anyio
import httpcore2
import pytest
from doorstep.engine import Engine, load_config
from doorstep.engine.admin.app import resources_of
from doorstep.engine.journal.desk import LetterQuery

pytestmark = [pytest.mark.anyio]

CANARIES = [f"canary-{number:03}-S3cr3t/{number * 7919:06}" for number in range(100)]


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def _echo(stream) -> None:
    """A refusal that holds the whole request: head, body and all."""
    async with stream:
        heard = b""
        try:
            while True:
                heard += await stream.receive()
                head, end, body = heard.partition(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
                )
                if end and len(body) >= length:
                    await stream.send(
                        b"HTTP/1.1 400 X\r\nX-Heard: %s\r\nContent-Length: %d\r\n\r\n" % (head.split()[1], len(heard))
                        + heard
                    )
                    heard = b""
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            pass


def configuration(folder, port: int) -> str:
    parts = [f'[engine]\ndata_dir = "{folder}"\nmax_event_bytes = "1MiB"\n[admin]\nlisten = "127.0.0.1:0"\n']
    for number in range(25):
        plain, custom, query, password = CANARIES[number * 4 : number * 4 + 4]
        parts.append(
            f'[destinations.d{number}]\ntype = "webhook"\n'
            f'settings = {{ url = "http://user:{quote(password, safe="")}@127.0.0.1:{port}/in?token={quote(query, safe="")}", '
            f'headers = {{ X-Key = "Bearer {plain}", X-Own = "{custom}" }} }}\n'
        )
    return "".join(parts)


def own(destination: str) -> list[str]:
    """Those of its settings."""
    number = int(destination[1:])
    return CANARIES[number * 4 : number * 4 + 4]


def hits(text: bytes | str) -> list[str]:
    """Canaries in `text`, as they are, percent-encoded, as JSON has them, or in base64 of any alignment."""
    text = text.decode(errors="replace") if isinstance(text, bytes) else text
    forms = {one: (one, quote(one, safe=""), one.replace("/", "\\/"), *_base64(one)) for one in CANARIES}
    return [one for one, written in forms.items() if any(form in text for form in written)]


def _base64(one: str) -> list[str]:
    return [base64.b64encode(b" " * shift + one.encode()).decode()[4:-4] for shift in range(3)]


def test_the_search_finds_what_it_is_to_find() -> None:
    assert hits(base64.b64encode(f'{{"a":"{CANARIES[3]}"}}'.encode())) == [CANARIES[3]]
    assert hits(quote(CANARIES[4], safe="")) == [CANARIES[4]]


async def test_no_answer_log_metric_or_excerpt_holds_a_secret(folder, caplog) -> None:
    caplog.set_level(logging.DEBUG, logger="doorstep")
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as beside:
        beside.start_soon(listener.serve, _echo)
        async with Engine(load_config(text=configuration(folder / "data", port))) as engine:
            events = [
                {
                    "type": "track",
                    "event": "E",
                    "userId": "u",
                    "messageId": f"m-{at}",
                    "properties": {"seen": CANARIES[at::20]},
                }
                for at in range(20)
            ]
            await engine.submit(events)
            with anyio.fail_after(30):
                while len(await engine.desk.letters(LetterQuery())) < 500:
                    await anyio.sleep(0.05)
            answers = await _everything(engine)
            letters = await engine.desk.letters(LetterQuery(), limit=500)
            await engine.stop(0.5)
        beside.cancel_scope.cancel()
    assert {path: found for path, text in answers.items() if (found := hits(text))} == {}
    assert len(answers) >= 22
    # Events hold all of them, so a receiver repeats some that are no secrets of its destination.
    assert [one.destination for one in letters if set(hits(one.excerpt)) & set(own(one.destination))] == []
    assert hits(caplog.text + str([record.__dict__ for record in caplog.records])) == []


async def test_what_a_proxy_or_receiver_repeats_of_the_credentials_in_an_address_is_masked(folder, caplog) -> None:
    caplog.set_level(logging.DEBUG, logger="doorstep")
    user, password, key, alone = (quote(one, safe="") for one in CANARIES[:4])
    event = {"type": "track", "event": "E", "userId": "u"}
    answers = {}
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    config = (
        f'[engine]\ndata_dir = "{folder / "data"}"\n[admin]\nlisten = "127.0.0.1:0"\n'
        f'[destinations.proxied]\ntype = "webhook"\nsettings = {{ url = "http://127.0.0.1:9/in" }}\n'
        f'proxy = "http://{user}:{password}@127.0.0.1:{port}"\n'
        f'[destinations.keyed]\ntype = "webhook"\nsettings = {{ url = "http://{key}:@127.0.0.1:{port}/in" }}\n'
        f'[destinations.named]\ntype = "webhook"\nsettings = {{ url = "http://{alone}@127.0.0.1:{port}/in" }}\n'
    )
    async with listener, anyio.create_task_group() as beside:
        beside.start_soon(listener.serve, _echo)
        async with Engine(load_config(text=config)) as engine, httpcore2.AsyncConnectionPool() as pool:
            await engine.submit([event])
            with anyio.fail_after(30):
                while len(letters := await engine.desk.letters(LetterQuery())) < 3:
                    await anyio.sleep(0.05)
            for method, path, body in [
                ("GET", "deliveries?limit=500", b""),
                ("GET", "letters", b""),
                ("GET", "configuration", b""),
                ("POST", "tests/send", json.dumps({"event": event}).encode()),
            ]:
                response = await pool.request(method, f"{engine.console_url}admin/v1/{path}", content=body)
                answers[path] = response.content
            await engine.stop(0.5)
        beside.cancel_scope.cancel()
    assert [b"uthorization: " in one.excerpt.encode() for one in letters] == [True] * 3
    assert answers["tests/send"].count(b"HTTP/1.1") >= 3
    assert [one.destination for one in letters if hits(one.excerpt)] == []
    assert {path: found for path, text in answers.items() if (found := hits(text))} == {}
    assert hits(caplog.text + str([record.__dict__ for record in caplog.records])) == []


async def _everything(engine: Engine) -> dict[str, bytes]:
    """Every GET there is, and what tests, dry runs and errors say."""
    answers: dict[str, bytes] = {}
    resources = resources_of(engine.desk, None, None)
    async with httpcore2.AsyncConnectionPool() as pool:

        async def ask(method: str, path: str, body: object = None) -> None:
            content = b"" if body is None else json.dumps(body).encode()
            response = await pool.request(method, engine.console_url.rstrip("/") + path, content=content)
            answers[f"{method} {path}"] = response.content + str(response.headers).encode()

        for one in resources:
            if one.method == "GET" and "stream" not in one.path:
                path = one.path.replace("{id:int}", "1").replace("{name}", "d1").replace("{message_id:path}", "m-1")
                await ask("GET", path)
        for path in ("samples", "configuration", "destinations/d1/configuration", "deliveries?limit=500"):
            await ask("GET", f"/admin/v1/{path}")
        for name in ("d0", "d24"):
            event = {"type": "track", "event": "E", "userId": "u", "properties": {"seen": CANARIES[5]}}
            await ask("POST", "/admin/v1/tests", {"event": event, "destination": name})
            await ask("POST", "/admin/v1/tests/send", {"event": event, "destination": name})
        await ask("POST", "/admin/v1/tests", {"event": {}, "destination": CANARIES[0]})
        await ask("POST", "/admin/v1/replays", {"replay": CANARIES[1]})
        async with pool.stream("GET", f"{engine.console_url}admin/v1/deliveries/stream?last=500") as response:
            async for data in response.aiter_stream():
                answers["stream"] = data
                break
    assert sum(b'"deliveries"' in text for text in answers.values()) >= 2
    return answers
