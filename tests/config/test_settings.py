"""The types that settings are made of: what goes in comes out as it would be written."""

from __future__ import annotations

import msgspec
import pytest
from doorstep.engine.secret import Secret
from doorstep.engine.settings import Duration, Settings, Size, decode_hook, encode_hook
from hypothesis import given
from hypothesis import strategies as st


class Sample(Settings, frozen=True):
    wait: Duration = Duration("5s")
    room: Size = Size("4MiB")
    key: Secret | None = None


@given(st.floats(min_value=0, max_value=1e9))
def test_a_duration_reads_back_exactly_as_its_text_says(seconds: float) -> None:
    assert Duration(Duration(seconds).text) == seconds


@given(st.integers(min_value=0, max_value=2**53))
def test_a_size_reads_back_exactly_as_its_text_says(size_bytes: int) -> None:
    assert Size(Size(size_bytes).text) == size_bytes


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Duration("0s"), "0s"),
        (Duration("1.5m"), "90s"),
        (Duration("24h"), "1d"),
        (Duration("1234567.5s"), "1234567500ms"),
        (Duration(0.00025), "0.00025s"),
        (Duration("250ms"), "250ms"),
        (Size(0), "0B"),
        (Size("512KiB"), "512KiB"),
        (Size(1000001), "1000001B"),
        (Secret("hunter22"), "***"),
    ],
)
def test_values_are_shown_as_they_would_be_written(value: object, text: str) -> None:
    assert encode_hook(value) == text


def test_values_are_read_and_written_through_msgspec() -> None:
    sample = msgspec.convert({"wait": "1m", "room": 10, "key": "k"}, Sample, dec_hook=decode_hook)
    assert sample == Sample(wait=Duration(60), room=Size(10), key=Secret("k"))
    assert msgspec.json.encode(sample, enc_hook=encode_hook) == b'{"wait":"1m","room":"10B","key":"***"}'


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        (Duration, 5, 'expected a duration like "5s", got int'),
        (Duration, "5 apples", '\'5 apples\' is not a duration; write one like "250ms", "5s", "10m", "24h" or "7d"'),
        (Size, True, 'expected a size like "4MiB", got bool'),
        (Size, -1, '-1 is not a size; write one like "512KiB", "10MB" or 4096'),
        (Secret, 12345678, "expected a string, got int"),
        (dict, {}, "expected dict, got dict"),
    ],
)
def test_a_wrong_value_is_told_what_would_be_right(type_: type, value: object, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the message is compared in full)
        decode_hook(type_, value)
    assert str(caught.value) == message
