"""A request that is cancelled leaves nothing behind, wherever it was."""

from __future__ import annotations

import random
import threading

import anyio
import pytest
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


async def test_closing_fails_what_is_in_flight(open_, serve):
    server = serve(lambda peer: peer.hold())
    codes = []

    async def send(transport):
        with pytest.raises(Exception, match="reset") as caught:
            await transport.send(Request("POST", server.url), 5)
        codes.append(caught.value.code)

    transport = open_()
    async with anyio.create_task_group() as group:
        group.start_soon(send, transport)
        await anyio.sleep(0.05)
        await transport.aclose()
    assert codes == ["reset"]
    assert transport.statistics().in_flight == 0
