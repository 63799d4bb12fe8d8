"""What an error of the system is called, however deep a library has buried it."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest
from doorstep.engine.net.faults import system_error, transport_error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "connect_refused"),
        (OSError(errno.ETIMEDOUT, "timed out"), "connect_timeout"),
        (OSError(errno.ENETUNREACH, "no network"), "unreachable"),
        (OSError(errno.EHOSTUNREACH, "no route"), "unreachable"),
        (OSError(errno.EMFILE, "too many files"), "unreachable"),
        (BrokenPipeError(errno.EPIPE, "broken pipe"), "reset"),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "unknown_host"),
        (socket.gaierror(socket.EAI_AGAIN, "later"), "resolver"),
        (ssl.SSLEOFError(8, "EOF"), "reset"),
        (ssl.SSLWantReadError(2, "not done"), "otherwise"),
        (ssl.SSLError(1, "bad record"), "tls"),
        (ssl.SSLCertVerificationError(1, "bad certificate"), "tls"),
        (OSError("no number at all"), "otherwise"),
        (ValueError("not of the system"), "otherwise"),
    ],
)
def test_every_error_of_the_system_has_one_code(error, code):
    assert system_error(error, "otherwise")[0] == code


def test_the_nearest_cause_counts_through_chains_and_groups():
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "refused")
    group = ExceptionGroup("all attempts", [ValueError(), refused])
    outer = OSError("all connection attempts failed")
    outer.__cause__ = group
    assert system_error(outer, "otherwise") == ("connect_refused", "refused")


def test_a_chain_that_bites_its_tail_ends():
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert system_error(one, "reset") == ("reset", "one")


@pytest.mark.parametrize("code", ["connect_refused", "unreachable", "resolver", "unknown_host"])
def test_who_cannot_be_reached_through_a_proxy_is_the_proxy(code):
    assert transport_error(code, "", proxied=True).code == "proxy"
    assert transport_error(code, "", proxied=False).code == code


def test_credentials_are_taken_out_of_the_text():
    assert str(transport_error("tls", "at http://me:secret@proxy:1/ it broke", proxied=True)) == (
        "tls: at http://proxy:1/ it broke"
    )
