"""The guard on outgoing addresses: a name is looked up once, every address of it is judged, and only a judged one is connected to.

    host -> check_host (a literal address, a name of a metadata service) -> look_up -> check_addresses -> connect to one of these

Two degrees. A host that is written in the configuration may be anywhere but at a cloud's metadata service. One that came from an
event or from a function (`Request.guarded`) may only be on the public internet or in a network of `[network] allow`. Each degree
has a pool of connections to itself, so that none opened under the lesser serves the stricter; both verify certificates by name, and
nothing follows a redirect. A name with one bad address among good ones is refused as a whole: which of them is used would be chance.

Through a proxy the lookup happens where nobody here sees it. A guarded request is refused then, unless `allow` is everything
(`["0.0.0.0/0", "::/0"]`): whoever writes that leaves the judging to the proxy. Metadata services are refused by name and as literal
addresses even so. The proxy's own host is one that is written in the configuration.

Other spellings of an IPv4 address (`127.1`, `0x7f.1`, `017700000001`, `2130706433`), which resolvers read as one, are no hosts at
all here (`wire.parse_target`).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

import anyio

from ..errors import TransportError
from .networks import METADATA_NAMES, covers_everything, parse_networks, refusal
from .settings import NetworkSettings

LookUp: TypeAlias = Callable[[str, int], Awaitable[list[str]]]
"""A name and a port to addresses, numeric, best first. Raises socket.gaierror."""


async def system_look_up(host: str, port: int) -> list[str]:
    """As the system's resolver does it, in a worker thread."""
    infos = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    # A dict, for the order: of several protocols each address would come once for each.
    return list(dict.fromkeys(address[0] for *_, address in infos))


class Guard:
    """Refuses by raising TransportError `address_refused`. One per transport."""

    def __init__(self, settings: NetworkSettings, *, proxied: bool, look_up: LookUp = system_look_up) -> None:
        self._allowed = parse_networks(settings.allow)
        self._proxied = proxied
        self._look_up = look_up

    def check_host(self, host: str, *, guarded: bool) -> None:
        """All that can be said without a lookup. `host` is a name or a literal address."""
        if host.rstrip(".").lower() in METADATA_NAMES:
            raise TransportError("address_refused", f"{host} is a metadata service, which no request may reach")
        if guarded and self._proxied and not covers_everything(self._allowed):
            raise TransportError(
                "address_refused",
                f"{host} comes from an event, and where a proxy would find it cannot be checked; "
                'with [network] allow = ["0.0.0.0/0", "::/0"] that is left to the proxy',
            )
        if _is_literal(host):
            self._check(host, [host], guarded=guarded)

    async def addresses(self, host: str, port: int, *, guarded: bool) -> list[str]:
        """Those of `host`, checked. With a proxy, `host` is the proxy's."""
        addresses = [host] if _is_literal(host) else await self._look_up(host, port)
        self._check(host, addresses, guarded=guarded and not self._proxied)
        return addresses

    def _check(self, host: str, addresses: Iterable[str], *, guarded: bool) -> None:
        for address in addresses:
            word = refusal(ipaddress.ip_address(address), self._allowed, guarded=guarded)
            if word is not None:
                where = address if host == address else f"{host} is at {address}, which"
                raise TransportError("address_refused", f"{where} is {word}")


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
