"""Real sockets on every backend: many clients, acks, back-pressure, resets, and an orderly end."""

from __future__ import annotations

import errno
import json
import os
import socket
import ssl
import struct
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme
from anyio.streams.tls import TLSStream
from doorstep.engine.errors import ConfigError
from doorstep.engine.ingress import SocketIngress, TcpSettings, TlsSettings, UnixSettings, open_ingress
from doorstep.engine.ingress import sockets as sockets_module

pytestmark = [pytest.mark.anyio, pytest.mark.backends]

LIMIT = 32 * 1024


def opened(settings: Any) -> SocketIngress:
    ingress = open_ingress(settings, max_event_bytes=LIMIT)
    assert isinstance(ingress, SocketIngress)
    return ingress


def tcp(**options: Any) -> SocketIngress:
    return opened(TcpSettings(listen="127.0.0.1:0", **options))


@asynccontextmanager
async def serving(ingress: SocketIngress, taker: Any) -> AsyncIterator[SocketIngress]:
    """Runs it; stops it at the end, and sees that this ends it."""
    with anyio.fail_after(15):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ingress.run, taker)
            yield ingress
            ingress.stop()


async def connect(ingress: SocketIngress) -> anyio.abc.SocketStream:
    host, port = ingress.addresses[0].rsplit(":", 1)
    return await anyio.connect_tcp(host, int(port))


def reset(stream: anyio.abc.SocketStream) -> None:
    """Breaks the connection off: the peer gets a RST in place of the end."""
    raw = stream.extra(anyio.abc.SocketAttribute.raw_socket)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def all_of(stream: Any) -> bytes:
    return b"".join([piece async for piece in stream])


async def until(condition: Any) -> None:
    with anyio.fail_after(10):
        while not condition():
            await anyio.lowlevel.checkpoint()


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
    ingress = tcp()
    address = ingress.addresses[0]
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


async def test_without_free_descriptors_clients_wait(taker: Any) -> None:
    class Exhausted:
        """A listener whose first `accept` finds no descriptor left."""

        def __init__(self, listener: socket.socket) -> None:
            self._listener = listener
            self._failures = [errno.EMFILE, errno.ECONNABORTED]

        def __getattr__(self, name: str) -> Any:
            return getattr(self._listener, name)

        def accept(self) -> Any:
            if self._failures:
                raise OSError(self._failures.pop(0), "out of luck")
            return self._listener.accept()

    ingress = tcp()
    listeners: list[Any] = ingress._listeners.sockets
    listeners[:] = map(Exhausted, listeners)
    async with serving(ingress, taker):
        async with await connect(ingress) as client:
            await client.send(b"a\n")
            await taker.wait_lines(1)
    assert taker.lines == [b"a"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short: the path of a Unix socket has room for 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="ds", dir="/tmp") as name:
        yield Path(name)


async def test_a_unix_socket_takes_lines_and_is_gone_afterwards(folder: Path, taker: Any) -> None:
    path = folder / "s"
    async with serving(opened(UnixSettings(path=str(path), name="local", ack=True)), taker) as ingress:
        assert ingress.addresses == [str(path)]
        assert path.stat().st_mode & 0o777 == 0o600
        async with await anyio.connect_unix(path) as client:
            await client.send(b"a\nb")
            await client.send_eof()
            assert (await all_of(client)).endswith(b'{"ack": 2}\n')
    assert taker.lines == [b"a", b"b"]
    assert taker.sources == {"local"}
    assert not path.exists()


async def test_the_mode_of_a_unix_socket_can_be_chosen(folder: Path) -> None:
    path = folder / "s"
    ingress = opened(UnixSettings(path=str(path), mode="0660"))
    assert path.stat().st_mode & 0o777 == 0o660
    ingress.stop()


async def test_a_stale_unix_socket_is_replaced(folder: Path, taker: Any) -> None:
    path = folder / "s"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    async with serving(opened(UnixSettings(path=str(path))), taker):
        async with await anyio.connect_unix(path) as client:
            await client.send(b"a\n")
            await taker.wait_lines(1)


