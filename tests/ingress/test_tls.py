"""TLS at a socket: lines and acks, ends and cuts, handshakes that fail, certificates that are asked for."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme
from anyio.streams.tls import TLSStream
from cryptography.hazmat.primitives import serialization
from doorstep.engine.errors import ConfigError
from doorstep.engine.ingress import SocketIngress, TlsSettings

from .clients import connect, serving, tcp, until

pytestmark = [pytest.mark.anyio, pytest.mark.backends]


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


def locked(key: Path) -> Path:
    """The same key in a file that asks for a passphrase."""
    opened = serialization.load_pem_private_key(key.read_bytes(), None)
    lock = serialization.BestAvailableEncryption(b"passphrase")
    path = key.with_name("locked.pem")
    path.write_bytes(opened.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock))
    return path


async def test_an_encrypted_key_is_a_configuration_error_and_nobody_is_asked(authority: Authority) -> None:
    path = locked(Path(authority.key))
    with pytest.raises(ConfigError, match=r"ingress\.tcp\.tls\.key: .*locked\.pem is encrypted; a key without a pass"):
        tcp(tls=TlsSettings(cert=authority.cert, key=str(path)))
