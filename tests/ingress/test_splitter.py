"""Lines come out the same however the input was cut, and a line that is too long costs nothing."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest
from doorstep.engine.ingress.splitter import LineSplitter
from doorstep.engine.model import Lines
from hypothesis import given
from hypothesis import strategies as st

LIMIT = 8


def split(pieces: list[bytes], limit: int = LIMIT) -> tuple[list[tuple[int, bytes]], list[int], int]:
    """Numbered lines, numbers of those too large, and the last number, of a whole input in pieces."""
    splitter = LineSplitter(limit)
    reads = [*map(splitter.feed, pieces), splitter.finish()]
    lines: list[tuple[int, bytes]] = []
    too_large: list[int] = []
    last = 0
    for read in filter(None, reads):
        lines += zip(read.numbers, read.lines, strict=True)
        too_large += read.too_large
        last = read.last
    return lines, too_large, last


@pytest.mark.parametrize(
    ("data", "lines", "too_large", "last"),
    [
        pytest.param(b"", [], [], 0, id="nothing"),
        pytest.param(b"a\nb\n", [(1, b"a"), (2, b"b")], [], 2, id="lf"),
        pytest.param(b"a\r\nb\r\n", [(1, b"a"), (2, b"b")], [], 2, id="crlf"),
        pytest.param(b"a\nb", [(1, b"a"), (2, b"b")], [], 2, id="no line end at the end"),
        pytest.param(b"a\nb\r", [(1, b"a"), (2, b"b")], [], 2, id="half a line end at the end"),
        pytest.param(b"a\r\r\n", [(1, b"a\r")], [], 1, id="one carriage return is stripped, no more"),
        pytest.param(b"a\rb\n", [(1, b"a\rb")], [], 1, id="a lone carriage return ends nothing"),
        pytest.param(b"\n\na\n\n", [(3, b"a")], [], 4, id="blank lines count"),
        pytest.param(b" \t\n\r\na\n \r\n", [(3, b"a")], [], 4, id="white space is blank"),
        pytest.param(b" ", [], [], 1, id="a blank line without end counts"),
        pytest.param(b"12345678\n", [(1, b"12345678")], [], 1, id="the limit itself"),
        pytest.param(b"12345678\r\n", [(1, b"12345678")], [], 1, id="the limit itself with crlf"),
        pytest.param(b"a\n123456789\nb\n", [(1, b"a"), (3, b"b")], [2], 3, id="over the limit"),
        pytest.param(b"12345678\r\r\nb\n", [(2, b"b")], [1], 2, id="over the limit by a carriage return"),
        pytest.param(b"a\n123456789", [(1, b"a")], [2], 2, id="over the limit at the end"),
        pytest.param(b"         \nb", [(2, b"b")], [1], 2, id="white space over the limit is too large, not blank"),
        pytest.param(b"\xef\xbb\xbfa\nb\n", [(1, b"a"), (2, b"b")], [], 2, id="byte order mark"),
        pytest.param(b"\xef\xbb\xbf12345678\n", [(1, b"12345678")], [], 1, id="byte order mark and the limit itself"),
        pytest.param(b"\xef\xbb\xbf", [], [], 0, id="nothing but a byte order mark"),
        pytest.param(b"\xef\xbb", [(1, b"\xef\xbb")], [], 1, id="two thirds of a byte order mark"),
        pytest.param(b"\xef\xbb\n", [(1, b"\xef\xbb")], [], 1, id="two thirds of a byte order mark, a line"),
        pytest.param(b"a\n\xef\xbb\xbfb\n", [(1, b"a"), (2, b"\xef\xbb\xbfb")], [], 2, id="byte order mark later"),
    ],
)
def test_lines_of(data: bytes, lines: list[tuple[int, bytes]], too_large: list[int], last: int) -> None:
    assert split([data]) == (lines, too_large, last)
    assert split([bytes([byte]) for byte in data]) == (lines, too_large, last)


_inputs = st.lists(st.sampled_from([b"\n", b"\r\n", b"\r", b" ", b"a", b"bcdefg", b"12345678", b"\xef\xbb\xbf"])).map(
    b"".join
)


@given(data=st.one_of(_inputs, st.binary()), cuts=st.lists(st.integers(0, 200)))
def test_how_the_input_is_cut_makes_no_difference(data: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:end] for start, end in pairwise(places)]
    assert split(pieces) == split([data])


@given(data=_inputs)
def test_a_line_end_at_the_end_makes_no_difference(data: bytes) -> None:
    if data and not data.endswith(b"\n") and data != b"\xef\xbb\xbf":
        assert split([data + b"\n"]) == split([data])


@given(data=_inputs)
def test_lines_are_those_of_split(data: bytes) -> None:
    expected = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if not expected[-1]:
        expected.pop()
    wanted = [(n, line.removesuffix(b"\r")) for n, line in enumerate(expected, 1)]
    lines, too_large, last = split([data])
    assert lines == [(n, line) for n, line in wanted if line.strip() and len(line) <= LIMIT]
    assert too_large == [n for n, line in wanted if len(line) > LIMIT]
    assert last == len(wanted)


def test_a_read_without_line_end_completes_nothing() -> None:
    splitter = LineSplitter(LIMIT)
    assert splitter.feed(b"ab") is None
    assert splitter.feed(b"") is None
    assert splitter.feed(b"c\nd") == Lines([b"abc"], range(1, 2), (), 1)
    assert splitter.feed(b"") is None
    assert splitter.finish() == Lines([b"d"], range(2, 3), (), 2)


def test_numbers_are_a_range_where_nothing_is_missing() -> None:
    read = LineSplitter(LIMIT).feed(b"a\nb\nc\n")
    assert read is not None
    assert read.numbers == range(1, 4)


def test_a_read_of_blank_lines_says_how_far_it_went() -> None:
    assert LineSplitter(LIMIT).feed(b"\n\n\n") == Lines([], [], [], 3)


def test_a_line_of_one_gibibyte_costs_no_memory() -> None:
    splitter = LineSplitter(32 * 1024)
    piece = b"x" * (1024 * 1024)
    splitter.feed(b'{"a":1}\n')
    tracemalloc.start()
    try:
        for _ in range(1024):
            assert splitter.feed(piece) is None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert repr(splitter) == "<LineSplitter 1 lines, 32770 bytes held>"
    assert peak < 3 * len(piece)
    assert splitter.feed(b'\n{"b":1}\n') == Lines([b'{"b":1}'], [3], [2], 3)
    assert repr(splitter) == "<LineSplitter 3 lines, 0 bytes held>"


def test_a_long_line_in_single_bytes_is_looked_at_once() -> None:
    """A megabyte byte by byte: were each read to copy what is held, this would move half a terabyte."""
    size = 1024 * 1024
    splitter = LineSplitter(size)
    for _ in range(size):
        splitter.feed(b"x")
    assert splitter.feed(b"\n") == Lines([b"x" * size], range(1, 2), (), 1)
