"""The guard on outgoing addresses: hostile hosts, by four ways, with a canary that is reached by none that it should not be.

The canary listens on loopback; good servers on other loopback addresses, which `[network] allow` opens. `test_fenced.py` does the
same where every address there is leads to the canary.
"""

from __future__ import annotations

import contextlib
import socket

import anyio
import pytest
from doorstep.engine.errors import Fault, TransportError
from doorstep.engine.model.exchange import Request
from doorstep.engine.net import NetworkSettings, TlsSettings
from doorstep.engine.secret import Secret

from tests.net.hostile import ADDRESSES, METADATA, SPELLINGS
from tests.ports import free_port

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
OK_AND_CLOSED = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
GOOD = "127.0.0.2"
OPEN = NetworkSettings(allow=(GOOD,))
EVERYTHING = NetworkSettings(allow=("0.0.0.0/0", "::/0"))


def url(host, port, scheme="http"):
    return f"{scheme}://{f'[{host}]' if host.count(':') > 1 and '[' not in host else host}:{port}/"


def guarded(url):
    return Request("POST", url, body=b"{}", guarded=True)


async def refusal(transport, request, timeout_s=5):
    with pytest.raises(TransportError) as caught:
        await transport.send(request, timeout_s)
    return caught.value


class NameServer:
    """Gives the answers it was told, each lookup of a name the next one and then the last one again."""

    def __init__(self, **answers):
        self._answers = answers
        self.asked = []

    async def look_up(self, host, port):
        await anyio.lowlevel.checkpoint()
        self.asked.append(host)
        answers = self._answers[host.partition(".")[0]]
        return answers[min(self.asked.count(host), len(answers)) - 1]


@pytest.fixture
def canary(serve):
    server = serve(lambda peer: peer.serve(OK))
    yield server
    assert server.connections == 0


@pytest.fixture
def pair(serve):
    """A good server and a canary at one port, since a name server cannot choose the port."""

    def start(behave=lambda peer: peer.serve(OK)):
        port = free_port()
        return serve(behave, address=(GOOD, port)), serve(lambda peer: peer.serve(OK), address=("127.0.0.1", port))

    return start


# Computed hosts ------------------------------------------------------------------------------------------------------


async def test_no_guarded_request_reaches_a_hostile_host(open_, canary):
    async with open_() as transport:
        for host, why in ADDRESSES + SPELLINGS:
            error = await refusal(transport, guarded(url(host, canary.port)))
            assert error.code in ("address_refused", "invalid_url"), (host, why)
            assert error.fault is Fault.EVENT
        for host, why in ADDRESSES:
            assert (await refusal(transport, guarded(url(host, canary.port)))).code == "address_refused", (host, why)
        assert transport.statistics().open_connections == 0


async def test_no_guarded_request_follows_a_name_to_a_hostile_address(open_, canary):
    hostile = {f"name{index}": [[address]] for index, (address, _) in enumerate(ADDRESSES)}
    mixed = {f"mixed{index}": [["8.8.8.8", address]] for index, (address, _) in enumerate(ADDRESSES)}
    names = NameServer(**hostile, **mixed)
    async with open_(look_up=names.look_up) as transport:
        for name in [*hostile, *mixed]:
            error = await refusal(transport, guarded(url(f"{name}.example", canary.port)))
            assert (error.code, error.fault) == ("address_refused", Fault.EVENT)
    assert len(names.asked) == 2 * len(ADDRESSES)


@pytest.mark.parametrize("behaviour", [OK, OK_AND_CLOSED], ids=["kept", "closed"])
async def test_a_name_that_turns_hostile_after_it_was_checked_is_not_followed(open_, pair, behaviour):
    good, canary = pair(lambda peer: peer.serve(behaviour))
    names = NameServer(rebind=[[GOOD], ["127.0.0.1"]])
    target = guarded(url("rebind.example", good.port))
    async with open_(look_up=names.look_up, network=OPEN) as transport:
        assert (await transport.send(target, 5)).status == 200
        for _ in range(3):
            with contextlib.suppress(TransportError):
                assert (await transport.send(target, 5)).status == 200
    async with open_(look_up=names.look_up, network=OPEN) as transport:
        assert (await refusal(transport, target)).code == "address_refused"
    assert good.connections >= 1
    assert canary.connections == 0


