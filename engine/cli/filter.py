"""`doorstep filter`: `grep` for events.

stdin -> LineSplitter -> LineDecoder -> Reader (only what the expression reads) -> Predicate -> stdout, the same bytes
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator

import click
import msgspec

from ..ingress import LineSplitter
from ..model import LineDecoder, Lines, Rejection
from ..routing import UNDECODABLE, Predicate, Reader, compile_fql
from . import exits
from .options import expect_stdout

READ_BYTES = 256 * 1024
MAX_LINE_BYTES = 16 * 1024 * 1024
"""The most that the engine itself can be set to take."""
SAMPLES = 100
"""So many broken lines are named; all are counted."""

Output = Iterable[bytes]
Broken = list[Rejection]


@click.command("filter")
@click.argument("fql")
@click.option(
    "--explain", is_flag=True, help="Print every event, each with whether it matched and the clause that decided."
)
@click.pass_context
def filter_command(ctx: click.Context, fql: str, explain: bool) -> None:
    """Reads events from standard input, one JSON object a line, and prints those that the expression FQL matches, unchanged.

    \b
    doorstep filter 'type = "track" and properties.total > 50' < events.ndjson

    With --explain: {"line": 1, "matched": false, "clause": "properties.total > 50", "event": {...}} for each of them. Lines that are
    no JSON objects are named on stderr; the exit code is then 3. A wrong expression is shown with the place, exit code 2.
    """
    expect_stdout()
    predicate = compile_fql(fql)
    broken = filter_lines(0, sys.stdout.fileno(), _explainer(predicate) if explain else _matcher(predicate))
    if broken:
        click.echo(f"{broken} broken line{'s' * (broken > 1)} left out", err=True)
        ctx.exit(exits.INCOMPLETE)


def filter_lines(source: int, target: int, judge: Callable[[Lines, Broken], Output]) -> int:
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


def _matcher(predicate: Predicate) -> Callable[[Lines, Broken], Output]:
    """Decodes only what the expression reads."""
    reader = Reader(predicate.paths)
    matches = predicate.bind(reader.getter)

    def judge(read: Lines, broken: Broken) -> Output:
        try:
            return [line for line in read.lines if matches(reader.read(line))]
        except UNDECODABLE:
            return judge_each(read, broken)

    def judge_each(read: Lines, broken: Broken) -> Iterator[bytes]:
        for number, line in zip(read.numbers, read.lines, strict=True):
            try:
                if matches(reader.read(line)):
                    yield line
            except UNDECODABLE:
                broken.append(Rejection(number, "undecodable"))

    return judge


def _explainer(predicate: Predicate) -> Callable[[Lines, Broken], Output]:
    def judge(read: Lines, broken: Broken) -> Iterator[bytes]:
        for number, line in zip(read.numbers, read.lines, strict=True):
            try:
                why = predicate.explain(msgspec.json.decode(line))
            except UNDECODABLE:
                broken.append(Rejection(number, "undecodable"))
                continue
            head = {"line": number, "matched": why.matched, "clause": why.clause, "event": msgspec.Raw(line)}
            yield msgspec.json.encode(head)

    return judge


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
