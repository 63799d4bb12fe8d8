"""A request that is cancelled leaves nothing behind, wherever it was."""

from __future__ import annotations

import random
import socket
import threading

import anyio
import pytest
from doorstep.engine.errors import TransportError
from doorstep.engine.model.exchange import Request

pytestmark = pytest.mark.anyio

_PIECES = (b"HTTP/1.1 200 OK\r\nCont", b"ent-Length: 4\r\n\r\no", b"k!", b"!")


def trickle(peer):
    """Answers in pieces a moment apart, so that a cancellation finds every state."""
    while peer.request() is not None:
        for piece in _PIECES:
            peer.send(piece)
            threading.Event().wait(0.0003)


@pytest.mark.parametrize("connections", [1, 3])
async def test_300_cancelled_requests_leak_nothing(open_, serve, connections):
    server = serve(trickle)
    rng = random.Random(7)
    completed = 0

    async def one_after_the_other(transport, count):
        nonlocal completed
        for _ in range(count):
            with anyio.move_on_after(rng.uniform(0, 0.004)):
                response = await transport.send(Request("POST", server.url, body=b"{}"), 5)
                assert response.body == b"ok!!"
                completed += 1

    async with open_(connections=connections) as transport:
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(one_after_the_other, transport, 100)
        statistics = transport.statistics()
        assert statistics.in_flight == 0
        assert statistics.failures == 0
        assert statistics.responses == completed
        assert statistics.cancelled == statistics.requests - completed > 50
        assert statistics.open_connections <= connections
        response = await transport.send(Request("POST", server.url, body=b"{}"), 5)
        assert response.body == b"ok!!"
    for _ in range(server.connections):
        assert await anyio.to_thread.run_sync(server.closed_by_client.acquire, True, 5)


async def test_a_cancellation_passes_through_and_closes_the_connection_at_once(open_, serve):
    server = serve(lambda peer: peer.hold())
    async with open_() as transport:
        with anyio.move_on_after(0.05) as scope:
            await transport.send(Request("POST", server.url, body=b"{}"), 5)
        assert scope.cancelled_caught
        assert await anyio.to_thread.run_sync(server.closed_by_client.acquire, True, 5)
        assert transport.statistics().open_connections == 0


async def test_a_cancellation_in_a_handshake_closes_the_connection_at_once(open_, serve):
    server = serve(lambda peer: peer.hold())
    async with open_() as transport:
        with anyio.move_on_after(0.1) as scope:
            await transport.send(Request("POST", f"https://127.0.0.1:{server.port}/"), 5)
        assert scope.cancelled_caught
        assert await anyio.to_thread.run_sync(server.closed_by_client.acquire, True, 5)
        assert transport.statistics().open_connections == 0


async def test_a_request_waiting_for_a_free_connection_can_be_cancelled(open_, serve):
    released = threading.Event()

    def behave(peer):
        while peer.request() is not None:
            released.wait(5)
            peer.send(b"HTTP/1.1 204 None\r\n\r\n")

    server = serve(behave)
    async with open_(connections=1) as transport:
        async with anyio.create_task_group() as group:
            group.start_soon(transport.send, Request("POST", server.url), 5)
            await anyio.sleep(0.03)
            with anyio.move_on_after(0.03) as scope:
                await transport.send(Request("POST", server.url), 5)
            assert scope.cancelled_caught
            assert transport.statistics().in_flight == 1
            released.set()
        assert (await transport.send(Request("POST", server.url), 5)).status == 204
    assert (server.connections, len(server.requests)) == (1, 2)


async def closed_meanwhile(transport, *requests):
    """What each request ended with when the transport was closed once all of them were under way and stuck."""
    codes = []

    async def send(request):
        with pytest.raises(TransportError) as caught:
            await transport.send(request, 5)
        codes.append(caught.value.code)

    with anyio.fail_after(2):
        async with anyio.create_task_group() as group:
            for request in requests:
                group.start_soon(send, request)
            await anyio.wait_all_tasks_blocked()
            await transport.aclose()
    statistics = transport.statistics()
    assert (statistics.in_flight, statistics.failures, statistics.cancelled) == (0, len(requests), 0)
    assert statistics.open_connections == 0
    return codes


@pytest.fixture
def silent():
    """A port whose queue is full: a connection to it is never made and never refused."""
    socks = [socket.socket() for _ in range(4)]
    socks[0].bind(("127.0.0.1", 0))
    socks[0].listen(0)
    for one in socks[1:]:
        one.setblocking(False)
        one.connect_ex(socks[0].getsockname())
    yield socks[0].getsockname()[1]
    for one in socks:
        one.close()


async def test_closing_fails_what_waits_for_an_answer(open_, serve):
    asked = threading.Event()

    def behave(peer):
        peer.request()
        asked.set()
        peer.hold()

    server = serve(behave)
    transport = open_()
    async with anyio.create_task_group() as group:

        async def close():
            await anyio.to_thread.run_sync(asked.wait, 5)
            await transport.aclose()

        group.start_soon(close)
        with pytest.raises(TransportError, match="reset"):
            await transport.send(Request("POST", server.url), 5)
    assert transport.statistics().in_flight == 0


async def test_closing_fails_what_is_being_connected(open_, silent):
    assert await closed_meanwhile(open_(), Request("POST", f"http://127.0.0.1:{silent}/")) == ["reset"]


async def test_closing_fails_what_is_being_looked_up(open_):
    async def look_up(host, port):
        await anyio.sleep_forever()

    requests = [Request("POST", "http://slow.example/")] * 2
    assert await closed_meanwhile(open_(look_up=look_up), *requests) == ["reset", "reset"]


async def test_closing_fails_what_is_in_a_handshake(open_, serve):
    server = serve(lambda peer: peer.hold())
    request = Request("POST", f"https://127.0.0.1:{server.port}/")
    assert await closed_meanwhile(open_(), request) == ["reset"]


async def test_closing_fails_what_is_being_sent_and_what_waits_for_its_connection(open_, serve):
    server = serve(lambda peer: threading.Event().wait(0.5))
    transport = open_(connections=1)
    request = Request("POST", server.url, body=bytes(30_000_000))
    assert await closed_meanwhile(transport, request, Request("POST", server.url)) == ["reset", "reset"]


async def test_after_closing_no_request_begins(open_, serve):
    transport = open_()
    await transport.aclose()
    await transport.aclose()
    with pytest.raises(anyio.ClosedResourceError):
        await transport.send(Request("POST", "http://127.0.0.1:1/"), 5)
