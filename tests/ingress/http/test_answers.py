"""Limits, refusals and rejections over real HTTP: one table, on every backend."""

from __future__ import annotations

import gzip
import json
import time
import zlib
from base64 import b64encode
from typing import Any

import anyio
import pytest
from zlib_ng import gzip_ng

pytestmark = [pytest.mark.anyio, pytest.mark.backends]

EVENT = b'{"userId":"u-1","event":"Signed Up"}'
PAGE = "https://shop.example.com"
KEYS = [
    {"key": "wk-web", "name": "web", "origins": [PAGE]},
    {"key": "wk-app", "name": "app"},
    {"key": "wk-slow", "name": "slow", "rate": "2/s"},
    {"key": "wk-off", "name": "off", "enabled": False},
]


def basic(key: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{key}:".encode()).decode()}


def batch(*events: bytes) -> bytes:
    return b'{"batch":[%s]}' % b",".join(events)


def event_of(size_bytes: int) -> bytes:
    return EVENT[:-1] + b',"properties":{"p":"' + b"x" * (size_bytes - len(EVENT) - 22) + b'"}}'


GZIP = b"\x1f\x8b"
SMALL = {"type": "page", "userId": "u"}
BOMB = gzip_ng.compress(b'{"batch":[' + b" " * 100_000_000 + b"]}")

TAKEN: list[tuple[str, str, bytes, dict[str, str]]] = [
    *((f"/v1/{name}", name, EVENT, {}) for name in ("track", "identify", "page", "screen")),
    ("/v1/group", "group", b'{"userId":"u","groupId":"g"}', {}),
    ("/v1/alias", "alias", b'{"userId":"u","previousId":"p"}', {}),
    ("/v1/delete", "delete", b'{"userId":"u"}', {}),
    ("/v1/t", "track", EVENT, {"Content-Type": "text/plain"}),
    ("/v1/i", "identify", EVENT, {"Content-Type": "text/plain"}),
    ("/v1/p", "page", EVENT, {"Content-Type": "text/plain"}),
    ("/v1/s", "screen", EVENT, {"Content-Type": "text/plain"}),
    ("/v1/g", "group", b'{"userId":"u","groupId":"g"}', {"Content-Type": "text/plain"}),
    ("/v1/a", "alias", b'{"userId":"u","previousId":"p"}', {"Content-Type": "text/plain"}),
    ("/v1/track/", "track", EVENT, {}),
    ("/v1/track?x=1", "track", EVENT, {}),
    ("/v1/batch", "page", batch(json.dumps(SMALL).encode()), {}),
    ("/v1/import", "page", batch(json.dumps(SMALL).encode()), {}),
    ("/v1/b", "page", batch(json.dumps(SMALL).encode()), {"Content-Type": "text/plain"}),
    ("/v1/track", "track", gzip.compress(EVENT), {"Content-Encoding": "gzip"}),
    ("/v1/track", "track", gzip.compress(EVENT), {"Content-Type": "application/x-www-form-urlencoded"}),
    ("/v1/track", "track", gzip.compress(EVENT[:9]) + gzip.compress(EVENT[9:]), {"Content-Encoding": "gzip"}),
    ("/v1/track", "track", zlib.compress(EVENT), {"Content-Encoding": "deflate"}),
    ("/v1/track", "track", EVENT, {"Content-Encoding": "identity", "Expect": "100-continue"}),
    ("/v1/track", "track", event_of(32 * 1024), {}),
    ("/events", "page", json.dumps(SMALL).encode(), {}),
]


def _id(value: object) -> str | None:
    """A body goes without a name: compressed ones hold the time, and each run would collect other tests."""
    return "body" if isinstance(value, bytes) else None


@pytest.mark.parametrize(("path", "type_", "body", "headers"), TAKEN, ids=_id)
async def test_what_is_taken(serve: Any, path: str, type_: str, body: bytes, headers: dict[str, str]) -> None:
    async with serve(name="site") as server:
        async with server.client() as client:
            await client.send(path, body, headers)
            answer = await client.answer()
            if answer.status == 100:
                answer = await client.answer()
    assert answer.status == 200
    assert [event["type"] for event in server.store.events] == [type_]
    assert server.store.sources == ["site"]
    plain = {"accepted": 1, "duplicates": 0, "rejected": 0, "errors": []}
    assert answer.json == (plain if path == "/events" else {"success": True})


REJECTED: list[tuple[str, bytes, list[str]]] = [
    ("/v1/track", b"{}", ["no_user_anon_id"]),
    ("/v1/track", b'{"userId":"u"}', ["event_not_defined"]),
    ("/v1/track", b'{"userId":7,"event":"E"}', ["id_not_string"]),
    ("/v1/track", b'{"userId":"u","event":7}', ["event_not_string"]),
    ("/v1/track", b'{"userId":"u","event":"E","properties":[]}', ["properties_not_object"]),
    ("/v1/identify", b'{"userId":"u","traits":[]}', ["traits_not_object"]),
    ("/v1/page", b'{"userId":"u","name":7}', ["name_not_string"]),
    ("/v1/page", b'{"userId":"u","category":7}', ["category_not_string"]),
    ("/v1/track", b'{"userId":"u","event":"\xff"}', ["not_utf8"]),
    ("/v1/batch", batch(b'{"type":"page"}', b"7", b'{"userId":"u"}', b'{"type":"x","userId":"u"}'),
     ["no_user_anon_id", "not_object", "type_not_defined", "type_unknown"]),
    ("/v1/batch", batch(b'{"type":"page","userId":"\\ud83d"}', b'{"type":"page"}'), ["not_json", "no_user_anon_id"]),
    ("/v1/batch", batch(event_of(32 * 1024 + 1), b'{"type":"page"}'), ["too_large", "no_user_anon_id"]),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "reasons"), REJECTED, ids=_id)
