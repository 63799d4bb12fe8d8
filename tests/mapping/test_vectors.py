"""The 245 observed mappings of the reference (`mapping-vectors.json`): the same value, or the same errors. None differs.

`{"$undef": true}` there is JavaScript's undefined: a key that is not there, null in a list and for the whole.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from doorstep.engine.errors import Problem
from doorstep.engine.mapping import EventReader, MappingError, UnmappableEvent, compile_mapping

CASES: dict[int, dict[str, Any]] = {
    case["id"]: case for case in json.loads((Path(__file__).parent / "mapping-vectors.json").read_text("utf-8"))
}
UNDEFINED = {"$undef": True}


def plain(value: Any) -> Any:
    """JSON as it is: without undefined."""
    if value == UNDEFINED:
        return None
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if inner != UNDEFINED}
    return [plain(item) for item in value] if isinstance(value, list) else value


def sentence(problem: Problem) -> str:
    return f"{problem.path} {problem.message}." if problem.path else problem.message


def outcome(mapping: Any, event: Any) -> Any:
    """`{"value": ...}` or `{"errors": [...]}`."""
    try:
        return {"value": compile_mapping(mapping)(event)}
    except MappingError as error:
        return {"errors": list(map(sentence, error.problems))}
    except UnmappableEvent as error:
        return {"errors": [str(error)]}


def test_the_file_is_whole() -> None:
    assert list(CASES) == list(range(1, 246))


@pytest.mark.parametrize("number", CASES)
def test_a_mapping_gives_what_the_reference_gives(number: int) -> None:
    case = CASES[number]
    event = plain(case["data"])
    before = copy.deepcopy(event)
    wanted = {"errors": case["errors"]} if "errors" in case else {"value": plain(case["expect"])}
    found = outcome(case["mapping"], event)
    assert found == wanted
    assert repr(event) == repr(before)
    assert json.dumps(found, ensure_ascii=False)


@pytest.mark.parametrize("number", [number for number, case in CASES.items() if "expect" in case])
def test_what_is_decoded_for_it_is_enough(number: int) -> None:
    case = CASES[number]
    compiled = compile_mapping(case["mapping"])
    line = msgspec.json.encode(plain(case["data"]))
    assert compiled(EventReader(compiled.paths).read(line)) == plain(case["expect"])
