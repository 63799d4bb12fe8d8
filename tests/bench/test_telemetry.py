"""The measurement of what telemetry costs: that it runs, and measures the same events with it and without it."""

from __future__ import annotations

import pytest
from doorstep.engine.telemetry import Attempts

from bench.cli import main


def test_it_measures_in_turn_and_leaves_telemetry_as_it_was(capsys) -> None:
    hook = Attempts.ended
    with pytest.raises(SystemExit) as ended:
        main(["telemetry", "--turns", "1", "--events", "2000"])
    assert ended.value.code in (0, 1)  # of so few events the figure says nothing
    first, median = capsys.readouterr().out.splitlines()
    assert first.startswith("1: ")
    assert median.startswith("median ")
    assert Attempts.ended is hook
