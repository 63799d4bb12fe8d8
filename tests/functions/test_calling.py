"""What a handler raises or returns, and what it comes to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from doorstep.engine.errors import Fault, TransportError
from doorstep.engine.functions.testing import FunctionTester
from doorstep.engine.sdk import (
    DELIVERED,
    Delivered,
    Failure,
    Filtered,
    Raised,
    Rejected,
    Request,
    Response,
    Retry,
)

HEAD = (
    "from doorstep.engine.sdk import *\n"
    "from doorstep.engine.sdk import DropEvent, EventNotSupported, FetchError, InvalidEventPayload, RetryError, ValidationError, setting\n"
)
EVENT = {"type": "track", "event": "Signed Up", "userId": "u-1", "messageId": "m-1"}


@pytest.fixture
def tester(write_function: Callable[[str], str]) -> Callable[..., FunctionTester]:
    """Of a function whose `on_track` has this body; `kind` is `def` or `async def`."""

    def make(
        body: str, settings: dict[str, Any] | None = None, *, kind: str = "async def", **others: Any
    ) -> FunctionTester:
        text = f"{HEAD}{kind} on_track(event, settings, ctx):\n" + "".join(
            f"    {line}\n" for line in body.splitlines()
        )
        return FunctionTester(write_function(text), settings, **others)

    return make


RAISED = {
    "nothing": ("return {'any': 'value'}", Delivered()),
    "EventNotSupported": ("raise EventNotSupported('no')", Filtered("not_supported")),
    "DropEvent": ("raise DropEvent", Filtered("dropped_by_function")),
    "ValidationError": (
        "raise ValidationError('plan is required')",
        Rejected("validation_error", "ValidationError: plan is required (teams.py:4 in on_track)"),
    ),
    "InvalidEventPayload": (
        "raise InvalidEventPayload('no')",
        Rejected("invalid_event_payload", "InvalidEventPayload: no (teams.py:4 in on_track)"),
    ),
    "RetryError": (
        "raise RetryError('busy', after=30)",
        Retry("retry_error", 30, "RetryError: busy (teams.py:4 in on_track)"),
    ),
    "RetryError with the text of a header": (
        "raise RetryError('busy', after='30')",
        Retry("retry_error", 30.0, "RetryError: busy (teams.py:4 in on_track)"),
    ),
    "RetryError with what is no number of seconds": (
        "raise RetryError('busy', after='soon')",
        Retry("retry_error", None, "RetryError: busy (teams.py:4 in on_track)"),
    ),
    "half an emoji": (
        "import json\nctx.log(json.loads('\"\\\\ud83d\"'))\nraise ValueError(json.loads('\"\\\\ude00\"'))",
        Raised("function_error", "ValueError: ? (teams.py:6 in on_track)\n?"),
    ),
    "any other": ("return {}['x']", Raised("function_error", "KeyError: 'x' (teams.py:4 in on_track)")),
    "an exit": ("raise SystemExit(3)", Raised("function_error", "SystemExit: 3 (teams.py:4 in on_track)")),
    "in another's code": (
        "import json\njson.loads('{')",
        Raised(
            "function_error",
            "JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1) (teams.py:5 in on_track)",
        ),
    ),
    "without words": ("assert False", Raised("function_error", "AssertionError (teams.py:4 in on_track)")),
}


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize(("body", "outcome"), [pytest.param(*case, id=name) for name, case in RAISED.items()])
def test_what_is_raised_has_its_outcome(
    tester: Callable[..., FunctionTester], body: str, outcome: Any, kind: str
) -> None:
    assert tester(body, kind=kind).run(EVENT).outcome == outcome


def test_a_type_without_handler_is_not_supported(tester: Callable[..., FunctionTester]) -> None:
    assert tester("return 1").run({"type": "page", "userId": "u"}).outcome == Filtered("not_supported")


def test_what_is_undecodable_is_the_events_fault(tester: Callable[..., FunctionTester]) -> None:
    result = tester("return 1").run('{"type":"track","event":"E","userId":"u","properties":{"n":1e999}}')
    assert isinstance(result.outcome, Rejected)
    assert result.outcome.reason == "invalid_event_payload"


def test_an_error_that_cannot_say_what_it_is_says_so_much(tester: Callable[..., FunctionTester]) -> None:
    body = "class Mute(Exception):\n    def __str__(self): raise ValueError('no')\nraise Mute"
    assert tester(body).run(EVENT).detail == "Mute: (its text cannot be made: ValueError) (teams.py:6 in on_track)"


def test_the_message_of_an_error_is_bounded(tester: Callable[..., FunctionTester]) -> None:
    result = tester("raise ValueError('x' * 10_000_000)").run(EVENT)
    assert result.detail == "ValueError: " + "x" * 300 + "... (teams.py:4 in on_track)"


def test_handlers_see_plain_settings_and_nobody_else_does(write_function: Callable[[str], str]) -> None:
    text = HEAD + (
        "class Settings:\n"
        "    token: str = setting('Token', secret=True)\n"
        "def on_track(event, settings, ctx):\n"
        "    ctx.log('the token is', settings.token, settings)\n"
        "    raise ValueError('bad token ' + settings.token)\n"
    )
    result = FunctionTester(write_function(text), {"token": "s3cr3t-t0ken"}).run(EVENT)
    assert result.outcome == Raised(
        "function_error",
        "ValueError: bad token *** (teams.py:7 in on_track)\nthe token is *** FunctionSettings(token=Secret('***'))",
    )


def test_settings_are_shared_so_no_handler_changes_them(tester: Callable[..., FunctionTester]) -> None:
    assert tester("settings.apiKey = 'x'").run(EVENT).detail.startswith("AttributeError: settings cannot be changed")
    assert tester("settings.url").run(EVENT).detail == (
        "AttributeError: there is no setting 'url'; declare it in `class Settings` (teams.py:4 in on_track)"
    )


def test_the_log_is_kept_up_to_4_kb_and_never_printed(
    tester: Callable[..., FunctionTester], capfd: pytest.CaptureFixture[str]
) -> None:
    result = tester("for n in range(10_000):\n    ctx.log('x' * 1000, n)\nctx.log('y' * 10_000_000)").run(EVENT)
    assert result.outcome == DELIVERED
    assert result.log.splitlines()[0] == "x" * 1000 + " 0"
    assert len(result.log) <= 4096
    assert capfd.readouterr() == ("", "")


def test_what_fetch_sends_and_gets(tester: Callable[..., FunctionTester]) -> None:
    body = (
        "one = await ctx.fetch('https://a.example/1', method='post', json={'n': 1}, headers={'X-A': 'b'})\n"
        "two = await ctx.fetch('https://a.example/2', method='PUT', data={'a': 'b c', 'd': ['1', '2']})\n"
        "return [one.status, one.ok, one.headers['x'], await one.json(), await two.text()]"
    )
    result = tester(body, respond=Response(201, {"x": "y"}, b'{"id": 7}')).run(EVENT)
    assert result.returned == [201, True, "y", {"id": 7}, '{"id": 7}']
    assert result.requests == [
        Request("POST", "https://a.example/1", {"X-A": "b", "Content-Type": "application/json"}, b'{"n":1}', True),
        Request(
            "PUT", "https://a.example/2", {"Content-Type": "application/x-www-form-urlencoded"}, b"a=b+c&d=1&d=2", True
        ),
    ]


def test_an_uncaught_error_of_fetch_is_transient_and_a_caught_one_is_nothing(
    tester: Callable[..., FunctionTester],
) -> None:
    def refuse(request: Request) -> Response:
        raise TransportError("connect_refused", "nobody there")

    result = tester("await ctx.fetch('https://a.example/')", respond=refuse).run(EVENT)
    assert result.outcome == Retry(
        "fetch_connect_refused", None, "FetchError: connect_refused: nobody there (teams.py:4 in on_track)"
    )
    caught = "try:\n    await ctx.fetch('https://a.example/')\nexcept FetchError as error:\n    return error.reason"
    assert tester(caught, respond=refuse).run(EVENT).returned == "connect_refused"


STATUSES = {
    200: Delivered,
    204: Delivered,
    400: Rejected,
    422: Rejected,
    401: Retry,
    404: Retry,
    429: Retry,
    503: Retry,
    302: Retry,
}


@pytest.mark.parametrize(("status", "outcome"), STATUSES.items())
def test_raise_for_status_raises_what_the_status_stands_for(
    tester: Callable[..., FunctionTester], status: int, outcome: type
) -> None:
    body = "(await ctx.fetch('https://a.example/')).raise_for_status()"
    made = tester(body, respond=Response(status, {"retry-after": "7"})).run(EVENT).outcome
    assert type(made) is outcome
    assert getattr(made, "after", 7) == 7


def test_a_request_that_cannot_be_made_is_the_functions_fault(tester: Callable[..., FunctionTester]) -> None:
    for body in (
        "await ctx.fetch(5)",
        "await ctx.fetch('https://a/', json=1, data='x')",
        "await ctx.fetch('https://a/', json=object())",
    ):
        assert isinstance(tester(body).run(EVENT).outcome, Raised)


def test_a_response_that_is_no_json_says_so(tester: Callable[..., FunctionTester]) -> None:
    result = tester("await (await ctx.fetch('https://a.example/')).json()", respond=Response(200, {}, b"<html>")).run(
        EVENT
    )
    assert result.detail.startswith("ValueError: the response (status 200) is no JSON: JSON is malformed")


# on_batch ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def batch_tester(write_function: Callable[[str], str]) -> Callable[..., FunctionTester]:
    def make(body: str, **others: Any) -> FunctionTester:
        text = f"{HEAD}async def on_batch(events, settings, ctx):\n" + "".join(
            f"    {line}\n" for line in body.splitlines()
        )
        return FunctionTester(write_function(text), **others)

    return make


def test_on_batch_gets_all_events_of_all_types_and_none_means_delivered(
    batch_tester: Callable[..., FunctionTester],
) -> None:
    results = batch_tester("ctx.log(*[event.type for event in events])").run_batch(
        EVENT, {"type": "page", "userId": "u"}
    )
    assert [result.outcome for result in results] == [DELIVERED, DELIVERED]
    assert results[0].log == "track page"


def test_on_batch_answers_by_position(batch_tester: Callable[..., FunctionTester]) -> None:
    body = "return [{'status': 200}, {'status': 429, 'errormessage': 'slow'}, {'status': 400, 'errormessage': 'no'}, {'status': 204}]"
    outcomes = [result.outcome for result in batch_tester(body).run_batch(*[EVENT] * 4)]
    assert outcomes == [DELIVERED, Retry("http_429", None, "slow"), Rejected("http_400", "no"), DELIVERED]


WRONG_ANSWERS = {
    "[{'status': 200}]": "on_batch returned 1 answers for 2 events (teams.py:3 in on_batch)",
    "[{'status': 200}, 5]": (
        'on_batch must return {"status": 200} or the like for each event; at position 1 it has int (teams.py:3 in on_batch)'
    ),
    "(answer for answer in [{'status': 200}])": (
        'on_batch must return None or a list of {"status": 200}; generator was never run (teams.py:3 in on_batch)'
    ),
    "[{'status': '200'}, {}]": (
        "on_batch must return {\"status\": 200} or the like for each event; at position 0 it has status '200' (teams.py:3 in on_batch)"
    ),
}


@pytest.mark.parametrize(("returned", "message"), WRONG_ANSWERS.items())
def test_a_wrong_answer_is_the_functions_fault(
    batch_tester: Callable[..., FunctionTester], returned: str, message: str
) -> None:
    result = batch_tester(f"return {returned}").run_batch(EVENT, EVENT)[0]
    assert result.outcome == Failure(Fault.FUNCTION, "function_result", detail=message)


def test_a_coroutine_that_is_returned_and_not_awaited_is_awaited(batch_tester: Callable[..., FunctionTester]) -> None:
    """As a promise is, where these functions come from: else nothing would be sent, and all counted as delivered."""
    text = "async def send():\n    ctx.log('sent')\n    return [{'status': 200}, {'status': 400}]\nreturn send()"
    first, second = batch_tester(text).run_batch(EVENT, EVENT)
    assert (first.outcome, first.log, second.outcome) == (DELIVERED, "sent", Rejected("http_400", ""))


@pytest.mark.parametrize("returned", ["{'ok': True}", "5", "''", "ctx"])
def test_what_is_no_list_of_answers_says_nothing_of_events_that_were_sent_and_is_warned_of_once(
    batch_tester: Callable[..., FunctionTester], returned: str, caplog: pytest.LogCaptureFixture
) -> None:
    tester = batch_tester(f"return {returned}")
    for _ in range(2):
        assert [result.outcome for result in tester.run_batch(EVENT, EVENT, EVENT)] == [DELIVERED] * 3
    kind = {"{'ok': True}": "dict", "5": "int", "''": "str", "ctx": "Context"}[returned]
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert record.facts["doubt"] == (  # type: ignore[attr-defined]
        f'on_batch must return None or a list of {{"status": 200}}; {kind} is not looked at, and all count as delivered '
        "(teams.py:3 in on_batch)"
    )


@pytest.mark.parametrize(
    ("raised", "fault", "reason"),
    [
        ("ValidationError('no')", Fault.EVENT, "validation_error"),
        ("RetryError('later')", Fault.TRANSIENT, "retry_error"),
        ("ValueError('no')", Fault.FUNCTION, "function_error"),
    ],
)
def test_what_on_batch_raises_speaks_of_the_whole_batch(
    batch_tester: Callable[..., FunctionTester], raised: str, fault: Fault, reason: str
) -> None:
    outcome = batch_tester(f"raise {raised}").run_batch(EVENT, EVENT)[0].outcome
    assert isinstance(outcome, Failure)
    assert (outcome.fault, outcome.reason) == (fault, reason)


def test_on_batch_that_does_not_support_them_filters_all(batch_tester: Callable[..., FunctionTester]) -> None:
    outcomes = [result.outcome for result in batch_tester("raise EventNotSupported").run_batch(EVENT, EVENT)]
    assert outcomes == [Filtered("not_supported")] * 2


# Insert functions -------------------------------------------------------------------------------------------------------


def test_an_insert_function_gives_the_event_as_it_goes_on(tester: Callable[..., FunctionTester]) -> None:
    result = tester("event.properties['plan'] = 'pro'\nreturn event", insert=True).run(EVENT)
    assert result.event == EVENT | {"properties": {"plan": "pro"}}


def test_an_insert_function_drops_by_none_and_by_error(tester: Callable[..., FunctionTester]) -> None:
    assert tester("return None", insert=True).run(EVENT).outcome == Filtered("dropped_by_function")
    assert tester("raise DropEvent", insert=True).run(EVENT).outcome == Filtered("dropped_by_function")


WRONG_EVENTS = {
    "5": "on_track must return the event or None, not int (teams.py:3 in on_track)",
    "[event]": "on_track must return the event or None, not list (teams.py:3 in on_track)",
    "{}": "on_track returned an event without `type` (teams.py:3 in on_track)",
    "{'type': 'track', 'x': object()}": (
        "on_track returned what JSON cannot hold: Encoding objects of type object is unsupported (teams.py:3 in on_track)"
    ),
    "{'type': 'track', 'x': 'y' * 100_000_000}": (
        "on_track returned an event of 100000023 bytes; at most 16777216 can go on (teams.py:3 in on_track)"
    ),
}


@pytest.mark.parametrize(("returned", "message"), WRONG_EVENTS.items())
def test_a_wrong_event_is_the_functions_fault(
    tester: Callable[..., FunctionTester], returned: str, message: str
) -> None:
    assert tester(f"return {returned}", insert=True).run(EVENT).outcome == Raised("function_result", message)


def test_an_insert_function_for_batches_pairs_by_position_or_by_identity(
    batch_tester: Callable[..., FunctionTester],
) -> None:
    events = [EVENT | {"messageId": f"m-{n}"} for n in range(3)]
    changed = batch_tester("return [dict(event, n=1) for event in events]", insert=True).run_batch(*events)
    assert [result.event["n"] for result in changed if result.event] == [1, 1, 1]
    some = batch_tester("return [events[2], dict(events[0], n=1)]", insert=True).run_batch(*events)
    assert [result.outcome for result in some] == [DELIVERED, Filtered("dropped_by_function"), DELIVERED]
    assert some[0].event == events[0] | {"n": 1}
    strange = batch_tester("return [{'type': 'track'}]", insert=True).run_batch(*events)[0].outcome
    assert isinstance(strange, Failure)
    assert strange.detail == (
        "on_batch returned fewer events than it was given, and one that is none of them (teams.py:3 in on_batch)"
    )


REORDERED = {
    "events[::-1]": ["m-0", "m-1", "m-2"],
    "[dict(event) for event in events[::-1]]": ["m-0", "m-1", "m-2"],
    "[events[1], dict(events[0]), {'type': 'track', 'messageId': 'new'}]": ["m-0", "m-1", "new"],
    "[None, events[0], events[2]]": ["m-0", None, "m-2"],
    "[events[0], None, events[2]]": ["m-0", None, "m-2"],
}


@pytest.mark.parametrize(("returned", "identities"), REORDERED.items())
def test_events_that_come_back_in_another_order_are_still_themselves(
    batch_tester: Callable[..., FunctionTester], returned: str, identities: list[str | None]
) -> None:
    events = [EVENT | {"messageId": f"m-{n}"} for n in range(3)]
    results = batch_tester(f"return {returned}", insert=True).run_batch(*events)
    assert [result.event and result.event["messageId"] for result in results] == identities


def test_events_of_the_same_message_id_keep_their_places(batch_tester: Callable[..., FunctionTester]) -> None:
    events = [EVENT | {"messageId": "m", "n": n} for n in range(2)]
    results = batch_tester("return [dict(event) for event in events]", insert=True).run_batch(*events)
    assert [result.event and result.event["n"] for result in results] == [0, 1]


@pytest.mark.parametrize("returned", ["[events[0], events[0]]", "[{'type': 'track'}, events[0]]"])
def test_two_events_for_one_are_the_functions_fault(batch_tester: Callable[..., FunctionTester], returned: str) -> None:
    events = [EVENT | {"messageId": f"m-{n}"} for n in range(2)]
    outcome = batch_tester(f"return {returned}", insert=True).run_batch(*events)[0].outcome
    assert isinstance(outcome, Failure)
    assert outcome.detail == "on_batch returned two events for the one at position 0 (teams.py:3 in on_batch)"


def test_the_tester_works_where_a_loop_runs_already(tester: Callable[..., FunctionTester]) -> None:
    async def inside() -> Any:
        return tester("return 5").run(EVENT).returned

    assert asyncio.run(inside()) == 5
