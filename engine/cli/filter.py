"""`doorstep filter`: `grep` for events.

stdin -> LineSplitter -> LineDecoder -> Reader (only what the expression reads) -> Predicate -> stdout, the same bytes
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import click
import msgspec

from ..model import Lines, Rejection
from ..routing import UNDECODABLE, Predicate, Reader, compile_fql
from .lines import Broken, Output, copy_lines, end
from .options import expect_stdout


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
    end(ctx, copy_lines(0, sys.stdout.fileno(), _explainer(predicate) if explain else _matcher(predicate)))


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
