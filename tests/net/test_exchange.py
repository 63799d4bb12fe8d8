"""What goes over the wire when all is well, the same for both implementations."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import anyio
import pytest
from doorstep.engine.model.exchange import Request, Response
from doorstep.engine.net import Transport, TransportStatistics
from doorstep.engine.version import VERSION

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_requests_one_after_the_other_share_one_connection(open_, serve):
    server = serve(lambda peer: peer.serve(OK))
    async with open_() as transport:
        responses = [await transport.send(Request("POST", server.url, body=b"1"), 5) for _ in range(3)]
        assert transport.statistics().open_connections == 1
    assert responses == [Response(200, {"content-length": "2"}, b"ok")] * 3
    assert (server.connections, len(server.requests)) == (1, 3)


async def test_a_request_goes_out_as_written_with_nothing_added_but_what_http_needs(open_, serve):
    server = serve(lambda peer: peer.serve(OK))
    async with open_() as transport:
        headers = {"X-WeIrD-name": "one", "content-TYPE": "application/json", "Empty": ""}
        await transport.send(Request("POST", server.url + "in?a=1", headers, b"{}"), 5)
    (line, *fields), body = server.requests[0]
    assert line == "POST /in?a=1 HTTP/1.1"
    assert [field.rstrip() for field in fields] == [
        f"Host: 127.0.0.1:{server.port}",
        "X-WeIrD-name: one",
        "content-TYPE: application/json",
        "Empty:",
        f"User-Agent: Doorstep/{VERSION}",
        "Content-Length: 2",
    ]
    assert body == b"{}"


async def test_host_and_user_agent_can_be_chosen_and_framing_cannot(open_, serve):
    server = serve(lambda peer: peer.serve(OK))
    headers = {"host": "other.example", "user-agent": "mine", "Content-Length": "99", "Transfer-Encoding": "chunked"}
    async with open_() as transport:
        await transport.send(Request("PUT", server.url, {**headers, "Connection": "close"}, b"abc"), 5)
    assert server.requests[0] == (
        ["PUT / HTTP/1.1", "host: other.example", "user-agent: mine", "Content-Length: 3"],
        b"abc",
    )


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
async def test_a_body_arrives_byte_for_byte(open_, serve, size):
    server = serve(lambda peer: peer.serve(OK))
    body = bytes(range(256)) * (size // 256) + bytes(range(size % 256))
    async with open_() as transport:
        await transport.send(Request("POST", server.url, body=body), 10)
    assert len(server.requests[0][1]) == size
    assert server.requests[0][1] == body


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [
        ("GET", b"", None),
        ("DELETE", b"", None),
        ("DELETE", b"x", "1"),
        ("PUT", b"x", "1"),
        ("PATCH", b"", "0"),
        ("PROPFIND", b"", None),
    ],
)
async def test_any_method_goes(open_, serve, method, body, length):
    server = serve(lambda peer: peer.serve(OK))
    async with open_() as transport:
        assert (await transport.send(Request(method, server.url, body=body), 5)).body == b"ok"
    lines, received = server.requests[0]
    assert lines[0] == f"{method} / HTTP/1.1"
    assert received == body
    assert [line[16:] for line in lines if line.startswith("Content-Length")] == ([] if length is None else [length])


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_a_body_needs_no_length_and_keeps_the_connection(open_, serve, status):
    server = serve(lambda peer: peer.serve(b"HTTP/1.1 %d None\r\n\r\n" % status))
    async with open_() as transport:
        for _ in range(2):
            assert await transport.send(Request("POST", server.url), 5) == Response(status, {}, b"")
    assert server.connections == 1


async def test_the_answer_to_head_has_no_body(open_, serve):
    server = serve(lambda peer: peer.serve(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"))
    async with open_() as transport:
        for _ in range(2):
            assert (await transport.send(Request("HEAD", server.url), 5)).body == b""
    assert server.connections == 1


async def test_a_redirect_is_returned_not_followed(open_, serve):
    server = serve(lambda peer: peer.serve(b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"))
    async with open_() as transport:
        response = await transport.send(Request("POST", server.url), 5)
    assert (response.status, response.headers["location"]) == (302, "/other")
    assert len(server.requests) == 1


async def test_a_cookie_is_not_sent_back(open_, serve):
    server = serve(lambda peer: peer.serve(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"))
    async with open_() as transport:
        for _ in range(2):
            await transport.send(Request("GET", server.url), 5)
    assert server.requests[0] == server.requests[1]


async def test_response_headers_are_in_lower_case_and_repeated_ones_are_joined(open_, serve):
    answer = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nSet-Cookie: a\r\nx-a: 2\r\nLatin: \xe9\r\nContent-Length: 0\r\n\r\n"
    server = serve(lambda peer: peer.serve(answer))
    async with open_() as transport:
        response = await transport.send(Request("GET", server.url), 5)
    assert response.headers == {"x-a": "1, 2", "set-cookie": "a", "latin": "\xe9", "content-length": "0"}


async def test_informational_responses_are_skipped(open_, serve):
    server = serve(lambda peer: peer.serve(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK))
    async with open_() as transport:
        assert await transport.send(Request("GET", server.url), 5) == Response(200, {"content-length": "2"}, b"ok")


async def test_a_chunked_body_is_put_together_and_keeps_the_connection(open_, serve):
    def behave(peer):
        while peer.request() is not None:
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            peer.send(b"4\r\ndefg\r\n0\r\n\r\n")

    server = serve(behave)
    async with open_() as transport:
        for _ in range(2):
            assert (await transport.send(Request("GET", server.url), 5)).body == b"abcdefg"
    assert server.connections == 1


async def test_a_body_without_length_ends_with_the_connection(open_, serve):
    def behave(peer):
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")

    server = serve(behave)
    async with open_() as transport:
        assert (await transport.send(Request("GET", server.url), 5)).body == b"until the end"
        assert transport.statistics().open_connections == 0


async def test_a_header_of_30_kilobytes_is_read(open_, serve):
    server = serve(lambda peer: peer.serve(b"HTTP/1.1 200 OK\r\nA: %s\r\nContent-Length: 0\r\n\r\n" % (b"x" * 30_000)))
    async with open_() as transport:
        assert len((await transport.send(Request("GET", server.url), 5)).headers["a"]) == 30_000


@pytest.mark.parametrize("encode", [gzip.compress, zlib.compress, lambda data: zlib.compress(data, wbits=-15)])
async def test_an_encoded_body_is_decoded(open_, serve, encode):
    body, name = encode(b"hello"), b"gzip" if encode is gzip.compress else b"deflate"
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (name, len(body))
    server = serve(lambda peer: peer.serve(head + body))
    async with open_() as transport:
        assert (await transport.send(Request("GET", server.url), 5)).body == b"hello"


async def test_a_body_that_is_not_what_its_encoding_says_is_left_as_it_came(open_, serve):
    answer = b"HTTP/1.1 400 Bad\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot gzip"
    server = serve(lambda peer: peer.serve(answer))
    async with open_() as transport:
        assert (await transport.send(Request("GET", server.url), 5)).body == b"not gzip"


async def test_a_url_is_encoded_and_its_fragment_and_user_info_stay_out_of_the_request_line(open_, serve):
    server = serve(lambda peer: peer.serve(OK))
    url = f"http://us%40er:p%C3%A4ss@127.0.0.1:{server.port}/grün/a b?q=ä&r=%2F#part"
    async with open_() as transport:
        await transport.send(Request("GET", url), 5)
        await transport.send(Request("GET", url, {"authorization": "Bearer x"}), 5)
    assert server.requests[0][0][0] == "GET /gr%C3%BCn/a%20b?q=%C3%A4&r=%2F HTTP/1.1"
    assert "Authorization: Basic dXNAZXI6cMOkc3M=" in server.requests[0][0]
    assert [line for line in server.requests[1][0] if line.lower().startswith("auth")] == ["authorization: Bearer x"]


async def test_requests_side_by_side_use_no_more_connections_than_allowed(open_, serve):
    server = serve(lambda peer: peer.serve(OK))

    async def send(transport: Transport) -> None:
        assert (await transport.send(Request("POST", server.url, body=b"1"), 10)).status == 200

    async with open_(connections=3) as transport, anyio.create_task_group() as group:
        for _ in range(30):
            group.start_soon(send, transport)
    assert server.connections <= 3
    assert len(server.requests) == 30


async def test_two_transports_share_no_connection(open_, serve):
    server = serve(lambda peer: peer.serve(OK))
    async with open_() as one, open_() as other:
        await one.send(Request("GET", server.url), 5)
        await other.send(Request("GET", server.url), 5)
    assert server.connections == 2


async def test_statistics_count_every_end_once(open_, serve):
    server = serve(lambda peer: peer.serve(OK, OK.replace(b"200", b"500"), b"garbage\r\n\r\n"))
    async with open_() as transport:
        await transport.send(Request("GET", server.url), 5)
        await transport.send(Request("GET", server.url), 5)
        with pytest.raises(Exception, match="protocol"):
            await transport.send(Request("GET", server.url), 5)
        assert transport.statistics() == TransportStatistics(
            open_connections=0, in_flight=0, requests=3, responses=2, failures=1, cancelled=0
        )
        assert "0 open, 0 in flight, 3 requests" in repr(transport)


async def test_closing_ends_all_connections_and_refuses_what_comes_later(open_, serve):
    server = serve(lambda peer: peer.serve(OK))
    transport = open_()
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(transport.send, Request("GET", server.url), 5)
    await transport.aclose()
    await transport.aclose()
    for _ in range(server.connections):
        assert await anyio.to_thread.run_sync(server.closed_by_client.acquire, True, 5)
    assert transport.statistics().open_connections == 0
    with pytest.raises(anyio.ClosedResourceError):
        await transport.send(Request("GET", server.url), 5)


async def test_a_hundred_transports_open_quickly_and_hold_no_socket(open_: Callable[..., Transport]):
    started = anyio.current_time()
    transports = [open_() for _ in range(100)]
    assert anyio.current_time() - started < 1
    assert sum(transport.statistics().open_connections for transport in transports) == 0
    for transport in transports:
        await transport.aclose()
