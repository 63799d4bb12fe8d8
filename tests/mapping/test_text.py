"""A mapping as the text that was exported."""

from __future__ import annotations

import pytest
from doorstep.engine.errors import MappingError
from doorstep.engine.mapping import compile_mapping


def test_a_text_is_the_mapping_that_it_says_and_has_its_version() -> None:
    compiled = compile_mapping('{"total": {"@path": "$.properties.total"}}')
    assert compiled({"properties": {"total": 6}}) == {"total": 6}
    assert compiled.version == compile_mapping({"total": {"@path": "$.properties.total"}}).version


def test_where_a_text_is_no_json_is_said_by_line_and_column() -> None:
    with pytest.raises(MappingError, match=r"expected ',' or '}' \(line 2, column 11\)$"):
        compile_mapping('{"é": "é",\n "a": "é" 5}')


@pytest.mark.parametrize("text", ["", "{", "[]", '"$.x"'])
def test_a_text_that_is_no_object_of_json_is_no_mapping(text: str) -> None:
    with pytest.raises(MappingError, match="a mapping as text is an object of JSON: "):
        compile_mapping(text)
