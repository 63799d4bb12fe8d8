"""The sink counts right and misbehaves as asked: the tallies by themselves, then over a real connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bench.http1 import Request
from bench.paths import BIN_NS, Answer, SinkStats, Tally
from bench.sink import Connection

Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]


def post(target: str, body: bytes) -> bytes:
    return b"POST %b HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (target.encode(), len(body), body)


def request(target: str, body: bytes = b"") -> Request:
    """A request whose body lies somewhere inside a larger buffer, as it does in an inbox."""
    return Request("POST", target, bytearray(b'"messageId"' + body + b'"messageId"'), 11, 11 + len(body))


def events(*ids: str) -> bytes:
    return json.dumps([{"type": "track", "messageId": each} for each in ids], separators=(",", ":")).encode()


def against_a_sink(client: Client) -> Any:
    """What `client` returns, talking to a fresh sink over loopback."""

    async def run() -> Any:
        tally = Tally()
        server = await asyncio.get_running_loop().create_server(lambda: Connection(tally), "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            try:
                return await asyncio.wait_for(client(reader, writer), 10)
            finally:
                writer.close()
                await writer.wait_closed()

    return asyncio.run(run())


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of the next response."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return int(head.split()[1]), await reader.readexactly(length)


async def statistics(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, Any]:
    writer.write(b"GET /stats HTTP/1.1\r\n\r\n")
    paths: dict[str, Any] = json.loads((await answer(reader))[1])["paths"]
    return paths


def test_requests_and_bytes_are_counted_by_path() -> None:
    tally = Tally()
    tally.handle(request("/ok/1", b"12345"))
    tally.handle(request("/ok/1", b"123"))
    tally.handle(request("/ok/2", b"1"))
    paths = tally.statistics().paths
    assert {name: (each.requests, each.bytes, each.first_bytes) for name, each in paths.items()} == {
        "/ok/1": (2, 8, 5),
        "/ok/2": (1, 1, 1),
    }


def test_bytes_are_kept_by_time_of_arrival_where_that_is_asked_for() -> None:
    tally = Tally()
    for _ in range(3):
        tally.handle(request("/ok?pace=1", b"12345"))
    tally.handle(request("/ok/silent", b"12345"))
    paths = tally.statistics().paths
    assert (sum(paths["/ok"].bins.values()), paths["/ok/silent"].bins) == (15, {})
    assert {paths["/ok"].first_ns // BIN_NS, paths["/ok"].last_ns // BIN_NS} >= set(paths["/ok"].bins)


def test_events_are_counted_where_that_is_asked_for_and_only_inside_the_body() -> None:
    tally = Tally()
    tally.handle(request("/ok?count=1", events("a", "b", "c")))
    tally.handle(request("/ok/silent", events("a", "b", "c")))
    assert {name: each.events for name, each in tally.statistics().paths.items()} == {"/ok": 3, "/ok/silent": 0}


def test_unique_ids_and_repeats_are_told_apart_within_and_across_requests() -> None:
    tally = Tally()
    tally.handle(request("/ok?ids=1", events("a", "b", "b")))
    tally.handle(request("/ok?ids=1", events("b", "c")))
    path = tally.statistics().paths["/ok"]
    assert (path.unique, path.repeated) == (3, 2)


def test_latency_runs_from_the_stamp_to_the_arrival() -> None:
    tally = Tally()
    tally.handle(request("/ok?latency=1", b'[{"context":{"sent_at":"0000000000000000000"}},{"context":{}}]'))
    path = tally.statistics().paths["/ok"]
    assert path.stamped == 1
    assert path.p50_ms == path.max_ms == path.last_ns / 1e6


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/ok", Answer(200, 0.0, False)),
        ("/slow?ms=50", Answer(200, 0.05, False)),
        ("/hang/7", Answer(0, 0.0, False)),
        ("/trickle", Answer(200, 0.0, True)),
        ("/status/503", Answer(503, 0.0, False)),
        ("/nonsense", Answer(404, 0.0, False)),
        ("/status/abc", Answer(404, 0.0, False)),
        ("/status/999", Answer(404, 0.0, False)),
        ("/", Answer(404, 0.0, False)),
    ],
)
def test_each_path_behaves_as_its_name_says(target: str, expected: Answer) -> None:
    assert Tally().handle(request(target))[0] == expected


def test_a_flaky_path_fails_at_its_rate() -> None:
    drawn = iter([0.1, 0.2, 0.3, 0.19])
    tally = Tally(random=lambda: next(drawn))
    assert [tally.handle(request("/flaky?rate=0.2"))[0].status for _ in range(4)] == [503, 200, 200, 503]


def test_a_reset_forgets_all_counts() -> None:
    tally = Tally()
    tally.handle(request("/ok?ids=1", events("a")))
    tally.handle(request("/reset"))
    assert tally.statistics().paths == {}
    tally.handle(request("/ok?ids=1", events("a")))
    assert tally.statistics().paths["/ok"].repeated == 0


def test_the_statistics_are_json_of_their_struct() -> None:
    tally = Tally()
    tally.handle(request("/ok", b"1"))
    body = json.loads(tally.handle(request("/stats"))[1])
    assert set(body) == set(SinkStats.__struct_fields__) == {"cpu_s", "paths"}
    assert body["paths"]["/ok"]["requests"] == 1


def test_split_packets_count_as_one_request() -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
        data = post("/ok?count=1", events("a", "b"))
        for start in range(0, len(data), 7):
            writer.write(data[start : start + 7])
            await writer.drain()
            await asyncio.sleep(0)
        assert await answer(reader) == (200, b"{}")
        return await statistics(reader, writer)

    path = against_a_sink(client)["/ok"]
    assert (path["requests"], path["events"], path["bytes"]) == (1, 2, len(events("a", "b")))


def test_pipelined_requests_are_answered_in_order_though_the_first_is_slow() -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
        writer.write(post("/slow?ms=20", b"1") + post("/status/503", b"2") + post("/ok", b"3"))
        return [(await answer(reader))[0] for _ in range(3)]

    assert against_a_sink(client) == [200, 503, 200]


def test_one_that_hangs_answers_nothing_not_even_what_is_behind() -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
        writer.write(post("/slow?ms=1", b"1") + post("/hang", b"2") + post("/ok", b"3"))
        first = await answer(reader)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        return first

    assert against_a_sink(client) == (200, b"{}")


def test_one_that_trickles_begins_a_body_that_is_not_about_to_end() -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
        writer.write(post("/trickle", b"1"))
        head = await reader.readuntil(b"\r\n\r\n")
        return head.split(b"\r\n")[0], b"Content-Length: 1000000" in head, await reader.readexactly(1)

    assert against_a_sink(client) == (b"HTTP/1.1 200 OK", True, b".")


def test_what_is_no_http_ends_the_connection() -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
        writer.write(b'{"type": "track"}\r\n\r\n')
        return await reader.read()

    assert against_a_sink(client) == b""
