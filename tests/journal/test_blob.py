"""A chunk as bytes: the same comes back, and whatever happens to a byte is noticed."""

from __future__ import annotations

import pytest
from doorstep.engine.journal.blob import HEADER_BYTES, MAGIC, Damaged, Header, Piece, decode, encode, header_of, joined
from hypothesis import given
from hypothesis import strategies as st

from tests.texts import text

PIECES = [Piece("shop", 1700.5, [b'{"a":1}', b"{}"]), Piece("till", 1701.25, [b'{"b":2}'])]

lines = st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line), min_size=1, max_size=5)
pieces = st.lists(st.builds(Piece, text(max_size=8), st.floats(0, 2e9), lines), min_size=1, max_size=4)


def stored(first: int, pieces: list[Piece]) -> bytes:
    return bytes(encode(first, [joined(piece.source, piece.received, piece.lines) for piece in pieces]))


def test_the_bytes_of_a_chunk_are_these() -> None:
    """Format 1, byte for byte: what is in the journals of users."""
    assert stored(7, PIECES).hex() == (
        # magic, first number, count, length of the table, of all that follows, CRC of that, CRC of the header
        "44536331000000000000000700000003000000210000003376be0b4dd42fa607"
        # the table: [["shop", 1700.5, 2], ["till", 1701.25, 1]]; the lines
        "9293a473686f70cb409a9200000000000293a474696c6ccb409a950000000000"
        "017b2261223a317d0a7b7d0a7b2262223a327d"
    )


def test_a_header_says_what_follows() -> None:
    blob = stored(7, PIECES)
    header = header_of(blob)
    assert (blob[:4], header.first, header.count) == (MAGIC, 7, 3)
    assert HEADER_BYTES + header.length == len(blob)
    assert header == Header(7, 3, header.table, header.length, header.crc)


@given(first=st.integers(1, 2**63), written=pieces)
def test_what_was_encoded_is_decoded(first: int, written: list[Piece]) -> None:
    assert decode(stored(first, written)) == (first, written)


def test_a_change_of_any_bit_of_any_byte_is_noticed() -> None:
    blob = stored(7, PIECES)
    for place in range(len(blob)):
        for bit in range(8):
            changed = bytearray(blob)
            changed[place] ^= 1 << bit
            with pytest.raises(Damaged):
                decode(bytes(changed))


def test_a_chunk_cut_short_or_with_more_behind_it_is_noticed() -> None:
    blob = stored(7, PIECES)
    for length in range(len(blob)):
        with pytest.raises(Damaged):
            decode(blob[:length])
    with pytest.raises(Damaged, match="chunk 7 is not what was written"):
        decode(blob + b"\0")


def test_what_is_no_chunk_is_said_to_be_none() -> None:
    with pytest.raises(Damaged, match="shorter than a header"):
        header_of(b"DSc1")
    with pytest.raises(Damaged, match="no header of a chunk"):
        header_of(bytes(100))
