"""The schedule is fixed beforehand: what is late is late by the clock, and says so."""

from __future__ import annotations

import io
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.feeder import SECOND_NS, Schedule, drip, pour
from bench.stamp import STAMPS, stamped


@pytest.mark.parametrize(
    ("now_ns", "due"),
    [
        (999, 0),
        (1000, 1),
        (1000 + 499_999, 1),
        (1000 + 500_000, 2),
        (1000 + SECOND_NS - 1, 2000),
        (1000 + SECOND_NS, 2001),
    ],
)
def test_event_i_is_due_from_its_send_time_on(now_ns: int, due: int) -> None:
    assert Schedule(start_ns=1000, rate=2000).due(now_ns) == due


def test_send_times_are_even() -> None:
    schedule = Schedule(start_ns=1000, rate=2000)
    assert [schedule.intended_ns(i) for i in (0, 1, 2, 2000)] == [1000, 501_000, 1_001_000, 1000 + SECOND_NS]


@given(start=st.integers(0, 10**18), rate=st.integers(1, 10**6), i=st.integers(0, 10**9))
def test_an_event_is_due_at_its_send_time_and_not_before(start: int, rate: int, i: int) -> None:
    schedule = Schedule(start, rate)
    assert schedule.due(schedule.intended_ns(i)) >= i + 1
    assert schedule.due(schedule.intended_ns(i) - 1) <= i


def test_a_stamp_is_of_fixed_width_and_first_in_the_context() -> None:
    assert stamped(b'{"context":{"ip":"x"}}', 42) == b'{"context":{"sent_at":"0000000000000000042","ip":"x"}}'


def test_a_stamp_is_found_again() -> None:
    assert STAMPS.findall(stamped(b'{"context":{"ip":"x"}}', 1_802_345_721_843)) == [b"0000001802345721843"]


def test_a_late_feeder_writes_all_at_once_with_the_times_that_were_intended() -> None:
    out = io.BytesIO()
    report = drip(iter([b'{"context":{"n":1}}\n'] * 5), out, Schedule(start_ns=0, rate=2), total=3)
    assert STAMPS.findall(out.getvalue()) == [b"0000000000000000000", b"0000000000500000000", b"0000000001000000000"]
    assert out.getvalue().count(b"\n") == 3
    assert (report.bytes, report.start_ns) == (len(out.getvalue()), 0)
    assert report.late_ms > 0


def test_at_full_speed_the_whole_file_goes_through(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"one\ntwo\n")
    with open(tmp_path / "in", "rb") as source, open(tmp_path / "out", "wb") as out:
        report = pour(source, out.fileno())
    assert (tmp_path / "out").read_bytes() == b"one\ntwo\n"
    assert report.bytes == 8


def test_at_full_speed_a_socket_gets_it_all_too(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"one\ntwo\n")
    near, far = socket.socketpair()
    with near, far, open(tmp_path / "in", "rb") as source:
        pour(source, near.fileno())
        near.shutdown(socket.SHUT_WR)
        assert far.recv(100) == b"one\ntwo\n"
        assert far.recv(100) == b""