async def test_a_name_is_looked_up_once_for_a_connection(open_, pair):
    good, canary = pair()
    names = NameServer(rebind=[[GOOD], ["127.0.0.1"]])
    async with open_(look_up=names.look_up, network=OPEN) as transport:
        for _ in range(3):
            assert (await transport.send(guarded(url("rebind.example", good.port)), 5)).status == 200
    assert names.asked == ["rebind.example"]
    assert (good.connections, canary.connections) == (1, 0)


async def test_no_guarded_request_follows_a_redirect(open_, serve, canary):
    hosts = [host for host, _ in ADDRESSES + SPELLINGS]

    def behave(peer):
        for status, host in zip((301, 302, 303, 307, 308) * len(hosts), hosts, strict=False):
            if peer.request() is None:
                return
            location = url(host, canary.port)
            peer.send(f"HTTP/1.1 {status} Away\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())

    good = serve(behave, address=(GOOD, 0))
    async with open_(network=OPEN) as transport:
        for _ in hosts:
            response = await transport.send(guarded(url(GOOD, good.port)), 5)
            assert response.status in (301, 302, 303, 307, 308)


async def test_a_connection_made_for_the_configuration_serves_no_guarded_request(open_, serve):
    server = serve(lambda peer: peer.serve(OK))
    names = NameServer(inside=[["127.0.0.1"]])
    for host in ("127.0.0.1", "inside.example"):
        async with open_(look_up=names.look_up) as transport:
            target = url(host, server.port)
            assert (await transport.send(Request("POST", target), 5)).status == 200
            assert transport.statistics().open_connections == 1
            assert (await refusal(transport, guarded(target))).code == "address_refused"
            assert (await transport.send(Request("POST", target), 5)).status == 200
    assert (server.connections, len(server.requests)) == (2, 4)


async def test_an_allowed_network_is_reached_by_number_and_by_name(open_, serve):
    server = serve(lambda peer: peer.serve(OK))
    names = NameServer(inside=[["127.0.0.1"]])
    async with open_(look_up=names.look_up, network=NetworkSettings(allow=("127.0.0.0/8",))) as transport:
        for host in ("127.0.0.1", "inside.example"):
            assert (await transport.send(guarded(url(host, server.port)), 5)).status == 200
        with pytest.raises(TransportError, match="address_refused: ::1 is this machine"):
            await transport.send(guarded(url("::1", server.port)), 5)


async def test_a_certificate_is_still_checked_by_name(open_, serve, server_tls, ca_file):
    server = serve(lambda peer: peer.serve(OK), server_tls, address=(GOOD, 0))
    names = NameServer(localhost=[[GOOD]], elsewhere=[[GOOD]])
    async with open_(look_up=names.look_up, network=OPEN, tls=TlsSettings(ca=ca_file)) as transport:
        assert (await transport.send(guarded(url("localhost", server.port, "https")), 5)).status == 200
        error = await refusal(transport, guarded(url("elsewhere.example", server.port, "https")))
        assert (error.code, error.fault) == ("tls", Fault.EVENT)
    [(lines, _)] = server.requests
    assert f"Host: localhost:{server.port}" in lines


@pytest.mark.parametrize(
    ("host", "code"), [("nowhere.invalid", "unknown_host"), ("a..b", "invalid_url"), ("metadata", "address_refused")]
)
async def test_what_is_wrong_with_a_computed_host_is_the_events_fault(open_, host, code):
    async def look_up(host, port):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    async with open_(look_up=look_up) as transport:
        for request, fault in (
            (guarded(url(host, 80)), Fault.EVENT),
            (Request("POST", url(host, 80)), Fault.CONFIGURATION),
        ):
            error = await refusal(transport, request)
            assert (error.code, error.fault) == (code, fault)


async def test_a_computed_host_that_is_down_is_retried(open_, serve):
    server = serve(lambda peer: None, address=(GOOD, 0))
    server.close()
    async with open_(network=OPEN) as transport:
        error = await refusal(transport, guarded(url(GOOD, server.port)))
        assert (error.code, error.fault) == ("connect_refused", Fault.TRANSIENT)


# Configured hosts ----------------------------------------------------------------------------------------------------


async def test_metadata_services_are_refused_even_to_the_configuration_and_everything(open_, canary):
    names = NameServer(**{f"name{index}": [[address]] for index, (address, _) in enumerate(METADATA)})
    hosts = [address for address, _ in METADATA] + [f"name{index}.example" for index in range(len(METADATA))]
    async with open_(look_up=names.look_up, network=EVERYTHING) as transport:
        for host in [*hosts, "metadata.google.internal", "Metadata.Google.Internal."]:
            for is_guarded in (False, True):
                request = Request("POST", url(host, canary.port), guarded=is_guarded)
                assert (await refusal(transport, request)).code == "address_refused", host


async def test_the_configuration_may_name_this_machine(open_, serve):
    server = serve(lambda peer: peer.serve(OK))
    names = NameServer(inside=[["127.0.0.1"]])
    async with open_(look_up=names.look_up) as transport:
        for host in ("127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0", "inside.example"):
            assert (await transport.send(Request("POST", url(host, server.port)), 5)).status == 200, host
    assert server.connections == 4


# Proxies -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_through_a_proxy_no_guarded_request_goes(open_, canary, scheme):
    proxy = Secret(f"http://127.0.0.1:{canary.port}")
    async with open_(proxy=proxy, network=OPEN) as transport:
        for host in ("receiver.example", "8.8.8.8", GOOD):
            error = await refusal(transport, guarded(url(host, 80, scheme)))
            assert (error.code, error.fault) == ("address_refused", Fault.EVENT)
            assert "left to the proxy" in str(error)


async def test_with_everything_allowed_the_proxy_judges_but_for_metadata(open_, serve):
    proxy = serve(lambda peer: peer.serve(OK))
    async with open_(proxy=Secret(f"http://127.0.0.1:{proxy.port}"), network=EVERYTHING) as transport:
        for host in ("receiver.example", "10.0.0.1"):
            assert (await transport.send(guarded(url(host, 81)), 5)).status == 200
        for host in ("169.254.169.254", "::ffff:169.254.169.254", "metadata.google.internal"):
            for is_guarded in (False, True):
                request = Request("POST", url(host, 80), guarded=is_guarded)
                assert (await refusal(transport, request)).code == "address_refused"
    assert [lines[0] for lines, _ in proxy.requests] == [
        "POST http://receiver.example:81/ HTTP/1.1",
        "POST http://10.0.0.1:81/ HTTP/1.1",
    ]


async def test_a_proxy_is_no_metadata_service(open_):
    names = NameServer(proxy=[["169.254.169.254"]])
    for host in ("169.254.169.254", "proxy.example"):
        async with open_(look_up=names.look_up, proxy=Secret(f"http://{host}:80")) as transport:
            for scheme in ("http", "https"):
                error = await refusal(transport, Request("POST", url("receiver.example", 80, scheme)))
                assert error.code == "address_refused"


# Several addresses ---------------------------------------------------------------------------------------------------


async def test_the_next_address_is_tried_when_one_refuses(open_, serve):
    server = serve(lambda peer: peer.serve(OK))
    names = NameServer(several=[["127.0.0.3", "127.0.0.4", "127.0.0.1"]])
    async with open_(look_up=names.look_up) as transport:
        assert (await transport.send(Request("POST", url("several.example", server.port)), 5)).status == 200


async def test_when_all_refuse_that_is_said(open_, serve):
    server = serve(lambda peer: None)
    server.close()
    names = NameServer(several=[["127.0.0.3", "127.0.0.4"]])
    async with open_(look_up=names.look_up) as transport:
        error = await refusal(transport, Request("POST", url("several.example", server.port)))
        assert error.code == "connect_refused"
        assert transport.statistics().open_connections == 0


async def test_the_next_address_gets_its_chance_while_one_is_silent(open_, serve):
    port = free_port()
    full = socket.socket()
    full.bind(("127.0.0.3", port))
    full.listen(0)
    waiting = [socket.socket() for _ in range(3)]
    for one in waiting:
        # Fills the queue of connections that nobody accepts: the next one gets no answer at all.
        one.setblocking(False)
        one.connect_ex(("127.0.0.3", port))
    server = serve(lambda peer: peer.serve(OK), address=("127.0.0.1", port))
    names = NameServer(several=[["127.0.0.3", "127.0.0.1"]])
    try:
        async with open_(look_up=names.look_up) as transport:
            assert (await transport.send(Request("POST", url("several.example", port)), 3)).status == 200
            assert transport.statistics().open_connections == 1
    finally:
        for one in [full, *waiting]:
            one.close()
    assert server.connections == 1


async def test_a_lookup_that_never_answers_is_a_connect_timeout(open_):
    async def look_up(host, port):
        await anyio.sleep_forever()

    async with open_(look_up=look_up) as transport:
        error = await refusal(transport, Request("POST", "http://slow.example/"), 0.2)
        assert error.code == "connect_timeout"
