"""Real sockets on every backend: many clients, acks, back-pressure, resets, and an orderly end."""

from __future__ import annotations

import errno
import json
import socket
import struct
from typing import Any

import anyio
import pytest
from doorstep.engine.errors import ConfigError
from doorstep.engine.ingress import SocketIngress, TcpSettings, open_ingress
from doorstep.engine.ingress import sockets as sockets_module

from tests.ports import free_port

from .clients import LIMIT, all_of, connect, opened, reset, serving, tcp, until

pytestmark = [pytest.mark.anyio, pytest.mark.backends]


async def test_lines_of_a_client_arrive_whole_and_in_order(taker: Any) -> None:
    lines = [b"%d" % n * 100 for n in range(5000)]
    data = b"\r\n".join(lines)
    async with serving(tcp(name="shop"), taker) as ingress:
        async with await connect(ingress) as client:
            await client.send(data)
        await taker.wait_lines(5000)
        await until(lambda: ingress.statistics().connections == 0)
    assert taker.lines == lines
    assert taker.sources == {"shop"}
    statistics = ingress.statistics()
    assert (statistics.lines, statistics.size_bytes) == (5000, len(data))
    assert (statistics.connections_seen, statistics.connections_failed) == (1, 0)


async def test_fifty_clients_lose_nothing(taker: Any) -> None:
    async def send(ingress: SocketIngress, name: int) -> None:
        async with await connect(ingress) as client:
            await client.send(b"".join(b"%d %d\n" % (name, n) for n in range(1000)))

    async with serving(tcp(), taker) as ingress:
        async with anyio.create_task_group() as clients:
            for name in range(50):
                clients.start_soon(send, ingress, name)
        await taker.wait_lines(50_000)
    for name in range(50):
        mine = [line for line in taker.lines if line.startswith(b"%d " % name)]
        assert mine == [b"%d %d" % (name, n) for n in range(1000)]


async def test_each_connection_numbers_its_lines_from_one(taker: Any) -> None:
    async with serving(tcp(), taker) as ingress:
        for _ in range(2):
            async with await connect(ingress) as client:
                await client.send(b"a\nb\n")
        await taker.wait_lines(4)
    assert [number for read in taker.reads for number in read.numbers] == [1, 2, 1, 2]


async def test_an_ack_counts_every_line_of_its_connection(taker: Any) -> None:
    async with serving(tcp(ack=True), taker) as ingress:
        async with await connect(ingress) as client:
            await client.send(b"a\nb")
            assert await client.receive() == b'{"ack": 1}\n'
            await client.send(b"\n\n \n" + b"x" * (LIMIT + 1) + b"\n")
            acks = b""
            while b'{"ack": 5}\n' not in acks:
                acks += await client.receive()
            await client.send(b"without end")
            await client.send_eof()
            assert await all_of(client) == b'{"ack": 6}\n'
    assert taker.lines == [b"a", b"b", b"without end"]
    assert [number for read in taker.reads for number in read.too_large] == [5]


async def test_a_half_closed_client_gets_its_acks(taker: Any) -> None:
    taker.hold = anyio.Event()
    async with serving(tcp(ack=True), taker) as ingress:
        async with await connect(ingress) as client:
            await client.send(b"a\nb\n")
            await client.send_eof()
            await taker.wait_lines(2)
            taker.hold.set()
            assert json.loads((await all_of(client)).splitlines()[-1]) == {"ack": 2}


async def test_no_ack_is_sent_before_the_lines_are_accepted(taker: Any) -> None:
    taker.hold = anyio.Event()
    async with serving(tcp(ack=True), taker) as ingress:
        async with await connect(ingress) as client:
            await client.send(b"a\n")
            await taker.wait_lines(1)
            with anyio.move_on_after(0.1) as scope:
                await client.receive()
            assert scope.cancelled_caught
            taker.hold.set()
            assert await client.receive() == b'{"ack": 1}\n'


async def test_without_ack_nothing_is_sent(taker: Any) -> None:
    async with serving(tcp(), taker) as ingress:
        async with await connect(ingress) as client:
            await client.send(b"a\nb\n")
            await client.send_eof()
            assert await all_of(client) == b""


async def test_a_client_is_not_read_on_before_its_lines_are_accepted(taker: Any) -> None:
    taker.hold = anyio.Event()
    async with serving(tcp(), taker) as ingress:
        async with await connect(ingress) as client:
            with anyio.move_on_after(0.5) as scope:
                while True:
                    await client.send(b"1234567\n" * 8192)
            assert scope.cancelled_caught, "the client felt it"
            assert len(taker.reads) == 1
            assert ingress.statistics().size_bytes <= 256 * 1024
            taker.hold.set()


