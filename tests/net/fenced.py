"""Hostile addresses where each of them is real: a network of its own, in which every address there is leads to one canary.

    unshare --user --map-root-user --net --mount sh -c "... python -m tests.net.fenced asyncio"

Run by `test_fenced.py` in such a namespace (`SET_UP` makes it what it is). The canary listens on all addresses at once and says
at which one it was reached; a name server on port 53 answers what libc asks, so names take their whole ordinary way. Prints what
was reached by each way, as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import socket
import struct
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import uvloop
from doorstep.engine.errors import TransportError
from doorstep.engine.model.exchange import Request
from doorstep.engine.net import NetSettings, Transport, open_transport

from tests.net.hostile import ADDRESSES, METADATA, PUBLIC, SPELLINGS

SET_UP = """
ip link set lo up
ip address add 198.51.100.77/32 dev lo
ip address add 2001:db8::77/128 dev lo
ip route add local 0.0.0.0/0 dev lo
ip -6 route add local ::/0 dev lo
printf 'nameserver 198.51.100.53\\n' > "$1/resolv.conf"
printf 'hosts: dns\\n' > "$1/nsswitch.conf"
mount --bind "$1/resolv.conf" /etc/resolv.conf
mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf
"""
"""The addresses of its own are for `AI_ADDRCONFIG`: without one of each kind, libc asks for fewer kinds."""

GOOD = "8.8.8.8"
"""Public, so permitted; here it is this machine, like every other."""
PORT = 8099
_A, _AAAA = 1, 28


class Canary:
    """Answers each request with a redirect to wherever its path says, or with 200; counts the addresses at which it was reached."""

    def __init__(self) -> None:
        self.reached: Counter[str] = Counter()
        self._listener = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            with contextlib.suppress(OSError), sock:
                self.reached[str(_plain(sock.getsockname()[0]))] += 1
                sock.settimeout(1)
                head = sock.recv(65536).decode()
                path = head.split(" ")[1][1:] if head else ""
                location = f"Location: http://{path}:{PORT}/\r\n" if path else ""
                status = "307 Away" if path else "200 OK"
                sock.sendall(f"HTTP/1.1 {status}\r\n{location}Connection: close\r\nContent-Length: 0\r\n\r\n".encode())

    def taken(self) -> dict[str, int]:
        """What was reached since the last call."""
        reached, self.reached = self.reached, Counter()
        return dict(reached)


def _plain(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


class NameServer:
    """`plainN.` is the hostile address N; `mixedN.` a good one and that; `firstN.` a good one when it is asked first, then that."""

    def __init__(self) -> None:
        self._asked: Counter[tuple[str, int]] = Counter()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("0.0.0.0", 53))
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            query, peer = self._socket.recvfrom(512)
            self._socket.sendto(self._answer(query), peer)

    def _answer(self, query: bytes) -> bytes:
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        (kind,) = struct.unpack_from("!H", query, at + 1)
        self._asked[labels[0], kind] += 1
        records = [self._record(kind, address) for address in self._addresses(labels[0], kind)]
        found = [record for record in records if record]
        header = query[:2] + struct.pack("!HHHHH", 0x8180, 1, len(found), 0, 0)
        return header + query[12 : at + 5] + b"".join(found)

    def _addresses(self, label: str, kind: int) -> list[str]:
        how, hostile = label[:5], ADDRESSES[int(label[5:])][0]
        if how == "first":
            return [GOOD] if self._asked[label, kind] == 1 else [hostile]
        return [GOOD, hostile] if how == "mixed" else [hostile]

    def _record(self, kind: int, text: str) -> bytes:
        address = ipaddress.ip_address(text)
        if kind != (_A if address.version == 4 else _AAAA):
            return b""
        return b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, len(address.packed)) + address.packed


async def outcome(transport: Transport, host: str, *, path: str = "", guarded: bool) -> str:
    """The status of what came back, or the code of the error."""
    try:
        response = await transport.send(Request("POST", _url(host) + path, body=b"{}", guarded=guarded), 3)
    except TransportError as error:
        return error.code
    return str(response.status)


def _url(host: str) -> str:
    return f"http://{f'[{host}]' if ':' in host and '[' not in host else host}:{PORT}/"


async def each(hosts: list[str], one: Callable[[str], Awaitable[str]]) -> dict[str, int]:
    """How often each outcome was seen."""
    seen: Counter[str] = Counter()
    for host in hosts:
        seen[await one(host)] += 1
    return dict(seen)


async def run(canary: Canary) -> dict[str, Any]:
    report: dict[str, Any] = {}
    literal = [host for host, _ in ADDRESSES]
    metadata = [host for host, _ in METADATA]
    ordinary = [host for host in literal if host not in metadata]

    async def record(way: str, hosts: list[str], one: Callable[[str], Awaitable[str]]) -> None:
        report[way] = {"outcomes": await each(hosts, one), "reached": canary.taken()}

    async with await open_transport(NetSettings()) as transport:

        async def computed(host: str) -> str:
            return await outcome(transport, host, guarded=True)

        async def configured(host: str) -> str:
            return await outcome(transport, host, guarded=False)

        async def redirected(host: str) -> str:
            return await outcome(transport, GOOD, path=host, guarded=True)

        await record("public", [host for host, _ in PUBLIC], computed)
        await record("computed", literal, computed)
        await record("spelled", [host for host, _ in SPELLINGS], computed)
        await record("redirect", literal, redirected)
        await record("configured metadata", metadata, configured)
        await record("configured", ordinary, configured)
        for way in ("plain", "mixed"):
            await record(way, [f"{way}{index}.test" for index in range(len(ADDRESSES))], computed)

    async def rebound(host: str) -> str:
        # Two transports: one of aiohttp's remembers for some seconds what it has looked up (and checked).
        outcomes = []
        for _ in range(2):
            async with await open_transport(NetSettings()) as transport:
                outcomes += [await outcome(transport, host, guarded=True) for _ in range(2)]
        return " ".join(dict.fromkeys(outcomes))

    await record("first", [f"first{index}.test" for index in range(len(ADDRESSES))], rebound)
    return report


def main() -> None:
    canary, _ = Canary(), NameServer()
    options: dict[str, Any] = {
        "asyncio": {"loop_factory": asyncio.new_event_loop},
        "uvloop": {"loop_factory": uvloop.new_event_loop},
        "trio": {},
    }
    loop = sys.argv[1]
    backend = "trio" if loop == "trio" else "asyncio"
    print(json.dumps(anyio.run(run, canary, backend=backend, backend_options=options[loop])))


if __name__ == "__main__":
    main()
