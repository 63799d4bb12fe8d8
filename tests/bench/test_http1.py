"""Requests are found however the bytes are cut, and nothing that is not understood passes for one."""

from __future__ import annotations

import pytest

from bench.http1 import Inbox, NotUnderstood, parse_head

POST = b"POST /ok HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\nhello"
GET = b"GET /stats HTTP/1.1\r\nHost: here\r\n\r\n"


def feed(inbox: Inbox, data: bytes) -> None:
    """Gives the inbox all of `data`, in as many reads as its room asks for."""
    while data:
        room = inbox.free()
        taken = min(len(room), len(data))
        room[:taken] = data[:taken]
        inbox.received(taken)
        data = data[taken:]


def drain(inbox: Inbox) -> list[tuple[str, str, bytes]]:
    """What is whole, as (method, target, body)."""
    found = []
    while (request := inbox.next()) is not None:
        found.append((request.method, request.target, request.body))
    return found


@pytest.mark.parametrize("cut", range(1, len(POST)))
def test_a_request_in_two_packets_is_found_when_the_second_is_in(cut: int) -> None:
    inbox = Inbox()
    feed(inbox, POST[:cut])
    assert drain(inbox) == []
    feed(inbox, POST[cut:])
    assert drain(inbox) == [("POST", "/ok", b"hello")]


def test_pipelined_requests_come_out_one_by_one_in_order() -> None:
    inbox = Inbox()
    feed(inbox, POST + GET + POST.replace(b"hello", b"world"))
    assert drain(inbox) == [("POST", "/ok", b"hello"), ("GET", "/stats", b""), ("POST", "/ok", b"world")]


def test_byte_by_byte_in_a_tiny_buffer_nothing_is_lost() -> None:
    inbox = Inbox(capacity=8)
    found = []
    for byte in (POST + GET) * 3:
        feed(inbox, bytes([byte]))
        found += drain(inbox)
    assert found == [("POST", "/ok", b"hello"), ("GET", "/stats", b"")] * 3


def test_a_body_larger_than_the_buffer_gets_a_larger_buffer() -> None:
    inbox = Inbox(capacity=128)
    body = bytes(range(256)) * 40
    feed(inbox, b"POST /ok HTTP/1.1\r\nContent-Length: 10240\r\n\r\n")
    assert drain(inbox) == []
    assert len(inbox.free()) >= 10240
    feed(inbox, body + GET)
    assert drain(inbox) == [("POST", "/ok", body), ("GET", "/stats", b"")]


def test_a_body_that_looks_like_a_head_is_a_body() -> None:
    inbox = Inbox()
    feed(inbox, b"POST /ok HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(GET) + GET)
    assert drain(inbox) == [("POST", "/ok", GET)]


def test_header_names_are_read_in_any_case() -> None:
    assert parse_head(b"POST /ok HTTP/1.1\r\ncontent-LENGTH: 12") == ("POST", "/ok", 12)


def test_without_a_length_there_is_no_body() -> None:
    assert parse_head(b"GET /stats HTTP/1.1\r\nHost: here") == ("GET", "/stats", 0)


@pytest.mark.parametrize(
    "head",
    [
        b"POST /ok HTTP/1.1\r\nTransfer-Encoding: chunked",
        b"POST /ok",
        b"hello",
        b"PRI * HTTP/2.0",
        b'{"type": "track", "event": "x"}',
    ],
)
def test_what_is_not_understood_is_refused(head: bytes) -> None:
    with pytest.raises(NotUnderstood):
        parse_head(head)
