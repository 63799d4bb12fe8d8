"""The figures that follow from what was seen at the receiver."""

from __future__ import annotations

import msgspec
import pytest

from bench.feeder import Report
from bench.figures import percentile
from bench.measured import Measured
from bench.paths import PathStats, SinkStats

SECOND = 10**9


def path(requests: int, size: int, first_ns: int, last_ns: int, first_bytes: int) -> PathStats:
    return PathStats(requests=requests, bytes=size, first_ns=first_ns, last_ns=last_ns, first_bytes=first_bytes)


def measured(
    paths: dict[str, PathStats], events: int = 1000, fed_bytes: int = 10_000, seconds: float = 0.0
) -> Measured:
    return Measured(
        events=events,
        seconds=seconds,
        fed=Report(bytes=fed_bytes, start_ns=10 * SECOND),
        sink=SinkStats(cpu_s=0.5, paths=paths),
        wall_s=5.0,
        cpu_s=0.004,
        rss_mib=40.0,
        exit_code=0,
    )


def test_a_rate_leaves_out_what_came_with_the_first_request() -> None:
    run = measured({"/ok": path(10, 10_000, 0, 2 * SECOND, first_bytes=1000)})
    assert run.events_per_s == 450.0


def test_a_rate_over_several_paths_runs_from_the_first_arrival_to_the_last() -> None:
    late = path(10, 5000, SECOND, 4 * SECOND, first_bytes=500)
    early = path(10, 5000, 0, 2 * SECOND, first_bytes=1000)
    assert measured({"/ok/0": late, "/ok/1": early}).events_per_s == 225.0


def test_nothing_arrived_is_a_rate_of_zero() -> None:
    assert measured({}).events_per_s == 0.0


def test_a_single_request_has_no_rate() -> None:
    assert measured({"/ok": path(1, 1000, 5, 5, first_bytes=1000)}).events_per_s == 0.0


def test_an_array_has_one_byte_more_than_its_lines() -> None:
    lines = [b'{"a":1}\n', b'{"b":2}\n', b'{"c":3}\n']
    bodies = [b'[{"a":1},{"b":2}]', b'[{"c":3}]']
    seen = path(len(bodies), sum(map(len, bodies)), 0, 1, 17)
    assert measured({"/ok": seen}, fed_bytes=sum(map(len, lines))).arrived("/ok", framing=1) == 1.0


def test_an_event_a_request_has_one_byte_less_than_its_line() -> None:
    seen = path(3, 3 * 7, 0, 1, 7)
    assert measured({"/ok": seen}, fed_bytes=24).arrived("/ok", framing=-1) == 1.0


def test_a_repeated_event_shows_as_more_than_all() -> None:
    seen = path(4, 4 * 7, 0, 1, 7)
    assert measured({"/ok": seen}, fed_bytes=24).arrived("/ok", framing=-1) > 1.0


def test_pace_is_kept_if_all_arrived_by_the_end_of_the_schedule() -> None:
    seen = path(10, 10_010, 11 * SECOND, 15 * SECOND, 1000)
    assert measured({"/ok": seen}, seconds=5.0).kept_pace("/ok") == 1.0


def test_pace_is_lost_by_what_came_late_and_by_what_did_not_come() -> None:
    late = path(10, 10_010, 11 * SECOND, 20 * SECOND, 1000)
    half = path(10, 5010, 11 * SECOND, 15 * SECOND, 1000)
    assert measured({"/ok": late}, seconds=5.0).kept_pace("/ok") == 0.5
    assert measured({"/ok": half}, seconds=5.0).kept_pace("/ok") == 0.5


def test_a_path_that_got_nothing_kept_nothing() -> None:
    assert measured({}, seconds=5.0).kept_pace("/ok") == 0.0


def test_processor_time_is_per_event_fed() -> None:
    assert measured({}).cpu_us == pytest.approx(4.0)


def test_the_share_of_the_sink_is_of_the_wall_clock() -> None:
    assert measured({}).sink_share == 0.1


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 5), (0.51, 6), (0.99, 10), (1.0, 10)])
def test_a_percentile_is_one_of_the_values(share: float, expected: float) -> None:
    assert percentile(range(1, 11), share) == expected


def test_a_percentile_of_nothing_is_zero() -> None:
    assert percentile([], 0.5) == 0.0


def test_the_pace_of_a_part_of_the_schedule_is_what_came_in_it() -> None:
    bins = {100 + tenth: 100 if tenth < 20 else 50 for tenth in range(40)}
    seen = msgspec.structs.replace(path(40, 3000, 10 * SECOND, 14 * SECOND, 100), bins=bins)
    run = msgspec.structs.replace(measured({"/ok": seen}, fed_bytes=10_000), rate=100)
    assert (run.pace("/ok", 0, 2), run.pace("/ok", 2, 4), run.pace("/ok", 1, 3)) == (1.0, 0.5, 0.75)


def test_what_is_caught_up_on_is_no_more_than_all_of_it() -> None:
    seen = msgspec.structs.replace(path(40, 3000, 10 * SECOND, 14 * SECOND, 100), bins={100: 10_000})
    assert msgspec.structs.replace(measured({"/ok": seen}), rate=100).pace("/ok", 0, 1) == 1.0
