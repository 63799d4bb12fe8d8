"""What the field stage makes of a payload, and its words for what it cannot use: the reference's, but for what docs/mapping.md says."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from doorstep.engine.errors import Problem, ValidationError
from doorstep.engine.mapping import Choice, Condition, Field, When, compile_fields
from hypothesis import given
from hypothesis import strategies as st

from tests.texts import text


def fitted(field: Field, value: Any) -> Any:
    return compile_fields({"f": field})({"f": value}).get("f", "gone")


def refused(fields: dict[str, Field], payload: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        compile_fields(fields)(payload)
    return str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        (Field(label="F"), "x", "x"),
        (Field(label="F"), 5, "5"),
        (Field(label="F"), 1.0, "1"),
        (Field(label="F"), True, "true"),
        (Field(label="F"), ["x"], "x"),
        (Field(label="F"), "", "gone"),
        (Field(label="F"), None, "gone"),
        (Field(label="F", allow_null=True), None, None),
        (Field(label="F", type="text"), "long", "long"),
        (Field(label="F", type="number"), "5", 5),
        (Field(label="F", type="number"), " 1.5e3 ", 1500.0),
        (Field(label="F", type="number"), "0x1F", 31),
        (Field(label="F", type="number"), False, 0),
        (Field(label="F", type="number"), "", "gone"),
        (Field(label="F", type="integer"), "7", 7),
        (Field(label="F", type="integer"), 7.0, 7),
        (Field(label="F", type="boolean"), "true", True),
        (Field(label="F", type="boolean"), 0, False),
        (Field(label="F", type="datetime"), 1709634030, 1709634030),
        (Field(label="F", type="datetime"), "1709634030", "1709634030"),
        (Field(label="F", type="datetime"), "2024-03-05T10:20:30.123Z", "2024-03-05T10:20:30.123Z"),
        (Field(label="F", type="datetime"), "Tue, 05 Mar 2024 10:20:30 GMT", "Tue, 05 Mar 2024 10:20:30 GMT"),
        (Field(label="F", multiple=True), "x", ["x"]),
        (Field(label="F", multiple=True), ["x", 1, None], ["x", "1"]),
        (Field(label="F", type="number", multiple=True), ["1", ""], [1]),
        (Field(label="F", choices=("a", Choice("b", "Bee"))), "b", "b"),
        (Field(label="F", type="object"), {"x": None}, {"x": None}),
        (Field(label="F", format="email"), "a.b+c@example.co.uk", "a.b+c@example.co.uk"),
    ],
)
def test_a_value_is_made_to_fit(field: Field, value: Any, wanted: Any) -> None:
    found = fitted(field, value)
    assert (found, type(found)) == (wanted, type(wanted))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        (Field(label="E-mail"), {}, "E-mail must be a string but it was an object."),
        (Field(label="total", type="number"), "a lot", "Total must be a number but it was a string."),
        (Field(label="Count", type="integer"), 1.5, "Count must be an integer but it was a number."),
        (Field(label="Flag", type="boolean"), "yes", "Flag must be a boolean but it was a string."),
        (Field(label="At", type="datetime"), "soon", "At must be a valid date-like string but it was not."),
        (Field(label="At", type="datetime"), [], "At must be a string or number but it was an array."),
        (Field(label="O", type="object", allow_null=True), [1], "O must be an object or null but it was an array."),
        (Field(label="Plan", choices=("a",)), "z", 'Plan must be one of: "a".'),
        (Field(label="Plan", choices=("a", "b")), "z", 'Plan must be one of: "a" or "b".'),
        (Field(label="Plan", type="number", choices=(1, 2, 3)), 4, "Plan must be one of: 1, 2, or 3."),
        (Field(label="N", minimum=3), "a", "N must be 3 characters or more but it was 1 character."),
        (Field(label="N", maximum=1), "ab", "N must be 1 character or fewer but it was 2 characters."),
        (Field(label="N", type="number", minimum=3), 2, "N must be equal to or greater than 3."),
        (Field(label="N", type="number", maximum=3), 4, "N must be equal to or less than 3."),
        (Field(label="Mail", format="email"), "x@", "Mail must be a valid email address string but it was not."),
        (Field(label="Link", format="uri"), "no link", "Link must be a valid URI string but it was not."),
        (Field(label="Ip", format="ipv4"), "1.2.3", "Ip must be a valid IPv4 address string but it was not."),
        (Field(label="Tags", multiple=True), ["a", {}], "The value at /f/1 must be a string but it was an object."),
    ],
)
def test_a_value_that_cannot_fit_is_refused_by_label_and_rule(field: Field, value: Any, words: str) -> None:
    assert refused({"f": field}, {"f": value}) == words


ORDER = {
    "id": Field(label="Order", required=True),
    "address": Field(
        label="Address",
        type="object",
        properties={"city": Field(label="City", required=True), "zip": Field(label="Zip")},
        additional_properties=True,
    ),
    "items": Field(
        label="Items",
        type="object",
        multiple=True,
        properties={"price": Field(label="Price", type="number", required=True)},
    ),
}


def test_objects_are_gone_into() -> None:
    payload = {
        "id": 1,
        "unknown": 1,
        "address": {"city": "Ulm", "zip": "", "more": None},
        "items": {"price": "2", "x": 1},
    }
    assert compile_fields(ORDER)(payload) == {
        "id": "1",
        "address": {"city": "Ulm", "zip": "", "more": None},
        "items": [{"price": 2}],
    }


def test_everything_that_is_wrong_is_said_with_its_place() -> None:
    payload = {"address": {"zip": []}, "items": [{"price": "x"}, {}, 7]}
    with pytest.raises(ValidationError) as caught:
        compile_fields(ORDER)(payload)
    assert caught.value.problems == (
        Problem("", "The root value is missing the required field 'id'."),
        Problem("/address", "Address is missing the required field 'city'."),
        Problem("/address/zip", "Zip must be a string but it was an array."),
        Problem("/items/0/price", "Price must be a number but it was a string."),
        Problem("/items/1", "The value at /items/1 is missing the required field 'price'."),
        Problem("/items/2", "The value at /items/2 must be an object but it was a number."),
    )
    assert str(caught.value) == " ".join(problem.message for problem in caught.value.problems)
    assert refused(ORDER, None) == "The root value must be an object but it was null."


@pytest.mark.parametrize(
    ("match", "payload", "is_needed"),
    [
        ("all", {"plan": "pro", "address": {"city": "Ulm"}}, True),
        ("all", {"plan": "pro"}, False),
        ("all", {"plan": "free", "address": {"city": "Ulm"}}, False),
        ("any", {"plan": "pro"}, True),
        ("any", {"plan": "free"}, False),
    ],
)
def test_a_field_can_be_required_on_condition(match: Any, payload: dict[str, Any], is_needed: bool) -> None:
    when = When((Condition("plan", "is", "pro"), Condition("address.city", "is_not")), match)
    fields = {
        "plan": Field(label="Plan"),
        "address": Field(label="Address", type="object"),
        "seats": Field(label="Seats", type="integer", required=when),
    }
    if is_needed:
        assert refused(fields, payload) == "The root value is missing the required field 'seats'."
    else:
        assert compile_fields(fields)(payload) == payload
    assert compile_fields(fields)({**payload, "seats": 3}) == {**payload, "seats": 3}


def test_a_payload_that_needs_nothing_is_given_back_as_it_is() -> None:
    stage = compile_fields({**ORDER, "at": Field(label="At", type="datetime"), "n": Field(label="N", type="number")})
    payload = {"id": "1", "address": {"city": "Ulm"}, "items": [{"price": 1.5}], "at": "2024-03-05T10:20:30Z", "n": 0}
    assert stage(payload) is payload


LABELS = st.sampled_from(["A", "b"])
KEYS = st.sampled_from(["a", "b", "c", "d"])
SIMPLE = st.builds(
    Field,
    label=LABELS,
    type=st.sampled_from(["string", "text", "number", "integer", "boolean", "datetime", "object"]),
    required=st.booleans(),
    multiple=st.booleans(),
    allow_null=st.booleans(),
    minimum=st.none() | st.just(1),
    choices=st.just(()) | st.just(("a", 1)),
    format=st.none() | st.sampled_from(["email", "uri", "date"]),
)
FIELDS = st.recursive(
    SIMPLE,
    lambda inner: st.builds(
        Field,
        label=LABELS,
        type=st.just("object"),
        multiple=st.booleans(),
        properties=st.dictionaries(KEYS, inner, max_size=3),
        additional_properties=st.booleans(),
    ),
    max_leaves=4,
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "a", "1", "1e3", "true", "a@b.co", "2024-01-01", "9" * 30, "1e999", "é"])
    | text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.just("stranger"), inner, max_size=4),
    max_leaves=10,
)


def strangers(fields: Any, payload: dict[str, Any]) -> set[str]:
    """Keys that no field has, at levels where none but those of fields may be."""
    found = set(payload) - set(fields)
    for key, field in fields.items():
        if field.properties is not None and not field.additional_properties:
            inner = payload.get(key, [])
            for item in inner if isinstance(inner, list) else [inner]:
                found |= strangers(field.properties, item) if isinstance(item, dict) else set()
    return found


@given(st.dictionaries(KEYS, FIELDS, max_size=4), VALUES)
def test_whatever_comes_is_made_to_fit_or_refused_and_no_stranger_gets_through(fields: Any, payload: Any) -> None:
    stage = compile_fields(fields)
    before = copy.deepcopy(payload)
    try:
        found = stage(payload)
    except ValidationError as error:
        found = None
        complaints = len(error.problems)
    assert repr(payload) == repr(before)
    if found is None:
        assert complaints
        return
    assert strangers(fields, found) == set()
    assert repr(stage(found)) == repr(found)
    assert all(key in found for key, field in fields.items() if field.required)