async def test_what_is_answered_200_and_rejected_all_the_same(
    serve: Any, path: str, body: bytes, reasons: list[str]
) -> None:
    async with serve() as server:
        answer = await server.ask(path, body)
    assert (answer.status, answer.json) == (200, {"success": True})
    assert [reason for _, reason in server.store.rejected] == reasons
    assert server.store.lines == []


REFUSED: list[tuple[int, str, str, str, bytes, dict[str, str]]] = [
    (400, "not_json", "POST", "/v1/track", b"", {}),
    (400, "not_json", "POST", "/v1/track", b"{", {}),
    (400, "not_object", "POST", "/v1/track", b"[]", {}),
    (400, "no_batch", "POST", "/v1/batch", EVENT, {}),
    (400, "empty_batch", "POST", "/v1/batch", batch(), {}),
    (400, "too_many_events", "POST", "/v1/batch", batch(*[b"{}"] * 2501), {}),
    (400, "too_large", "POST", "/v1/track", event_of(32 * 1024 + 1), {}),
    (400, "too_deep", "POST", "/v1/track", b'{"a":' * 5000 + b"1" + b"}" * 5000, {}),
    (400, "bad_encoding", "POST", "/v1/track", EVENT, {"Content-Encoding": "gzip"}),
    (400, "bad_encoding", "POST", "/v1/track", gzip.compress(EVENT)[:-9], {"Content-Encoding": "gzip"}),
    (400, "bad_encoding", "POST", "/v1/track", gzip.compress(EVENT) + b"garbage", {"Content-Encoding": "gzip"}),
    (400, "bad_encoding", "POST", "/v1/track", gzip.compress(EVENT) + GZIP, {"Content-Encoding": "gzip"}),
    (400, "bad_encoding", "POST", "/v1/track", zlib.compress(EVENT) * 2, {"Content-Encoding": "deflate"}),
    (400, "not_json", "POST", "/events", b"[{}", {}),
    (400, "too_many_events", "POST", "/events", b"x\n" * 10_001, {}),
    (400, "too_many_events", "POST", "/events", b"[%s]" % b",".join([b"1"] * 10_001), {}),
    (401, "unknown_source", "POST", "/v1/track", EVENT, {"Authorization": ""}),
    (401, "unknown_source", "POST", "/v1/track", EVENT, basic("wk-nobody")),
    (401, "unknown_source", "POST", "/v1/track", EVENT, {"Authorization": "Basic ???"}),
    (401, "unknown_source", "POST", "/v1/track", b'{"writeKey":"wk-app",' + EVENT[1:], basic("wk-nobody")),
    (401, "unknown_source", "POST", "/v1/track", EVENT, {"Authorization": "Bearer of-oauth"}),
    (401, "unknown_source", "POST", "/v1/track", b'{"writeKey":"wk-nobody"}', {"Authorization": "Bearer of-oauth"}),
    (401, "unknown_source", "POST", "/events", b'{"writeKey":"wk-app"}', {"Authorization": "Bearer of-oauth"}),
    (401, "unknown_source", "POST", "/events", b"{}", {"Authorization": ""}),
    (401, "unknown_source", "POST", "/v1/track", b'{"writeKey":"wk-nobody"}', {"Authorization": ""}),
    (403, "origin_not_allowed", "POST", "/v1/track", EVENT, {**basic("wk-web"), "Origin": "https://evil.example"}),
    (404, "source_disabled", "POST", "/v1/track", EVENT, basic("wk-off")),
    (
        404,
        "source_disabled",
        "POST",
        "/v1/track",
        b'{"writeKey":"wk-app",' + EVENT[1:],
        {"Authorization": "Bearer wk-off"},
    ),
    (404, "no_resource", "POST", "/v2/track", EVENT, {}),
    (404, "no_resource", "GET", "/", b"", {}),
    (405, "no_method", "GET", "/v1/track", b"", {}),
    (405, "no_method", "POST", "/v1/projects/wk-app/settings", b"", {}),
    (413, "body_too_large", "POST", "/v1/batch", batch(b" " * 512_001), {}),
    (413, "body_too_large", "POST", "/v1/batch", b"", {"Content-Length": "1000000000000"}),
    (413, "body_too_large", "POST", "/v1/batch", BOMB, {"Content-Encoding": "gzip"}),
    (413, "body_too_large", "POST", "/v1/batch", BOMB * 2, {"Content-Encoding": "gzip"}),
    (413, "body_too_large", "POST", "/v1/batch", gzip.compress(b" " * 256_001) * 2, {"Content-Encoding": "gzip"}),
    (415, "unknown_encoding", "POST", "/v1/track", EVENT, {"Content-Encoding": "br"}),
]


