"""Where an address leads, as a table; and what may be said in `[network] allow`."""

from __future__ import annotations

import ipaddress

import pytest
from doorstep.engine.net.networks import (
    METADATA_NAMES,
    covers_everything,
    ends,
    network_problem,
    parse_networks,
    refusal,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.net.hostile import ADDRESSES, LOCAL, METADATA, PRIVATE, PUBLIC, RESERVED, SPELLINGS

EVERYTHING = parse_networks(["0.0.0.0/0", "::/0"])


def judged(text: str, allowed=(), *, guarded=True) -> str | None:
    return refusal(ipaddress.ip_address(text), allowed, guarded=guarded)


def test_the_list_is_long_enough_and_names_each_once():
    assert len(ADDRESSES) + len(SPELLINGS) >= 150
    for rows in (ADDRESSES + SPELLINGS, PUBLIC):
        assert len({host for host, _ in rows}) == len(rows)


@pytest.mark.parametrize(("address", "why"), ADDRESSES)
def test_a_hostile_address_is_refused_to_a_guarded_request(address, why):
    assert judged(address)


@pytest.mark.parametrize(("address", "why"), METADATA)
def test_a_metadata_service_is_refused_to_everybody(address, why):
    assert judged(address, EVERYTHING)
    assert judged(address, EVERYTHING, guarded=False)


@pytest.mark.parametrize(("address", "why"), LOCAL + PRIVATE + RESERVED)
def test_any_other_address_may_be_written_in_the_configuration(address, why):
    assert judged(address, guarded=False) is None
    assert judged(address, EVERYTHING) is None


@pytest.mark.parametrize(("address", "why"), PUBLIC)
def test_the_public_internet_is_open(address, why):
    assert judged(address) is None
    assert judged(address, guarded=False) is None


@pytest.mark.parametrize(
    ("address", "allow", "opens"),
    [
        ("10.2.0.1", "10.2.0.0/16", True),
        ("10.3.0.1", "10.2.0.0/16", False),
        ("10.2.0.7", "10.2.0.7", True),
        ("::ffff:10.2.0.1", "10.2.0.0/16", True),
        ("64:ff9b::10.2.0.1", "10.2.0.0/16", True),
        ("2002:a02:1::", "10.2.0.0/16", True),
        ("2001:0:a02:1::f5fd:fffe", "10.2.0.0/16", True),
        ("2001:0:a02:1::f5fc:fffe", "10.2.0.0/16", False),
        ("2001:4860:4860::5efe:10.2.0.1", "10.2.0.0/16", True),
        ("fd12::5efe:10.2.0.1", "10.2.0.0/16", False),
        ("fd12::5efe:10.2.0.1", "fd12::/16", False),
        ("::1", "::1", True),
        ("::1", "127.0.0.1", False),
        ("64:ff9b:1::808:808", "64:ff9b:1::/48", True),
        ("fd00::1", "0.0.0.0/0", False),
        ("10.2.0.1", "::/0", False),
    ],
)
def test_a_network_that_is_allowed_opens_what_ends_in_it(address, allow, opens):
    assert (judged(address, parse_networks([allow])) is None) is opens


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_in_all_its_wrappings(address):
    number = int(address)
    wrapped = [
        0xFFFF << 32 | number,
        0xFFFF << 48 | number,
        0x64FF9B << 96 | number,
        0x2002 << 112 | number << 80,
        0x2001 << 112 | number << 64 | ~number & 0xFFFF_FFFF,
    ]
    for guarded in (False, True):
        plain = refusal(address, (), guarded=guarded)
        for one in wrapped:
            assert refusal(ipaddress.IPv6Address(one), (), guarded=guarded) == plain


@given(st.ip_addresses())
def test_nothing_that_the_registries_hold_back_is_open(address):
    """Of the one thing that `is_private` of every version of Python is right about: what it calls private is not public."""
    if address.is_private and ends(address) == [address] and not address.is_global:
        assert refusal(address, (), guarded=True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("10.2.0.0/16", None),
        ("10.2.0.7", None),
        ("fd12:3456::/32", None),
        ("0.0.0.0/0", None),
        ("::/0", None),
        ("::1", None),
        ("100.64.0.0/10", None),
        ("64:ff9b:1::/48", None),
        ("", "no network"),
        ("localhost", "no network"),
        ("10.2", "no network"),
        ("10.0.0.0/33", "no network"),
        ("010.0.0.0/8", "no network"),
        ("10.2.3.4/16", 'write "10.2.0.0/16"'),
        ("169.254.0.0/16", "link-local"),
        ("fe80::/10", "link-local"),
        ("100.100.100.200/32", "a metadata service"),
        ("64:ff9b::/96", "IPv4 addresses"),
        ("2001::/32", "IPv4 addresses"),
        ("::10.0.0.0/104", "IPv4 addresses"),
    ],
)
def test_what_is_no_use_as_a_network_is_told(text, problem):
    told = network_problem(text)
    assert told is None if problem is None else problem in (told or "")


@pytest.mark.parametrize(
    ("networks", "everything"),
    [
        (["0.0.0.0/0", "::/0"], True),
        (["0.0.0.0/0"], False),
        (["::/0"], False),
        (["0.0.0.0/1", "128.0.0.0/1", "::/0"], False),
    ],
)
def test_everything_is_both_kinds(networks, everything):
    assert covers_everything(parse_networks(networks)) is everything


def test_names_of_metadata_services_are_written_as_they_are_compared():
    assert all(name == name.lower().rstrip(".") for name in METADATA_NAMES)
