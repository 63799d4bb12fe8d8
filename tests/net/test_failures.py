"""Servers that misbehave: each failure has one name, whichever implementation meets it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
import sniffio
import trio
from doorstep.engine.errors import Fault, TransportError
from doorstep.engine.model.exchange import Request
from doorstep.engine.net import Transport

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def code_of(transport: Transport, url: str, timeout_s: float = 5, method: str = "POST") -> str:
    with pytest.raises(TransportError) as caught:
        await transport.send(Request(method, url, body=b"{}"), timeout_s)
    assert transport.statistics().in_flight == 0
    return caught.value.code


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is taken, so that nobody comes to listen on it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port whose backlog is full: the kernel drops every further attempt to connect."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        yield listener.getsockname()[1]
        for filler in fillers:
            filler.close()


async def test_nobody_listens(open_, closed_port):
    async with open_() as transport:
        assert await code_of(transport, f"http://127.0.0.1:{closed_port}/") == "connect_refused"


async def test_a_connection_that_is_never_made_times_out_as_such(open_, full_port):
    async with open_() as transport:
        started = anyio.current_time()
        assert await code_of(transport, f"http://127.0.0.1:{full_port}/", 0.6) == "connect_timeout"
        assert anyio.current_time() - started < 1.2


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (socket.EAI_NONAME, "unknown_host"),
        (socket.EAI_NODATA, "unknown_host"),
        (socket.EAI_AGAIN, "resolver"),
        (socket.EAI_FAIL, "resolver"),
    ],
)
async def test_an_unknown_host_is_told_from_a_resolver_in_trouble(open_, monkeypatch, number, code):
    class Resolver(trio.abc.HostnameResolver):
        async def getaddrinfo(self, *args: object, **kwargs: object) -> Any:
            raise socket.gaierror(number, "no luck")

        async def getnameinfo(self, *args: object) -> Any:
            raise NotImplementedError

    if sniffio.current_async_library() == "asyncio":
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", Resolver().getaddrinfo)
    else:
        trio.socket.set_custom_hostname_resolver(Resolver())
    async with open_() as transport:
        assert await code_of(transport, "http://receiver.example/") == code


async def test_headers_that_never_come(open_, serve):
    server = serve(lambda peer: peer.hold())
    async with open_() as transport:
        started = anyio.current_time()
        assert await code_of(transport, server.url, 0.15) == "timeout"
        assert 0.1 < anyio.current_time() - started < 0.5
        assert transport.statistics().open_connections == 0


async def test_a_body_that_comes_byte_by_byte_is_cut_off_by_the_same_deadline(open_, serve):
    def behave(peer):
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        while True:
            peer.send(b"x")
            threading.Event().wait(0.01)

    server = serve(behave)
    async with open_() as transport:
        started = anyio.current_time()
        assert await code_of(transport, server.url, 0.15) == "timeout"
        assert 0.1 < anyio.current_time() - started < 0.5
    assert await anyio.to_thread.run_sync(server.closed_by_client.acquire, True, 5)


async def test_a_request_body_that_nobody_reads_is_cut_off_too(open_, serve):
    released = threading.Event()
    server = serve(lambda peer: released.wait(5))
    async with open_() as transport:
        with pytest.raises(TransportError, match="timeout"):
            await transport.send(Request("POST", server.url, body=bytes(20_000_000)), 0.15)
        assert transport.statistics().open_connections == 0
    released.set()


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="before the response"),
        pytest.param(b"HTTP/1.1 200 OK\r\nConte", id="in its head"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", id="in its body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", id="in a chunk"),
    ],
)
@pytest.mark.parametrize("how", ["reset", "closed"])
async def test_a_connection_that_ends_too_early_is_a_reset(open_, serve, sent, how):
    def behave(peer):
        peer.request()
        peer.send(sent)
        if how == "reset":
            peer.reset()

    server = serve(behave)
    async with open_() as transport:
        assert await code_of(transport, server.url) == "reset"
        assert transport.statistics().open_connections == 0


@pytest.mark.parametrize("how", ["reset", "closed"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_reused_connection_that_the_server_just_closed_is_a_reset_and_nothing_is_sent_twice(
    open_, serve, how, method
):
    def behave(peer):
        peer.request()
        peer.send(OK)
        peer.request()
        if how == "reset":
            peer.reset()

    server = serve(behave)
    async with open_() as transport:
        await transport.send(Request(method, server.url), 5)
        with pytest.raises(TransportError) as caught:
            await transport.send(Request(method, server.url), 5)
        assert (caught.value.code, caught.value.fault) == ("reset", Fault.TRANSIENT)
    assert (server.connections, len(server.requests)) == (1, 2)


async def test_a_connection_closed_while_idle_is_not_used_again(open_, serve):
    def behave(peer):
        peer.request()
        peer.send(OK)

    server = serve(behave)
    async with open_() as transport:
        for _ in range(2):
            assert (await transport.send(Request("POST", server.url), 5)).status == 200
            assert await anyio.to_thread.run_sync(server.closed_by_client.acquire, True, 5)
            await anyio.sleep(0.01)
    assert server.connections == 2


@pytest.mark.parametrize("when", ["with the answer", "while idle"])
async def test_a_response_that_nobody_asked_for_is_never_taken_for_the_next_one(open_, serve, when):
    answered, sent = threading.Event(), threading.Event()
    stray = b"HTTP/1.1 408 Too slow\r\nContent-Length: 0\r\n\r\n"

    def behave(peer):
        peer.request()
        if server.connections > 1:
            peer.send(OK)
        elif when == "with the answer":
            peer.send(OK + stray)
        else:
            peer.send(OK)
            answered.wait(5)
            peer.send(stray)
        sent.set()
        peer.hold()

    server = serve(behave)
    async with open_() as transport:
        assert (await transport.send(Request("POST", server.url), 5)).status == 200
        answered.set()
        await anyio.to_thread.run_sync(sent.wait, 5)
        await anyio.sleep(0.01)
        assert (await transport.send(Request("POST", server.url), 5)).status == 200
    assert server.connections == 2


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_not_http_is_a_protocol_error(open_, serve, garbage):
    def behave(peer):
        peer.request()
        peer.send(garbage)
        peer.hold()

    server = serve(behave)
    async with open_() as transport:
        assert await code_of(transport, server.url) == "protocol"
        assert transport.statistics().open_connections == 0


async def test_a_head_without_end_is_a_protocol_error(open_, serve):
    def behave(peer):
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            peer.send(b"a: " + b"x" * 200_000)

    server = serve(behave)
    async with open_() as transport:
        assert await code_of(transport, server.url) == "protocol"


async def test_an_oversized_response_is_cut_and_its_connection_closed(open_, serve):
    sent = []

    def behave(peer):
        peer.request()
        peer.send(b"HTTP/1.1 500 Oops\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            peer.send(bytes(100_000))
            sent.append(100_000)

    server = serve(behave)
    async with open_(max_response_bytes=50_000) as transport:
        response = await transport.send(Request("POST", server.url), 5)
        assert (response.status, len(response.body)) == (500, 50_000)
        assert await anyio.to_thread.run_sync(server.closed_by_client.acquire, True, 5)
        assert transport.statistics().open_connections == 0
    # What the two socket buffers hold, no more.
    assert sum(sent) < 20_000_000


async def test_a_response_of_just_the_limit_is_whole_and_keeps_its_connection(open_, serve):
    server = serve(lambda peer: peer.serve(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + bytes(1000)))
    async with open_(max_response_bytes=1000) as transport:
        for _ in range(2):
            assert (await transport.send(Request("POST", server.url), 5)).body == bytes(1000)
    assert server.connections == 1


async def test_an_answer_before_the_request_is_read_is_an_answer(open_, serve):
    released = threading.Event()

    def behave(peer):
        while b"\r\n\r\n" not in peer.sock.recv(1000, socket.MSG_PEEK):
            pass
        peer.send(b"HTTP/1.1 413 Too large\r\nContent-Length: 0\r\n\r\n")
        released.wait(5)

    server = serve(behave)
    async with open_() as transport:
        assert (await transport.send(Request("POST", server.url, body=bytes(1000)), 5)).status == 413
    released.set()


async def test_what_cannot_be_sent_is_refused_before_connecting(open_, serve):
    server = serve(lambda peer: peer.serve(OK))
    async with open_() as transport:
        assert await code_of(transport, "http://user:secret@h:secret/") == "invalid_url"
        with pytest.raises(TransportError, match="invalid_request"):
            await transport.send(Request("POST", server.url, {"a": "b\r\nc: d"}), 5)
        assert transport.statistics().failures == 2
    assert server.connections == 0
