"""docs/privacy.md, held to the code: its table of kinds, its example of a file, its names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from doorstep.engine import load_config
from doorstep.engine.mapping import compile_mapping
from doorstep.engine.privacy import KINDS, digest, hashed, normalise

PAGE = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text(encoding="utf-8")


def rows() -> list[tuple[str, str, str | None]]:
    """Each kind of the table beside a value and what becomes of it."""
    found, values = [], ""
    for line in re.findall(r"^\|(.*)\|$", PAGE.split("| value | kind |")[1], re.MULTILINE)[1:]:
        value, kinds, becomes = line.split("|")
        values = value if value.strip() else values
        wanted = re.search("`(.*)`", becomes)
        found += [(kind, one, wanted and wanted[1]) for kind in _quoted(kinds) for one in _quoted(values)]
    return found


def _quoted(cell: str) -> list[str]:
    return re.findall("`([^`]+)`", cell)


@pytest.mark.parametrize(("kind", "value", "expected"), rows())
def test_the_table_of_kinds(kind: str, value: str, expected: str | None) -> None:
    assert kind in KINDS
    assert normalise(kind, value) == expected


def test_the_example_is_a_file_that_loads() -> None:
    text = "\n".join(re.findall(r"^    (.*)$", PAGE.split("## Consent")[0], re.MULTILINE))
    settings = load_config(text=text).destinations["ads"]
    assert settings.consent == ("Advertising",)
    assert settings.fields is not None
    assert settings.fields.deny == ("context.ip", "properties.products.cost")


def test_the_mapping_gives_digests() -> None:
    lines = re.findall(r"^    (.*)$", PAGE.split("In a mapping")[1].split("In a program")[0], re.MULTILINE)
    mapped = compile_mapping(json.loads("".join(lines)))(
        {"traits": {"email": "Jane.Doe@GMail.com", "phone": "0701 234567"}}
    )
    assert mapped == {"email": digest("sha256", "janedoe@gmail.com"), "phone": digest("sha256", "46701234567")}


def test_the_lines_of_a_program() -> None:
    assert normalise("meta.phone", "+1 (555) 123-4567") == "15551234567"
    assert hashed("google.email", "Jane.Doe@GMail.com") == digest("sha256", "janedoe@gmail.com")
