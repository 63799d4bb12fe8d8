"""The producer keeps what was acknowledged, and repeats exactly what may have been missed."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from bench.reliability.facts import Facts
from bench.reliability.ledger import Ledger
from bench.reliability.producer import Producer
from bench.reliability.stage import ids_of

FACTS = Facts(1)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def producing(listener: socket.socket, ledger: Ledger, ids: list[int], rate: int = 0) -> Producer:
    address = listener.getsockname()
    producer = Producer(FACTS, ledger, lambda: address, ids=iter(ids), rate=rate)
    producer.start()
    return producer


def received(connection: socket.socket, lines: int) -> bytes:
    connection.settimeout(10)
    data = b""
    while data.count(b"\n") < lines:
        data += connection.recv(65536)
    return data


def test_events_come_as_lines_in_order_and_acks_end_it(listener: socket.socket, ledger: Ledger) -> None:
    producer = producing(listener, ledger, [5, 6, 7])
    with listener.accept()[0] as connection:
        assert received(connection, 3) == FACTS.lines([5, 6, 7])
        connection.sendall(b'{"ack": 2}\n{"ack": 3}\n')
        assert producer.join(10)
    assert (ledger.acked_count, ledger.sent_count, ledger.resent_count) == (3, 3, 0)
    assert producer.exhausted
    assert len(producer.latencies_ns) == 1


def test_what_was_not_acked_is_sent_again_on_the_next_connection(listener: socket.socket, ledger: Ledger) -> None:
    producer = producing(listener, ledger, [0, 1, 2, 3])
    with listener.accept()[0] as connection:
        received(connection, 4)
        connection.sendall(b'{"ack": 3}\n')
    with listener.accept()[0] as connection:
        assert received(connection, 1) == FACTS.lines([3])
        connection.sendall(b'{"ack": 1}\n')
        assert producer.join(10)
    assert ledger.acked_count == 4
    assert [ledger.times_sent(i) for i in range(4)] == [1, 1, 1, 2]


def test_an_ack_in_pieces_is_one_ack(listener: socket.socket, ledger: Ledger) -> None:
    producer = producing(listener, ledger, [0, 1])
    with listener.accept()[0] as connection:
        received(connection, 2)
        for piece in (b'{"ack": 1}\n{"a', b'ck": 2}', b"\n"):
            connection.sendall(piece)
        assert producer.join(10)
    assert ledger.acked_count == 2


def test_what_never_left_the_producer_was_not_sent(listener: socket.socket, ledger: Ledger) -> None:
    producer = producing(listener, ledger, list(range(20_000)))
    with listener.accept()[0] as connection:
        connection.settimeout(10)
        connection.recv(1)  # far more is on its way than the buffers of a connection hold
    with listener.accept()[0] as connection:
        received(connection, 1)
        assert 0 < ledger.resent_count < ledger.sent_count < 20_000
        producer.close()


def test_a_rate_is_kept(listener: socket.socket, ledger: Ledger) -> None:
    producer = producing(listener, ledger, list(range(200)), rate=1000)
    with listener.accept()[0] as connection:
        received(connection, 200)
        connection.sendall(b'{"ack": 200}\n')
        assert producer.join(10)
    assert producer.last_ack_ns - producer.start_ns >= 0.2e9


def test_several_producers_share_the_ids() -> None:
    first, second = ids_of(0, 2), ids_of(1, 2)
    assert [next(ids) for ids in (first, first, second, second)] == [0, 2, 1, 3]