async def test_a_client_that_waits_for_room_does_not_keep_others_waiting(taker: Any) -> None:
    taker.hold = anyio.Event()
    async with serving(tcp(), taker) as ingress:
        async with await connect(ingress) as first, await connect(ingress) as second:
            await first.send(b"first\n")
            await taker.wait_lines(1)
            await second.send(b"second\n")
            await taker.wait_lines(2)
            taker.hold.set()
    assert taker.lines == [b"first", b"second"]


async def test_all_clients_together_have_a_bounded_amount_in_hand(taker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets_module, "_ALL_READS_BYTES", 100_000)
    taker.hold = anyio.Event()
    async with serving(tcp(), taker) as ingress:
        clients = [await connect(ingress) for _ in range(10)]
        await until(lambda: ingress.statistics().connections == 10)
        for client in clients:
            await client.send(b"1234567\n" * 8192)
        await until(lambda: len(taker.reads) == 10)
        assert ingress.statistics().size_bytes <= 100_000
        taker.hold.set()
        await taker.wait_lines(10 * 8192)
        for client in clients:
            await client.aclose()


async def test_of_a_client_that_breaks_off_the_whole_lines_count(taker: Any) -> None:
    async with serving(tcp(), taker) as ingress:
        client = await connect(ingress)
        await client.send(b"whole\nhal")
        await taker.wait_lines(1)
        reset(client)
        await client.aclose()
        await until(lambda: ingress.statistics().connections == 0)
        assert ingress.statistics().connections_failed == 1
        async with await connect(ingress) as other:
            await other.send(b"other\n")
            await taker.wait_lines(2)
    assert taker.lines == [b"whole", b"other"]


async def test_a_client_that_never_reads_its_acks_is_dropped(taker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets_module, "_ACK_S", 0.2)
    monkeypatch.setattr(sockets_module, "_READ_BYTES", 64)

    def shrink(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)

    monkeypatch.setattr(sockets_module, "_tune", shrink)
    greedy = socket.socket()
    greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    greedy.setblocking(False)
    async with serving(tcp(ack=True), taker) as ingress:
        host, port = ingress.addresses[0].rsplit(":", 1)
        greedy.connect_ex((host, int(port)))
        async with await connect(ingress) as other:
            with greedy, anyio.fail_after(10):
                while ingress.statistics().connections_failed == 0:
                    try:
                        greedy.send(b"x\n" * 1000)
                    except (BlockingIOError, ConnectionError):
                        await anyio.sleep(0.01)
                    await anyio.lowlevel.checkpoint()
            await other.send(b"other\n")
            assert await other.receive() == b'{"ack": 1}\n'
    assert ingress.statistics().connections_seen == 2


async def test_more_clients_than_allowed_wait_for_their_turn(taker: Any) -> None:
    async with serving(tcp(max_connections=2), taker) as ingress:
        first, second, third = [await connect(ingress) for _ in range(3)]
        await third.send(b"third\n")
        await first.send(b"first\n")
        await second.send(b"second\n")
        await taker.wait_lines(2)
        assert sorted(taker.lines) == [b"first", b"second"]
        assert ingress.statistics().connections == 2
        await first.aclose()
        await taker.wait_lines(3)
        assert taker.lines[2] == b"third"
        await second.aclose()
        await third.aclose()


async def test_stopping_finishes_what_is_in_hand_and_acknowledges_it(taker: Any) -> None:
    taker.hold = anyio.Event()
    async with serving(tcp(ack=True), taker) as ingress:
        async with await connect(ingress) as busy, await connect(ingress) as idle:
            await busy.send(b"a\nb\n")
            await taker.wait_lines(2)
            await busy.send(b"never read\n" * 1000)
            ingress.stop()
            with pytest.raises(OSError, match="All connection attempts failed"):
                await connect(ingress)
            taker.hold.set()
            assert await all_of(busy) == b'{"ack": 2}\n'
            assert await all_of(idle) == b""
    assert taker.lines == [b"a", b"b"]


async def test_stopping_drops_an_unfinished_line(taker: Any) -> None:
    async with serving(tcp(), taker) as ingress:
        async with await connect(ingress) as client:
            await client.send(b"a\nhal")
            await taker.wait_lines(1)
            ingress.stop()
            assert await all_of(client) == b""
    assert taker.lines == [b"a"]


