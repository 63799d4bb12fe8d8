"""Standard input to standard output, line by line, for the commands that are filters: reads, writes, and what is said of broken lines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import click

from ..ingress import LineSplitter
from ..model import LineDecoder, Lines, Rejection
from . import exits

READ_BYTES = 256 * 1024
MAX_LINE_BYTES = 16 * 1024 * 1024
"""The most that the engine itself can be set to take."""
SAMPLES = 100
"""So many broken lines are named; all are counted."""

Output: TypeAlias = Iterable[bytes]
Broken: TypeAlias = list[Rejection]


def copy_lines(source: int, target: int, judge: Callable[[Lines, Broken], Output]) -> int:
    """Copies what `judge` makes of each read of the descriptor `source` to `target`. Returns how many lines were broken."""
    count = 0
    decoder = LineDecoder("any", MAX_LINE_BYTES)
    for read in _reads(source):
        decoded = decoder.decode(read)
        broken = list(decoded.rejected)
        gone = {rejection.number for rejection in broken}
        numbers = [number for number in read.numbers if number not in gone] if gone else read.numbers
        output = list(judge(Lines(decoded.lines, numbers), broken))
        if output:
            _write_all(target, b"\n".join([*output, b""]))
        _name(broken, count)
        count += len(broken)
    return count


def end(ctx: click.Context, broken: int) -> None:
    """Says how many lines were broken, if any were; the exit code tells it too."""
    if broken:
        click.echo(f"{broken} broken line{'s' * (broken > 1)} left out", err=True)
        ctx.exit(exits.INCOMPLETE)


def _reads(source: int) -> Iterator[Lines]:
    splitter = LineSplitter(MAX_LINE_BYTES)
    while data := os.read(source, READ_BYTES):
        if read := splitter.feed(data):
            yield read
    if read := splitter.finish():
        yield read


def _write_all(target: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(target, rest) :]


def _name(broken: Broken, before: int) -> None:
    for rejection in broken[: max(0, SAMPLES - before)]:
        detail = f": {rejection.detail}" if rejection.detail else ""
        click.echo(f"line {rejection.number}: {rejection.reason}{detail}", err=True)