@pytest.mark.parametrize(("status", "code", "method", "path", "body", "headers"), REFUSED, ids=_id)
async def test_what_is_refused_is_answered_at_once_and_counted(
    serve: Any, status: int, code: str, method: str, path: str, body: bytes, headers: dict[str, str]
) -> None:
    async with serve(keys=KEYS) as server, server.client() as client:
        await client.ask("/v1/track", EVENT, basic("wk-app"))  # imports and the like are done now
        started = time.perf_counter()
        answer = await client.ask(path, body, {**basic("wk-app"), **headers}, method)
        took_s = time.perf_counter() - started
    assert (answer.status, answer.json["code"], answer.json["success"]) == (status, code, False)
    assert answer.json["message"]
    assert took_s < 0.1
    assert len(server.store.lines) == 1
    assert server.ingress.statistics().refused == {code: 1}


async def test_a_write_key_is_who_it_is_from_wherever_it_is_written(serve: Any) -> None:
    async with serve(keys=KEYS) as server, server.client() as client:
        for path, body, headers in [
            ("/v1/track", EVENT, basic("wk-web")),
            ("/v1/track", b'{"writeKey":"wk-app",' + EVENT[1:], {}),
            ("/v1/batch", b'{"writeKey":"wk-web","batch":[%s]}' % EVENT, {}),
            ("/events", b"{}", {"Authorization": "Bearer wk-app"}),
            ("/v1/batch", b'{"writeKey":"wk-off","batch":[%s]}' % EVENT, basic("wk-app")),
            ("/v1/batch", b'{"writeKey":"wk-web","batch":[%s]}' % EVENT, {"Authorization": "Bearer of-oauth"}),
            ("/v1/track", b'{"writeKey":"wk-app",' + EVENT[1:], {"Authorization": "bearer of-oauth"}),
            ("/v1/track", b'{"writeKey":"wk-web",' + EVENT[1:], {"Authorization": "Bearer wk-app"}),
        ]:
            assert (await client.ask(path, body, headers)).status in (200, 400)
    assert server.store.sources == ["web", "app", "web", "app", "app", "web", "app", "app"]
    assert b"wk-" not in b"".join(server.store.lines)


async def test_without_keys_any_is_accepted_and_none_too(serve: Any) -> None:
    async with serve(name="site") as server, server.client() as client:
        for headers in ({}, basic("anything"), {"Authorization": "Bearer x", "Origin": "https://any.example"}):
            assert (await client.ask("/v1/track", EVENT, headers)).status == 200
    assert server.store.sources == ["site"] * 3


async def test_what_is_over_the_rate_of_a_key_is_told_when_to_come_again(serve: Any) -> None:
    async with serve(keys=KEYS) as server, server.client() as client:
        statuses = [(await client.ask("/v1/track", EVENT, basic("wk-slow"))).status for _ in range(2)]
        answer = await client.ask("/v1/track", EVENT, basic("wk-slow"))
        other = await client.ask("/v1/track", EVENT, basic("wk-app"))
    assert (statuses, answer.status, other.status) == ([200, 200], 429, 200)
    assert (answer.headers["retry-after"], answer.headers["x-ratelimit-reset"]) == ("1", "1")
    assert answer.json["code"] == "too_many_requests"


async def test_while_nothing_can_be_stored_clients_are_told_to_come_again(serve: Any) -> None:
    async with serve() as server, server.client() as client:
        server.store.has_room = False
        full = await client.ask("/v1/track", EVENT)
        server.store.has_room, server.store.closed = True, True
        closing = await client.ask("/v1/track", EVENT)
    assert (full.status, full.headers["retry-after"], full.json["code"]) == (503, "5", "no_room")
    assert (closing.status, closing.headers["retry-after"], closing.json["code"]) == (503, "5", "closing")
    assert server.store.lines == []


