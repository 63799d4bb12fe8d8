"""Slow, silent, huge and half-open clients: each is ended or answered in its time, and nobody else feels it."""

from __future__ import annotations

import gzip
import resource
import ssl
import time
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import pytest
import sniffio
import trustme
from anyio.streams.tls import TLSStream
from doorstep.engine.net.serving import listening

pytestmark = [pytest.mark.anyio, pytest.mark.backends]

EVENT = b'{"userId":"u-1","event":"Signed Up"}'


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines are looked at often enough for a test."""
    monkeypatch.setattr(listening, "SWEEP_S", 0.02)


async def drip(client: Any, data: bytes) -> None:
    """A byte now and then, until the server has had enough."""
    try:
        for byte in data:
            await client.stream.send(bytes([byte]))
            await anyio.sleep(0.03)
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        return


async def test_a_head_that_never_ends_is_cut_off_though_bytes_keep_coming(serve: Any) -> None:
    async with serve(header_timeout="200ms") as server, server.client() as client:
        with anyio.fail_after(3):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(drip, client, b"POST /v1/track HTTP/1.1\r\nX-Slow: " + b"x" * 1000)
                assert await client.is_closed()
                tasks.cancel_scope.cancel()
    assert server.ingress.statistics().connections_failed == 1


async def test_so_is_one_on_a_connection_that_was_good_before(serve: Any) -> None:
    async with serve(header_timeout="200ms") as server, server.client() as client:
        assert (await client.ask("/v1/track", EVENT)).status == 200
        await client.stream.send(b"POST /v1/tr")
        with anyio.fail_after(3):
            assert await client.is_closed()


async def test_a_body_that_never_ends_is_answered_408(serve: Any) -> None:
    async with serve(body_timeout="200ms") as server, server.client() as client:
        await client.stream.send(b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        with anyio.fail_after(3):
            answer = await client.answer()
    assert (answer.status, answer.json["code"]) == (408, "body_timeout")


@pytest.mark.parametrize("length", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"])
async def test_so_is_one_that_never_begins(serve: Any, length: bytes) -> None:
    async with serve(body_timeout="200ms") as server, server.client() as client:
        await client.stream.send(b"POST /v1/track HTTP/1.1\r\nHost: x\r\n" + length + b"\r\n\r\n")
        with anyio.fail_after(3):
            answer = await client.answer()
    assert (answer.status, answer.json["code"]) == (408, "body_timeout")


async def test_heads_without_bodies_keep_nobody_out_for_long(serve: Any) -> None:
    async with serve(body_timeout="200ms", max_connections=1) as server, server.client() as silent:
        await silent.stream.send(b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        await anyio.sleep(0.05)
        with anyio.fail_after(3):
            assert (await server.ask("/v1/track", EVENT)).status == 200


async def test_a_body_after_its_head_is_taken_as_one_with_it(serve: Any) -> None:
    async with serve() as server, server.client() as client:
        await client.stream.send(b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(EVENT))
        await anyio.sleep(0.05)
        await client.stream.send(EVENT)
        assert (await client.answer()).status == 200


async def test_silence_ends_a_connection_before_the_first_request_and_between_two(serve: Any) -> None:
    async with serve(idle_timeout="200ms") as server:
        async with server.client() as silent, server.client() as once:
            assert (await once.ask("/v1/track", EVENT)).status == 200
            with anyio.fail_after(3):
                assert await silent.is_closed()
                assert await once.is_closed()


async def test_a_request_under_way_is_no_silence(serve: Any, store: Any) -> None:
    async with serve(store, idle_timeout="100ms", header_timeout="100ms") as server, server.client() as client:
        store.hold = anyio.Event()
        await client.send("/v1/track", EVENT)
        await anyio.sleep(0.4)
        store.hold.set()
        assert (await client.answer()).status == 200


async def test_for_one_connection_more_the_longest_idle_one_makes_room(serve: Any, store: Any) -> None:
    async with serve(store, max_connections=3) as server:
        async with server.client() as busy, server.client() as oldest, server.client() as newer:
            store.hold = anyio.Event()
            await busy.send("/v1/track", EVENT)
            await oldest.ask("/")
            await newer.ask("/")
            async with server.client() as one_more:
                assert (await one_more.ask("/")).status == 404
                assert await oldest.is_closed()
                assert (await newer.ask("/")).status == 404
                store.hold.set()
                assert (await busy.answer()).status == 200


async def test_while_all_are_busy_one_more_waits_for_its_turn(serve: Any, store: Any) -> None:
    async with serve(store, max_connections=1) as server:
        store.hold = anyio.Event()
        async with server.client() as busy:
            await busy.send("/v1/track", EVENT)
            with anyio.fail_after(10):
                while not store.held:  # until then it may be closed for another one
                    await anyio.sleep(0.005)
            async with server.client() as waiting:
                await waiting.send("/v1/track", EVENT)
                await anyio.sleep(0.1)
                assert server.ingress.statistics().connections == 1
                store.hold.set()
                assert (await busy.answer()).status == 200
                assert (await waiting.answer()).status == 200


async def test_a_head_is_bounded(serve: Any) -> None:
    async with serve() as server, server.client() as client:
        with anyio.fail_after(5):
            try:
                await client.stream.send(b"GET / HTTP/1.1\r\nHost: x\r\n")
                for n in range(200):
                    await client.stream.send(b"X-%d: %s\r\n" % (n, b"y" * 4096))
            except anyio.BrokenResourceError:
                pass
            assert await client.is_closed()
        assert (await server.ask("/v1/track", EVENT)).status == 200


@pytest.mark.parametrize("size", [60_000, 100_000, 250_000, 500_000])
async def test_a_body_is_no_head_in_however_few_reads_it_comes(serve: Any, size: int) -> None:
    async with serve() as server, server.client() as client:
        for _ in range(3):
            assert (await client.ask("/v1/track", EVENT + b" " * size)).status == 200


async def test_a_client_that_is_told_no_can_hear_it_though_it_has_not_sent_all(serve: Any) -> None:
    """Closing on what is unread would reset the connection, and the reset overtake the answer."""
    async with serve() as server, server.client() as client:
        await client.stream.send(b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n")
        await client.stream.send(b" " * 1_000_000)
        answer = await client.answer()
        if sniffio.current_async_library() == "asyncio":  # hypercorn closes; here the rest is read and forgotten
            await client.stream.send(b" " * 2_000_000)
            assert (await client.ask("/v1/track", EVENT)).status == 200
    assert (answer.status, answer.json["code"]) == (413, "body_too_large")


async def test_a_chunked_body_is_bounded_too(serve: Any) -> None:
    async with serve() as server, server.client() as client:
        head = b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        await client.stream.send(head + (b"8000\r\n" + b" " * 0x8000 + b"\r\n") * 17)
        answer = await client.answer()
    assert (answer.status, answer.json["code"]) == (413, "body_too_large")


@cache
def bomb() -> bytes:
    """Made once: it takes a second."""
    return gzip.compress(b" " * 400_000_000)


async def test_a_bomb_takes_no_memory(serve: Any) -> None:
    assert len(bomb()) < 500_000
    async with serve() as server, server.client() as client:
        await client.ask("/v1/batch", b"{", {"Content-Encoding": "gzip"})
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(5):
            started = time.process_time()
            answer = await client.ask("/v1/batch", bomb(), {"Content-Encoding": "gzip"})
            assert time.process_time() - started < 0.1
            assert answer.status == 413
        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 8 * 1024


async def test_all_bodies_together_are_bounded(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorstep.engine.ingress.http.body.ALL_BODIES_BYTES", 300_000)
    async with serve() as server, AsyncExitStack() as stack:
        half = await stack.enter_async_context(server.client())
        await half.stream.send(b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n" + b" " * 200_000)
        await anyio.sleep(0.1)
        answer = await server.ask("/v1/batch", b" " * 200_000)
        small = await server.ask("/v1/track", EVENT)
        later = [(await server.ask("/v1/batch", b" " * 90_000)).status for _ in range(5)]
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "busy", "1")
    assert small.status == 200
    assert later == [400] * 5, "what was held is given back"


async def test_what_is_not_http_is_told_so_and_nobody_else_hears_of_it(
    serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve() as server:
        for noise in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"HELLO\r\n\r\n", b"GET /\r\n\r\n"):
            async with server.client() as client:
                await client.stream.send(noise)
                with anyio.fail_after(3):
                    assert await client.is_closed()
        assert (await server.ask("/v1/track", EVENT)).status == 200
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


async def test_a_client_that_leaves_in_the_middle_of_its_body_leaves_nothing(serve: Any) -> None:
    async with serve() as server:
        async with server.client() as client:
            await client.stream.send(b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        assert (await server.ask("/v1/track", EVENT)).status == 200
        with anyio.fail_after(3):
            while server.ingress.statistics().connections:
                await anyio.sleep(0.01)
    assert len(server.store.lines) == 1


async def test_requests_in_one_go_are_answered_in_order(serve: Any) -> None:
    head = b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    async with serve() as server, server.client() as client:
        await client.stream.send(b"".join(head % len(body) + body for body in (EVENT, b"{", EVENT)))
        assert [(await client.answer()).status for _ in range(3)] == [200, 400, 200]
    assert len(server.store.lines) == 2


async def test_two_hundred_that_dawdle_and_five_hundred_that_are_silent_disturb_nobody(serve: Any) -> None:
    async with serve(header_timeout="1s", max_connections=400) as server, AsyncExitStack() as stack:
        async with anyio.create_task_group() as tasks:
            for number in range(700):
                client = await stack.enter_async_context(server.client())
                if number % 7 < 2:
                    tasks.start_soon(drip, client, b"POST /v1/track HTTP/1.1\r\n" + b"x" * 1000)
            async with server.client() as good:
                waits = []
                for _ in range(50):
                    started = time.perf_counter()
                    assert (await good.ask("/v1/track", EVENT)).status == 200
                    waits.append(time.perf_counter() - started)
            tasks.cancel_scope.cancel()
    assert sorted(waits)[45] < 0.1


async def test_at_the_end_requests_in_hand_are_answered_and_the_silent_are_let_go(serve: Any, store: Any) -> None:
    async with serve(store) as server:
        async with server.client() as busy, server.client() as idle:
            await idle.ask("/")
            store.hold = anyio.Event()
            await busy.send("/v1/track", EVENT)
            await anyio.sleep(0.05)
            server.ingress.stop()
            with anyio.fail_after(2):
                assert await idle.is_closed()
            with pytest.raises(OSError, match="All connection attempts failed"):
                await server.ask("/")
            store.hold.set()
            assert (await busy.answer()).status == 200
            with anyio.fail_after(2):
                assert await busy.is_closed()
    assert len(store.lines) == 1


async def test_over_tls_it_is_the_same_and_a_handshake_keeps_nobody_waiting(serve: Any, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    for index, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(tmp_path / "cert.pem", append=index > 0)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    tls = {"cert": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}
    async with serve(tls=tls) as server, server.client() as silent:
        await anyio.sleep(0.05)
        async with server.client() as client:
            client.stream = await TLSStream.wrap(client.stream, hostname="localhost", ssl_context=context)
            settings = await client.ask("/v1/projects/wk/settings", method="GET")
            assert (await client.ask("/v1/track", EVENT)).status == 200
        assert settings.json["integrations"]["Segment.io"]["protocol"] == "https"
        assert server.ingress.statistics().connections_seen >= 1
        await silent.stream.aclose()
