"""`doorstep map`: what a mapping makes of events.

stdin -> LineSplitter -> LineDecoder -> EventReader (only what the mapping reads) -> CompiledMapping -> stdout, a line of JSON each
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from ..mapping import UNDECODABLE, CompiledMapping, EventReader, UnmappableEvent, compile_mapping
from ..model import Lines, Rejection
from ..text import placed
from .lines import Broken, Output, copy_lines, end
from .options import expect_stdout


@click.command("map")
@click.argument("mapping", type=click.Path(exists=True, dir_okay=False, allow_dash=False, path_type=Path))
@click.pass_context
def map_command(ctx: click.Context, mapping: Path) -> None:
    """Reads events from standard input, one JSON object a line, and prints what the mapping in the file MAPPING makes of each.

    \b
    doorstep map purchase.json < events.ndjson

    The mapping is JSON, as Segment exports it: {"email": {"@path": "$.traits.email"}}. Events that it cannot be applied to, and lines
    that are no JSON objects, are named on stderr; the exit code is then 3. What is wrong with a mapping is shown with its place,
    exit code 2.
    """
    expect_stdout()
    compiled = compile_mapping(_read(mapping))
    for warning in compiled.warnings:
        click.echo(f"warning: {warning.path}: {warning.message}", err=True)
    end(ctx, copy_lines(0, sys.stdout.fileno(), _mapper(compiled)))


def _read(file: Path) -> Any:
    text = ""
    try:
        text = file.read_text("utf-8-sig")
        return msgspec.json.decode(text)
    except UNDECODABLE as error:
        raise click.BadParameter(f"{file} is no JSON: {placed(error, text)}", param_hint="MAPPING") from None


def _mapper(mapping: CompiledMapping) -> Callable[[Lines, Broken], Output]:
    read = EventReader(mapping.paths).read
    encode = msgspec.json.Encoder().encode

    def judge(lines: Lines, broken: Broken) -> Iterator[bytes]:
        for number, line in zip(lines.numbers, lines.lines, strict=True):
            try:
                yield encode(mapping(read(line)))
            except UnmappableEvent as error:
                broken.append(Rejection(number, error.code, str(error)))
            except UNDECODABLE:
                broken.append(Rejection(number, "undecodable"))

    return judge