async def test_a_unix_socket_that_answers_is_left_alone(folder: Path) -> None:
    path = folder / "s"
    ingress = opened(UnixSettings(path=str(path)))
    with pytest.raises(ConfigError, match="another program answers there"):
        open_ingress(UnixSettings(path=str(path)), max_event_bytes=LIMIT)
    assert path.exists()
    ingress.stop()


async def test_a_file_in_the_place_of_a_unix_socket_is_left_alone(folder: Path) -> None:
    path = folder / "s"
    path.write_text("precious")
    with pytest.raises(ConfigError, match="it is no socket"):
        open_ingress(UnixSettings(path=str(path)), max_event_bytes=LIMIT)
    assert path.read_text() == "precious"


async def test_the_socket_of_a_successor_is_left_alone(folder: Path) -> None:
    path = folder / "s"
    first = opened(UnixSettings(path=str(path)))
    os.unlink(path)
    second = opened(UnixSettings(path=str(path)))
    first.stop()
    assert path.exists()
    second.stop()
    assert not path.exists()


async def test_a_place_that_does_not_exist_is_a_configuration_error(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"ingress\.unix\.path: can't listen on .*: No such file or directory"):
        open_ingress(UnixSettings(path=str(folder / "missing" / "s")), max_event_bytes=LIMIT)
    with pytest.raises(ValueError, match="`path`: is longer than a socket's name may be"):
        UnixSettings(path=str(folder / ("s" * 200)))
    with pytest.raises(ConfigError, match=r"ingress\.tcp\.listen: can't listen on 192\.0\.2\.1:7070"):
        open_ingress(TcpSettings(listen="192.0.2.1:7070"), max_event_bytes=LIMIT)


async def test_every_address_of_the_machine(taker: Any) -> None:
    async with serving(opened(TcpSettings(listen=":0")), taker) as ingress:
        ports = {address.rsplit(":", 1)[1] for address in ingress.addresses}
        assert len(ports) == 1
        async with await anyio.connect_tcp("127.0.0.1", int(ports.pop())) as client:
            await client.send(b"a\n")
            await taker.wait_lines(1)


