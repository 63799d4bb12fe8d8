"""docs/mapping.md: each of its examples gives the result that is beside it, and none of the directives is left out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doorstep.engine.mapping import DIRECTIVES, EventReader, compile_mapping

PAGE = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```json (event|mapping|result)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def examples() -> Iterator[tuple[bytes, Any, Any]]:
    event, mapping = b"", None
    for kind, text in BLOCKS:
        if kind == "event":
            event = text.encode()
        elif kind == "mapping":
            mapping = json.loads(text)
        else:
            yield event, mapping, json.loads(text)


@pytest.mark.parametrize(("event", "mapping", "result"), list(examples()))
def test_an_example_gives_its_result(event: bytes, mapping: Any, result: Any) -> None:
    compiled = compile_mapping(mapping)
    assert compiled(json.loads(event)) == result
    assert compiled(EventReader(compiled.paths).read(event)) == result


def test_every_directive_has_a_section_and_ours_are_marked() -> None:
    sections = re.findall(r"^### (@\w+)( \(ours\))?$", PAGE, re.MULTILINE)
    assert {name: bool(mark) for name, mark in sections} == {name: row.ours for name, row in DIRECTIVES.items()}