async def test_stopping_waits_for_no_client(taker: Any) -> None:
    """One that keeps its side open, acks or not, costs a second at most."""
    ingress = tcp(ack=True)
    with anyio.fail_after(3):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ingress.run, taker)
            client = await connect(ingress)
            await client.send(b"a\n")
            await taker.wait_lines(1)
            ingress.stop()
    await client.aclose()


async def test_a_closed_intake_ends_the_ingress_without_ack(taker: Any) -> None:
    ingress = tcp(ack=True)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ingress.run, taker)
            async with await connect(ingress) as client, await connect(ingress) as idle:
                taker.closed = True
                await client.send(b"a\n")
                assert await all_of(client) == b""
                await idle.send(b"b\n")
                await idle.send_eof()
                assert await all_of(idle) == b""
    assert taker.reads == []


async def test_an_error_of_the_intake_is_no_client_s_fault(taker: Any) -> None:
    class Broken:
        async def accept(self, read: Any, source: str) -> None:
            raise OSError("disk full")

    ingress = tcp()

    async def send() -> None:
        async with await connect(ingress) as client:
            await client.send(b"a\n")
            await client.receive()

    async def both() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ingress.run, Broken())
            tasks.start_soon(send)

    with anyio.fail_after(5), pytest.raises(BaseExceptionGroup) as raised:
        await both()
    assert raised.group_contains(OSError, match="disk full")


async def test_cancelling_closes_everything(taker: Any) -> None:
    ingress = tcp()
    with anyio.fail_after(5), anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ingress.run, taker)
            client = await connect(ingress)
            await client.send(b"a\n")
            await taker.wait_lines(1)
            scope.cancel()
    with anyio.fail_after(5):
        assert await all_of(client) == b""
        await client.aclose()
    assert ingress.statistics().connections == 0


async def test_stopping_what_never_ran_frees_the_address(taker: Any) -> None:
    address = f"127.0.0.1:{free_port()}"
    ingress = opened(TcpSettings(listen=address))
    with pytest.raises(ConfigError, match="Address already in use"):
        open_ingress(TcpSettings(listen=address), max_event_bytes=LIMIT)
    ingress.stop()
    again = opened(TcpSettings(listen=address))
    again.stop()
    await again.run(taker)
    assert again.addresses == [address]


async def test_a_reset_before_the_connection_is_looked_at_harms_nobody(taker: Any) -> None:
    ingress = tcp()
    host, port = ingress.addresses[0].rsplit(":", 1)
    early = socket.create_connection((host, int(port)))
    early.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    early.close()
    async with serving(ingress, taker):
        async with await connect(ingress) as client:
            await client.send(b"a\n")
            await taker.wait_lines(1)
    assert taker.lines == [b"a"]


@pytest.mark.parametrize(
    "failures",
    [
        [errno.EMFILE, errno.ECONNABORTED],
        [errno.EPERM, errno.EPROTO, errno.ENOPROTOOPT, errno.EOPNOTSUPP],
        [errno.ENETDOWN, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH],
    ],
)
async def test_clients_wait_for_descriptors_and_what_the_network_has_against_one_of_them_stops_no_other(
    taker: Any, failures: list[int]
) -> None:
    class Unlucky:
        """A listener whose first `accept`s fail."""

        def __init__(self, listener: socket.socket) -> None:
            self._listener = listener
            self._failures = [*failures]

        def __getattr__(self, name: str) -> Any:
            return getattr(self._listener, name)

        def accept(self) -> Any:
            if self._failures:
                raise OSError(self._failures.pop(0), "out of luck")
            return self._listener.accept()

    ingress = tcp()
    listeners: list[Any] = ingress._listeners.sockets
    listeners[:] = map(Unlucky, listeners)
    async with serving(ingress, taker):
        async with await connect(ingress) as client:
            await client.send(b"a\n")
            await taker.wait_lines(1)
    assert taker.lines == [b"a"]


async def test_every_address_of_the_machine(taker: Any) -> None:
    async with serving(opened(TcpSettings(listen=":0")), taker) as ingress:
        ports = {address.rsplit(":", 1)[1] for address in ingress.addresses}
        assert len(ports) == 1
        async with await anyio.connect_tcp("127.0.0.1", int(ports.pop())) as client:
            await client.send(b"a\n")
            await taker.wait_lines(1)
