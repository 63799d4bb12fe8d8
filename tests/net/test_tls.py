"""Whom a transport trusts."""

from __future__ import annotations

import datetime
import ssl
import warnings

import pytest
import trustme
from blockbuster import BlockBuster
from doorstep.engine.errors import ConfigError, TransportError
from doorstep.engine.model.exchange import Request
from doorstep.engine.net import TlsSettings
from doorstep.engine.net.tls import tls_context

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answer(peer):
    peer.serve(OK)


async def refusal(transport, url):
    with pytest.raises(TransportError) as caught:
        await transport.send(Request("POST", url, body=b"{}"), 5)
    assert transport.statistics().open_connections == 0
    return caught.value.code


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_private_authority_is_trusted_once_it_is_named(open_, serve, server_tls, ca_file, host):
    server = serve(answer, server_tls)
    async with open_(tls=TlsSettings(ca=ca_file)) as transport:
        for _ in range(2):
            response = await transport.send(Request("POST", f"https://{host}:{server.port}/", body=bytes(300_000)), 5)
            assert (response.status, response.body) == (200, b"ok")
    assert server.connections == 1
    assert server.requests[1][1] == bytes(300_000)


async def test_an_unknown_authority_is_refused(open_, serve, server_tls):
    server = serve(answer, server_tls)
    async with open_() as transport:
        assert await refusal(transport, f"https://localhost:{server.port}/") == "tls"
    assert server.requests == []


async def test_a_certificate_for_another_host_is_refused(open_, serve, authority, ca_file):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.example").configure_cert(context)
    server = serve(answer, context)
    async with open_(tls=TlsSettings(ca=ca_file)) as transport:
        assert await refusal(transport, f"https://localhost:{server.port}/") == "tls"
    assert server.requests == []


async def test_an_expired_certificate_is_refused(open_, serve, authority, ca_file):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    authority.issue_cert(
        "localhost", not_before=yesterday - datetime.timedelta(days=1), not_after=yesterday
    ).configure_cert(context)
    server = serve(answer, context)
    async with open_(tls=TlsSettings(ca=ca_file)) as transport:
        with pytest.raises(TransportError, match="tls: certificate has expired"):
            await transport.send(Request("POST", f"https://localhost:{server.port}/"), 5)


async def test_tls_older_than_1_2_is_refused(open_, serve, authority, ca_file):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    authority.issue_cert("localhost").configure_cert(context)
    server = serve(answer, context)
    async with open_(tls=TlsSettings(ca=ca_file)) as transport:
        assert await refusal(transport, f"https://localhost:{server.port}/") == "tls"


async def test_a_server_that_does_not_speak_tls(open_, serve):
    def behave(peer):
        peer.sock.recv(1000)
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        peer.hold()

    server = serve(behave)
    async with open_() as transport:
        assert await refusal(transport, f"https://localhost:{server.port}/") == "tls"


@pytest.mark.parametrize("how", ["reset", "closed"])
async def test_a_server_that_hangs_up_in_the_handshake(open_, serve, how):
    def behave(peer):
        peer.sock.recv(10_000)
        if how == "reset":
            peer.reset()

    server = serve(behave)
    async with open_() as transport:
        assert await refusal(transport, f"https://localhost:{server.port}/") == "reset"


async def test_a_handshake_that_never_ends_is_a_connect_timeout(open_, serve):
    server = serve(lambda peer: peer.hold())
    async with open_() as transport:
        with pytest.raises(TransportError, match="connect_timeout"):
            await transport.send(Request("POST", f"https://localhost:{server.port}/"), 0.6)


async def test_a_client_certificate_is_shown_to_who_asks(open_, serve, authority, ca_file, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    certificate = authority.issue_cert("client.example")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "client.pem"))
    server = serve(answer, context)
    url = f"https://localhost:{server.port}/"
    async with open_(tls=TlsSettings(ca=ca_file, cert=str(tmp_path / "client.pem"))) as transport:
        assert (await transport.send(Request("POST", url), 5)).status == 200
    async with open_(tls=TlsSettings(ca=ca_file)) as transport:
        assert await refusal(transport, url) in ("tls", "reset")


async def test_skipping_verification_accepts_anybody(open_, serve, server_tls):
    server = serve(answer, server_tls)
    async with open_(tls=TlsSettings(insecure_skip_verify=True)) as transport:
        assert (await transport.send(Request("POST", f"https://localhost:{server.port}/"), 5)).status == 200


async def test_nothing_in_a_secure_request_blocks_the_event_loop(open_, serve, server_tls, ca_file):
    server = serve(answer, server_tls)
    transport = open_(tls=TlsSettings(ca=ca_file))
    watch = BlockBuster()
    watch.activate()
    try:
        assert (await transport.send(Request("POST", f"https://localhost:{server.port}/"), 5)).status == 200
    finally:
        watch.deactivate()
        await transport.aclose()


def test_a_private_authority_is_added_to_the_systems_own(ca_file):
    system = tls_context(TlsSettings()).cert_store_stats()["x509_ca"]
    both = tls_context(TlsSettings(ca=ca_file))
    assert both.cert_store_stats()["x509_ca"] == system + 1
    assert both.minimum_version == ssl.TLSVersion.TLSv1_2


def test_transports_without_tls_settings_share_one_context(ca_file):
    assert tls_context(TlsSettings()) is tls_context(TlsSettings())
    assert tls_context(TlsSettings(ca=ca_file)) is not tls_context(TlsSettings(ca=ca_file))


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"ca": "missing.pem"}, "tls.ca"),
        ({"ca": "empty.pem"}, "tls.ca"),
        ({"cert": "missing.pem"}, "tls.cert"),
        ({"cert": "empty.pem"}, "tls.cert"),
        ({"cert": "certificate.pem", "key": "other.key"}, "tls.cert"),
        ({"cert": "certificate.pem", "key": "encrypted.key"}, "tls.key"),
        ({"key": "other.key"}, "tls.key"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_setting(settings, path, tmp_path):
    authority = trustme.CA()
    (tmp_path / "empty.pem").write_bytes(b"")
    certificate, other = authority.issue_cert("a.example"), authority.issue_cert("b.example")
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "certificate.pem"))
    other.private_key_pem.write_to_path(str(tmp_path / "other.key"))
    (tmp_path / "encrypted.key").write_bytes(_encrypted(other.private_key_pem.bytes()))
    with pytest.raises(ConfigError) as caught:
        tls_context(TlsSettings(**{name: str(tmp_path / file) for name, file in settings.items()}))
    assert [problem.path for problem in caught.value.problems] == [path]


def _encrypted(key: bytes) -> bytes:
    from cryptography.hazmat.primitives import serialization

    encryption = serialization.BestAvailableEncryption(b"passphrase")
    form = serialization.PrivateFormat.PKCS8
    return serialization.load_pem_private_key(key, None).private_bytes(serialization.Encoding.PEM, form, encryption)
