"""What the admin API refuses, and how, as any HTTP client sees it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import anyio
import pytest
from doorstep.engine.admin import serve_admin

pytestmark = [pytest.mark.anyio, pytest.mark.backends]


async def ask(folder, method, target, body=b"", *headers):
    """Status and JSON of one request, over a socket of its own."""
    head = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close", *headers]
    if body and not headers:
        head.append(f"Content-Length: {len(body)}")
    async with await anyio.connect_unix(folder / "admin.sock") as stream:
        await stream.send("\r\n".join([*head, "", ""]).encode() + body)
        answer = b""
        with anyio.fail_after(10):
            async for data in stream:
                answer += data
    head, _, content = answer.partition(b"\r\n\r\n")
    if b"chunked" in head.lower():
        content = content.partition(b"\r\n")[2].partition(b"\r\n")[0]
    return int(head.split()[1]), json.loads(content) if content else None


OF_THE_DEAD = (
    "`ids`, `reason` and `destination` are for dead letters; of the journal, ask by `since`, `until` and `where`"
)
REFUSED = [
    ("GET", "/admin/v1/nothing", b"", 404, "no_resource", "GET /admin/v1/nothing: Not Found"),
    ("GET", "/admin/v1/letters/purge", b"", 405, "no_method", "GET /admin/v1/letters/purge: Method Not Allowed"),
    (
        "GET",
        "/admin/v1/destinations/hook/pause",
        b"",
        405,
        "no_method",
        "GET /admin/v1/destinations/hook/pause: Method Not Allowed",
    ),
    (
        "GET",
        "/admin/v1/letters?since=noon",
        b"",
        400,
        "bad_request",
        "Expected `float | null`, got `str` - at `$.since`",
    ),
    (
        "GET",
        "/admin/v1/letters?destinatoin=a",
        b"",
        400,
        "bad_request",
        "Object contains unknown field `destinatoin`",
    ),
    ("GET", "/admin/v1/letters?after=1&after=2", b"", 400, "bad_request", "`after` is there twice"),
    ("POST", "/admin/v1/letters/purge", b"", 400, "bad_request", "Input data was truncated"),
    (
        "POST",
        "/admin/v1/letters/purge",
        b'{"destinatoin":"a"}',
        400,
        "bad_request",
        "Object contains unknown field `destinatoin`",
    ),
    (
        "POST",
        "/admin/v1/replays",
        b'{"replay":{"destination":"a","kind":"dead","query":{"wehre":"x"}}}',
        400,
        "bad_request",
        "Object contains unknown field `wehre` - at `$.replay.query`",
    ),
    *(
        (
            "POST",
            "/admin/v1/replays",
            b'{"replay":{"destination":"a","kind":"dead","rate":%s}}' % rate,
            400,
            "bad_request",
            "Expected `float` >= 1e-05 - at `$.replay.rate`",
        )
        for rate in (b"0", b"-1", b"1e-300")
    ),
    *(
        (
            "POST",
            "/admin/v1/replays",
            b'{"replay":{"destination":"a","kind":"journal","query":%s}}' % query,
            400,
            "bad_request",
            f"{OF_THE_DEAD} - at `$.replay`",
        )
        for query in (b'{"ids":[1]}', b'{"ids":[]}', b'{"reason":"http_400"}', b'{"destination":"b"}')
    ),
    (
        "POST",
        "/admin/v1/replays",
        b'{"replay":{"destination":"a","kind":"dead"},"dryrun":true}',
        400,
        "bad_request",
        "Object contains unknown field `dryrun`",
    ),
    (
        "POST",
        "/admin/v1/letters",
        b'{"letters":[{"destination":1}]}',
        400,
        "bad_request",
        "Expected `str`, got `int` - at `$.letters[0].destination`",
    ),
    ("GET", "/admin/v1/destinations/nobody", b"", 404, "not_found", "no destination nobody"),
]


@pytest.mark.parametrize(("method", "target", "body", "status_code", "code", "message"), REFUSED)
async def test_what_is_wrong_is_said_with_where_and_what(
    folder, desk, looks, method, target, body, status_code, code, message
) -> None:
    async with serve_admin(desk, looks, folder):
        answered = await ask(folder, method, target, body)
    assert answered == (status_code, {"error": {"code": code, "message": message}})
    assert [call for call in desk.calls if call != ("destinations",)] == []


async def test_one_destination_can_be_asked_for(folder, desk, looks) -> None:
    async with serve_admin(desk, looks, folder):
        code, row = await ask(folder, "GET", "/admin/v1/destinations/lake")
        _, hook = await ask(folder, "GET", "/admin/v1/destinations/hook")
    assert (code, row["name"], row["standing"]["paused"], row["live"]) == (200, "lake", False, None)
    assert (hook["live"]["delivered"], hook["live"]["owner"], hook["live"]["lag"]["events"]) == (9, "growth-data", 1)


async def test_a_body_that_says_it_is_too_large_is_refused_unread(folder, desk, looks) -> None:
    async with serve_admin(desk, looks, folder):
        code, body = await ask(folder, "POST", "/admin/v1/letters", b"", "Content-Length: 33554433")
    assert (code, body["error"]["code"]) == (413, "too_large")
    assert body["error"]["message"] == "POST /admin/v1/letters: at most 33554432 bytes at once"


async def test_a_body_that_turns_out_too_large_is_refused(folder, desk, looks) -> None:
    chunk = b"100000\r\n" + b" " * 2**20 + b"\r\n"
    async with serve_admin(desk, looks, folder):
        code, body = await ask(
            folder, "POST", "/admin/v1/letters", chunk * 32 + b"1\r\n \r\n", "Transfer-Encoding: chunked"
        )
    assert (code, body["error"]["code"]) == (413, "too_large")


async def test_bytes_that_are_no_http_disturb_nobody(folder, desk, looks) -> None:
    async with serve_admin(desk, looks, folder):
        async with await anyio.connect_unix(folder / "admin.sock") as stream:
            await stream.send(b"\x16\x03\x01 hello\r\n\r\n")
            assert (await stream.receive()).startswith(b"HTTP/1.1 400 ")
        assert await ask(folder, "GET", "/livez") == (200, {"live": True})


async def test_a_number_that_no_journal_can_keep_is_the_requests_fault(folder, desk, looks) -> None:
    desk.raises = OverflowError("Python int too large to convert to SQLite INTEGER")
    async with serve_admin(desk, looks, folder):
        code, body = await ask(folder, "GET", f"/admin/v1/letters/{2**70}")
    assert (code, body["error"]["code"]) == (400, "bad_request")
    assert body["error"]["message"] == "a number is larger than any that can be kept"


DEEP = b'{"a":' * 5000 + b"1" + b"}" * 5000


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("POST", "tests", b'{"event":%s}'),
        ("POST", "tests/send", b'{"event":%s}'),
        ("POST", "dry-runs", b'{"destination":"hook","edit":{"action":"a","mapping":%s}}'),
        ("POST", "letters", b'{"letters":[{"odd":%s}]}'),
        ("PUT", "letters/1", b'{"event":%s}'),
    ],
)
async def test_json_that_is_nested_too_deeply_is_the_requests_fault(folder, desk, looks, method, target, body) -> None:
    async with serve_admin(desk, looks, folder, bench=SimpleNamespace(test=None)):
        answered = await ask(folder, method, f"/admin/v1/{target}", body % DEEP)
    assert answered == (400, {"error": {"code": "bad_request", "message": "the JSON is nested too deeply"}})
    assert desk.calls == []