class Authority:
    """A private certificate authority, its files, and contexts for clients that trust it."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        certificate = self._ca.issue_cert("localhost")
        self.cert, self.key, self.ca = (str(folder / name) for name in ("cert.pem", "key.pem", "ca.pem"))
        certificate.private_key_pem.write_to_path(self.key)
        for blob in certificate.cert_chain_pems:
            blob.write_to_path(self.cert, append=True)
        self._ca.cert_pem.write_to_path(self.ca)

    def client(self, *, known: bool = True) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self._ca.configure_trust(context)
        if known:
            self._ca.issue_cert("client@example.com").configure_cert(context)
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


async def connect_tls(ingress: SocketIngress, context: ssl.SSLContext) -> TLSStream:
    return await TLSStream.wrap(await connect(ingress), server_side=False, hostname="localhost", ssl_context=context)


async def test_tls_carries_lines_and_acks(authority: Authority, taker: Any) -> None:
    tls = TlsSettings(cert=authority.cert, key=authority.key)
    lines = [b"%d" % n * 200 for n in range(1000)]
    async with serving(tcp(tls=tls, ack=True), taker) as ingress:
        async with await connect_tls(ingress, authority.client(known=False)) as client:
            await client.send(b"\n".join(lines) + b"\n")
            acks = b""
            while not acks.endswith(b'{"ack": 1000}\n'):
                acks += await client.receive()
    assert taker.lines == lines
    assert ingress.statistics().connections_failed == 0


async def test_tls_that_ends_properly_ends_the_last_line_too(authority: Authority, taker: Any) -> None:
    async with serving(tcp(tls=TlsSettings(cert=authority.cert, key=authority.key)), taker) as ingress:
        client = await connect_tls(ingress, authority.client())
        await client.send(b"whole\nlast")
        await client.aclose()
        await taker.wait_lines(2)
    assert taker.lines == [b"whole", b"last"]
    assert ingress.statistics().connections_failed == 0


async def test_tls_that_is_cut_off_may_lack_something(authority: Authority, taker: Any) -> None:
    async with serving(tcp(tls=TlsSettings(cert=authority.cert, key=authority.key)), taker) as ingress:
        client = await connect_tls(ingress, authority.client())
        await client.send(b"whole\nhal")
        await taker.wait_lines(1)
        await client.transport_stream.aclose()
        await until(lambda: ingress.statistics().connections == 0)
    assert taker.lines == [b"whole"]
    assert ingress.statistics().connections_failed == 1


async def test_handshakes_that_fail_are_said_and_counted_but_not_each_one(
    authority: Authority, taker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    tls = TlsSettings(cert=authority.cert, key=authority.key, client_ca=authority.ca)
    async with serving(tcp(tls=tls), taker) as ingress:
        for seen in range(1, 4):
            async with await connect(ingress) as plain:
                await plain.send(b"GET / HTTP/1.1\r\n\r\n")
                await until(lambda: ingress.statistics().connections_failed == seen)  # noqa: B023
        ingress._said_at -= 10.0
        async with await connect(ingress):
            pass
        await until(lambda: ingress.statistics().connections_failed == 4)
    said = [(record.message, record.facts) for record in caplog.records if "handshake" in record.message]  # type: ignore[attr-defined]
    assert said == [
        ("a TLS handshake failed", {"ingress": ingress.name, "error": "http request", "count": 1}),
        ("a TLS handshake failed", {"ingress": ingress.name, "error": "the connection broke off", "count": 3}),
    ]


async def test_a_client_without_the_right_certificate_is_refused(authority: Authority, taker: Any) -> None:
    tls = TlsSettings(cert=authority.cert, key=authority.key, client_ca=authority.ca)
    async with serving(tcp(tls=tls), taker) as ingress:
        # With TLS 1.3 a client has done its part of the handshake before it learns of the refusal.
        stranger = await connect_tls(ingress, authority.client(known=False))
        with pytest.raises((anyio.BrokenResourceError, anyio.EndOfStream, ssl.SSLError)):
            await stranger.receive()
        await anyio.aclose_forcefully(stranger)
        async with await connect_tls(ingress, authority.client()) as client:
            await client.send(b"a\n")
            await taker.wait_lines(1)
    assert taker.lines == [b"a"]
    assert ingress.statistics().connections_failed == 1


async def test_plain_text_at_a_tls_port_is_refused(authority: Authority, taker: Any) -> None:
    async with serving(tcp(tls=TlsSettings(cert=authority.cert, key=authority.key)), taker) as ingress:
        async with await connect(ingress) as client:
            await client.send(b'{"type": "track"}\n' * 10)
            await until(lambda: ingress.statistics().connections_failed == 1)
    assert taker.reads == []


async def test_stopping_does_not_wait_for_a_handshake(authority: Authority, taker: Any) -> None:
    ingress = tcp(tls=TlsSettings(cert=authority.cert, key=authority.key))
    with anyio.fail_after(3):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ingress.run, taker)
            silent = await connect(ingress)
            await until(lambda: ingress.statistics().connections == 1)
            await anyio.sleep(0.01)
            ingress.stop()
    await silent.aclose()


async def test_unusable_tls_files_are_a_configuration_error(authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ingress\.tcp\.tls: can't use missing\.pem with missing\.key: No such file"):
        tcp(tls=TlsSettings(cert="missing.pem", key="missing.key"))
    with pytest.raises(ConfigError, match=r"ingress\.tcp\.tls\.client_ca: can't use missing\.pem: No such file"):
        tcp(tls=TlsSettings(cert=authority.cert, key=authority.key, client_ca="missing.pem"))
    with pytest.raises(ConfigError, match=r"ingress\.tcp\.tls: can't use"):
        tcp(tls=TlsSettings(cert=authority.cert, key=authority.cert))
