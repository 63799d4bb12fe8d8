"""The way through an HTTP proxy, which only the settings can name."""

from __future__ import annotations

import pytest
from doorstep.engine.errors import TransportError
from doorstep.engine.model.exchange import Request
from doorstep.engine.net import TlsSettings
from doorstep.engine.secret import Secret
from doorstep.engine.version import VERSION

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def proxy_url(server):
    return Secret(f"http://me:se%20cret@127.0.0.1:{server.port}")


async def refusal(transport, url):
    with pytest.raises(TransportError) as caught:
        await transport.send(Request("POST", url, body=b"{}"), 5)
    assert "cret" not in str(caught.value) + repr(transport)
    return caught.value.code


async def test_a_plain_request_goes_to_the_proxy_in_absolute_form(open_, serve):
    proxy = serve(lambda peer: peer.serve(OK))
    async with open_(proxy=proxy_url(proxy)) as transport:
        for _ in range(2):
            response = await transport.send(
                Request("POST", "http://receiver.example:81/in?a=%2F", {"A": "b"}, b"{}"), 5
            )
            assert response.body == b"ok"
    lines, body = proxy.requests[1]
    assert lines[0] == "POST http://receiver.example:81/in?a=%2F HTTP/1.1"
    assert sorted(lines[1:]) == [
        "A: b",
        "Content-Length: 2",
        "Host: receiver.example:81",
        "Proxy-Authorization: Basic bWU6c2UgY3JldA==",
        f"User-Agent: Doorstep/{VERSION}",
    ]
    assert body == b"{}"
    assert proxy.connections == 1


async def test_a_port_that_goes_without_saying_is_not_said(open_, serve):
    proxy = serve(lambda peer: peer.serve(OK))
    async with open_(proxy=proxy_url(proxy)) as transport:
        await transport.send(Request("POST", "http://receiver.example:80/in"), 5)
    lines, _ = proxy.requests[0]
    assert lines[0] == "POST http://receiver.example/in HTTP/1.1"
    assert "Host: receiver.example" in lines


async def test_a_secure_request_goes_through_a_tunnel_and_the_proxy_sees_nothing_of_it(
    open_, serve, server_tls, ca_file
):
    def behave(peer):
        peer.request()
        peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        peer.secure(server_tls)
        peer.serve(OK)

    proxy = serve(behave)
    async with open_(proxy=proxy_url(proxy), tls=TlsSettings(ca=ca_file)) as transport:
        for _ in range(3):
            response = await transport.send(Request("POST", "https://localhost:7777/in", body=b"{}"), 5)
            assert response.body == b"ok"
    connect, *inner = proxy.requests
    assert connect[0][0] == "CONNECT localhost:7777 HTTP/1.1"
    assert "Proxy-Authorization: Basic bWU6c2UgY3JldA==" in connect[0]
    assert f"User-Agent: Doorstep/{VERSION}" in connect[0]
    assert "Host: localhost:7777" in connect[0]
    for lines, body in inner:
        assert lines == [
            "POST /in HTTP/1.1",
            "Host: localhost:7777",
            f"User-Agent: Doorstep/{VERSION}",
            "Content-Length: 2",
        ]
        assert body == b"{}"
    assert (proxy.connections, len(inner)) == (1, 3)


@pytest.mark.parametrize("status", [b"407 Authenticate", b"502 Bad Gateway", b"403 Forbidden"])
async def test_a_tunnel_that_is_refused_is_the_proxys_fault(open_, serve, status):
    proxy = serve(lambda peer: peer.serve(b"HTTP/1.1 %s\r\nContent-Length: 3\r\n\r\nno!" % status))
    async with open_(proxy=proxy_url(proxy)) as transport:
        assert await refusal(transport, "https://receiver.example/") == "proxy"
        assert transport.statistics().open_connections == 0


async def test_a_proxy_that_wants_other_credentials_is_no_answer_of_the_receiver(open_, serve):
    proxy = serve(lambda peer: peer.serve(b"HTTP/1.1 407 Authenticate\r\nContent-Length: 0\r\n\r\n"))
    async with open_(proxy=proxy_url(proxy)) as transport:
        assert await refusal(transport, "http://receiver.example/") == "proxy"
    async with open_() as transport:
        assert (await transport.send(Request("GET", proxy.url), 5)).status == 407


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_is_down_is_the_proxys_fault(open_, serve, scheme):
    proxy = serve(lambda peer: None)
    proxy.close()
    async with open_(proxy=proxy_url(proxy)) as transport:
        assert await refusal(transport, f"{scheme}://receiver.example/") == "proxy"


async def test_trust_is_checked_through_a_tunnel_too(open_, serve, server_tls):
    def behave(peer):
        peer.request()
        peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        peer.secure(server_tls)

    proxy = serve(behave)
    async with open_(proxy=proxy_url(proxy)) as transport:
        assert await refusal(transport, "https://localhost:7777/") == "tls"


async def test_proxies_of_the_environment_are_ignored(open_, serve, monkeypatch):
    proxy = serve(lambda peer: peer.serve(OK))
    server = serve(lambda peer: peer.serve(OK))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    async with open_() as transport:
        await transport.send(Request("GET", server.url), 5)
    assert (proxy.connections, server.connections) == (0, 1)