async def test_nobody_waits_for_room_for_long(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorstep.engine.ingress.http.app.ANSWER_S", 0.2)
    async with serve() as server:
        server.store.hold = anyio.Event()
        answer = await server.ask("/v1/track", EVENT)
    assert (answer.status, answer.json["code"]) == (503, "no_room")
    assert server.store.lines == []


async def test_an_error_of_ours_is_a_500_without_a_word_of_it(serve: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with serve() as server:
        server.store._decoder = None
        answer = await server.ask("/v1/track", EVENT)
    assert (answer.status, answer.json["code"]) == (500, "internal")
    assert "NoneType" not in answer.body.decode()
    assert [record.getMessage() for record in caplog.records] == ["a request failed"]


async def test_plain_events_are_answered_line_by_line(serve: Any) -> None:
    async with serve() as server:
        answer = await server.ask("/events", b'{"type":"page","userId":"u" }\nnonsense\n\n{"type":"page"}\n')
        none = await server.ask("/events", b"nonsense")
        empty = await server.ask("/events", b"")
    assert answer.status == 200
    assert answer.json == {
        "accepted": 1,
        "duplicates": 0,
        "rejected": 2,
        "errors": [
            {"line": 2, "reason": "not_json", "detail": "JSON is malformed: invalid character (byte 4)"},
            {"line": 4, "reason": "no_user_anon_id"},
        ],
    }
    assert server.store.lines == [b'{"type":"page","userId":"u" }']
    assert (none.status, none.json["rejected"]) == (400, 1)
    assert (empty.status, empty.json["accepted"]) == (200, 0)


async def test_at_most_a_hundred_bad_lines_are_named(serve: Any) -> None:
    async with serve() as server:
        answer = await server.ask("/events", b"x\n" * 5000)
    assert (answer.json["rejected"], len(answer.json["errors"])) == (5000, 100)


async def test_a_page_may_send_what_its_key_allows(serve: Any) -> None:
    preflight = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    async with serve(keys=KEYS[:1]) as server, server.client() as client:
        asked = await client.ask("/v1/t", b"", preflight, "OPTIONS")
        sent = await client.ask("/v1/t", EVENT, {**basic("wk-web"), "Origin": PAGE})
        refused = await client.ask("/v1/t", b"{", {**basic("wk-web"), "Origin": PAGE})
        server_side = await client.ask("/v1/t", EVENT, basic("wk-web"))
        elsewhere = await client.ask("/v1/t", b"", {**preflight, "Origin": "https://evil.example"}, "OPTIONS")
        denied = await client.ask("/v1/t", EVENT, {**basic("wk-web"), "Origin": "https://evil.example"})
    async with serve(keys=KEYS) as both, both.client() as client:
        not_this_one = await client.ask("/v1/t", EVENT, {**basic("wk-web"), "Origin": "https://evil.example"})
        any_page = await client.ask("/v1/t", EVENT, {**basic("wk-app"), "Origin": "https://evil.example"})
    assert not_this_one.status == 403
    assert "access-control-allow-origin" not in not_this_one.headers
    assert any_page.headers["access-control-allow-origin"] == "https://evil.example"
    assert (asked.status, asked.headers["access-control-allow-origin"]) == (204, PAGE)
    assert "authorization" in asked.headers["access-control-allow-headers"]
    assert (sent.status, sent.headers["access-control-allow-origin"], sent.headers["vary"]) == (200, PAGE, "Origin")
    assert "retry-after" in sent.headers["access-control-expose-headers"]
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (400, PAGE)
    assert server_side.status == 200
    assert "access-control-allow-origin" not in elsewhere.headers
    assert denied.status == 403
    assert "access-control-allow-origin" not in denied.headers
    assert len(server.store.lines) == 2


async def test_the_browsers_sdk_is_told_to_send_here(serve: Any) -> None:
    async with serve(keys=KEYS) as server, server.client() as client:
        answer = await client.ask("/v1/projects/wk-app/settings", method="GET")
        proxied = await client.ask("/v1/projects/wk-app/settings", b"", {"X-Forwarded-Proto": "https"}, "GET")
        odd = await client.ask("/v1/projects/wk-app/settings", b"", {"Host": 'a"b'}, "GET")
        unknown = await client.ask("/v1/projects/nobody/settings", method="GET")
        figures = await client.ask("/v1/m", b'{"series":[]}', basic("wk-app"))
    cloud = answer.json["integrations"]["Segment.io"]
    assert (cloud["apiKey"], cloud["apiHost"], cloud["protocol"]) == ("wk-app", "doorstep.test/v1", "http")
    assert proxied.json["integrations"]["Segment.io"]["protocol"] == "https"
    assert odd.status == 400 or "apiHost" not in odd.json["integrations"]["Segment.io"]
    assert unknown.status == 401
    assert (figures.status, server.store.lines) == (200, [])
