"""Which addresses are on the public internet, which belong to a cloud's machinery, and which hide others. Pure.

    address -> ends (what it embeds, unwrapped) -> refusal (why a request may not go there)

Explicit tables, from IANA's special-purpose registries and the clouds' documentation. `ipaddress.is_global` is no help: the
one of Python 3.11 takes `::ffff:100.64.0.1`, `64:ff9b::a9fe:a9fe`, `2002:a9fe:a9fe::1`, `192.0.0.192` and `224.0.0.1` for global.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network


def _table(*rows: tuple[str, str]) -> list[tuple[Network, str]]:
    return [(ipaddress.ip_network(network), word) for network, word in rows]


_METADATA = _table(
    # Who reaches one of these as the machine gets its credentials: for nobody, whatever a configuration says.
    (
        "169.254.0.0/16",
        "link-local, where clouds keep their metadata",
    ),  # AWS, ECS, GCP, Azure, Oracle, Tencent, Scaleway ...
    ("fe80::/10", "link-local, where clouds keep their metadata"),
    ("fd00:ec2::/32", "a metadata service"),  # AWS: ::254, pod identity ::23
    ("fd20:ce::254/128", "a metadata service"),  # GCP
    ("fd00:42::42/128", "a metadata service"),  # Scaleway
    ("100.100.100.200/32", "a metadata service"),  # Alibaba
    ("192.0.0.192/32", "a metadata service"),  # Oracle
    ("168.63.129.16/32", "a metadata service"),  # Azure's wire server
)
METADATA_NAMES = frozenset(
    {
        "metadata",
        "metadata.goog",
        "metadata.google.internal",
        "metadata.azure.internal",
        "metadata.tencentyun.com",
        "metadata.ec2.internal",
        "instance-data",
        "instance-data.ec2.internal",
    }
)
"""Refused before they are looked up, since a proxy would do that elsewhere."""

_NOT_PUBLIC = _table(
    ("0.0.0.0/8", "this machine"),
    ("10.0.0.0/8", "a private network"),
    ("100.64.0.0/10", "a carrier's own network"),
    ("127.0.0.0/8", "this machine"),
    ("172.16.0.0/12", "a private network"),
    ("192.0.0.0/24", "reserved for protocols"),
    ("192.0.2.0/24", "reserved for documentation"),
    ("192.88.99.0/24", "a 6to4 relay"),
    ("192.168.0.0/16", "a private network"),
    ("198.18.0.0/15", "reserved for benchmarks"),
    ("198.51.100.0/24", "reserved for documentation"),
    ("203.0.113.0/24", "reserved for documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/127", "this machine"),
    ("2001::/23", "reserved for protocols"),
    ("2001:db8::/32", "reserved for documentation"),
    ("3fff::/20", "reserved for documentation"),
    ("fc00::/7", "a private network"),
    ("fec0::/10", "a private network"),
    ("ff00::/8", "multicast"),
)
_PUBLIC_V6 = IPv6Network("2000::/3")
"""All that was ever given out for the public internet; the rest is refused, named above or not."""

_LAST_FOUR_BYTES = [
    # An IPv6 address in one of these is another way to write an IPv4 address, or is translated to it on the way.
    IPv6Network("::/96"),  # IPv4-compatible
    IPv6Network("::ffff:0:0/96"),  # IPv4-mapped
    IPv6Network("::ffff:0:0:0/96"),  # IPv4-translated, RFC 2765
    IPv6Network("64:ff9b::/96"),  # NAT64, RFC 6052
]
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
_TRANSPARENT = [*_LAST_FOUR_BYTES, _SIX_TO_FOUR, _TEREDO]


def ends(address: Address) -> list[Address]:
    """Where a packet to `address` may end up, all of which have to be permitted: itself, or what it embeds."""
    if isinstance(address, IPv4Address) or int(address) < 2:  # `::` and `::1` are no IPv4-compatible addresses
        return [address]
    number = int(address)
    last = IPv4Address(number & 0xFFFF_FFFF)
    if any(address in network for network in _LAST_FOUR_BYTES):
        return [last]
    if address in _SIX_TO_FOUR:
        return [IPv4Address(number >> 80 & 0xFFFF_FFFF)]
    if address in _TEREDO:
        return [IPv4Address(number >> 64 & 0xFFFF_FFFF), IPv4Address(~number & 0xFFFF_FFFF)]
    return [address, last] if number >> 32 & 0xFFFF_FFFF in _ISATAP else [address]


def refusal(address: Address, allowed: Sequence[Network], *, guarded: bool) -> str | None:
    """Why no request may go to `address`, in words; None if one may. `guarded`: the host came from an event."""
    for end in ends(address):
        if word := _metadata(end):
            return word
        if guarded and not any(end in network for network in allowed) and (word := _not_public(end)):
            return word
    return None


def _metadata(address: Address) -> str | None:
    return next(
        (word for hidden in _with_translated(address) for network, word in _METADATA if hidden in network), None
    )


def _with_translated(address: Address) -> Iterator[Address]:
    """Also the IPv4 addresses that an operator's own NAT64 could make of it: where they are depends on its prefix (RFC 6052, 2.2)."""
    yield address
    if address in _LOCAL_NAT64:
        raw = address.packed
        for embedded in (raw[6:8] + raw[9:11], raw[7:8] + raw[9:12], raw[9:13], raw[12:16]):
            yield IPv4Address(embedded)


def _not_public(address: Address) -> str | None:
    for network, word in _NOT_PUBLIC:
        if address in network:
            return word
    return "not a public address" if isinstance(address, IPv6Address) and address not in _PUBLIC_V6 else None


def parse_networks(texts: Iterable[str]) -> list[Network]:
    """The networks of valid texts. Raises ValueError; `network_problem` says it better."""
    return [ipaddress.ip_network(text) for text in texts]


def network_problem(text: str) -> str | None:
    """What is wrong with `text` as a network that guarded requests may reach, and what would be right; None if nothing is."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return f'{text!r} is no network; write one like "10.2.0.0/16", "10.2.0.7" or "fd12:3456::/32"'
    if "/" in text and ipaddress.ip_interface(text).ip != network.network_address:
        return f'{text} has bits set beyond its length; write "{network}", or the address alone'
    if any(_is_within(network, forbidden) for forbidden, _ in _METADATA):
        return f"{text} is {_metadata(network.network_address)}: no request may go there; leave it out"
    if int(network.network_address) > 1 and any(_is_within(network, inside) for inside in _TRANSPARENT):
        return f"{text} stands for IPv4 addresses, which are judged in its place; write the network of those"
    return None


def covers_everything(networks: Sequence[Network]) -> bool:
    """Whether they are all the addresses there are, of both kinds."""
    return {network.version for network in networks if network.prefixlen == 0} == {4, 6}


def _is_within(network: Network, other: Network) -> bool:
    if isinstance(network, IPv4Network):
        return isinstance(other, IPv4Network) and network.subnet_of(other)
    return isinstance(other, IPv6Network) and network.subnet_of(other)
