"""What the goldens of each destination show, as a matrix: `pytest tests/house/test_goldens.py -v` lists destination by demand.

    folder -> its conformance classes -> goldens, run -> what is shown: actions by event type, kinds of answers, fields

What a destination cannot show because its vendor has nothing of the kind is written down here, each with the reason.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
import pytest
from doorstep.engine.model import Batch
from doorstep.engine.model.outcome import Delivered, Failure, Rejected, Retry, Verdict
from doorstep.engine.sdk.conformance import ActionConformance
from doorstep.engine.sdk.golden import Golden
from doorstep.engine.sdk.testing import Sent

VENDORS = (
    *("amplitude", "braze", "customerio", "ga4", "hubspot", "intercom"),
    *("meta_conversions", "mixpanel", "msteams", "segment", "slack"),
)
KINDS = {"delivered", "event", "configuration", "transient"}
"""Of answers: see the table of outcome classes."""

PARTIAL = {
    "amplitude": "no: a refusal names the events, and the others come again without them",
    "braze": "yes",
    "customerio": "yes",
    "ga4": "no: it always says 2xx",
    "hubspot": "yes",
    "intercom": "no: one event a request",
    "meta_conversions": "no: all or nothing",
    "mixpanel": "yes",
    "msteams": "no: one event a request",
    "segment": "no: 200 for all",
    "slack": "no: one event a request",
}
"""Whether an answer may take some events of a request and refuse others."""

IDEMPOTENCY = {
    "amplitude": "insert_id",
    "customerio": "id",
    "ga4": "transaction_id",
    "hubspot": "uuid",
    "intercom": "created_at",
    "meta_conversions": "event_id",
    "mixpanel": "$insert_id",
    "segment": "messageId",
}
"""The field by which a vendor knows a repeat. Braze, Slack and Teams know none."""

CONSENT = {
    "braze": {"email_subscribe", "push_subscribe", "subscription_groups"},
    "customerio": {"unsubscribed", "cio_subscription_preferences"},
    "ga4": {"ad_user_data", "ad_personalization"},
    "hubspot": {"hs_legal_basis"},
    "intercom": {"unsubscribed_from_emails"},
    "meta_conversions": {"data_processing_options", "opt_out"},
    "mixpanel": {"$unsubscribed"},
    "segment": {"categoryPreferences"},
}
"""The fields in which a vendor is told what a user agreed to. Amplitude, Slack and Teams have none."""

LIMITS = {
    "amplitude": {"log_event": (1999, 10**6), "log_purchase": (50, 10**6), "delete_user": (100, None)},
    "braze": {"track_event": (75, 4_000_000), "delete_user": (50, None)},
    "customerio": {"track_event": (1000, 500_000)},
    "ga4": {"custom_event": (25, 130_000), "delete_user": (1, None)},
    "hubspot": {"upsert_contact": (100, 10**6), "send_custom_behavioral_event": (500, 10**6)},
    "intercom": {"track_event": (1, None)},
    "meta_conversions": {"purchase": (1000, 10**6)},
    "mixpanel": {"track_event": (2000, 10_000_000), "delete_user": (1000, None)},
    "msteams": {"post_message": (1, None)},
    "segment": {"send_event": (2500, 500_000)},
    "slack": {"post_message": (1, None)},
}
"""Of actions: events and bytes a request at most, as the vendor has it."""


class Shown(msgspec.Struct):
    """What the goldens of one destination show."""

    pairs: set[tuple[str, str]]
    """Action and type of event."""
    kinds: set[str]
    text: str
    """All requests."""


@cache
def suites(name: str) -> tuple[type[ActionConformance], ...]:
    """The conformance classes in a destination's own tests, which are in the checkout only: a wheel has none."""
    module = importlib.import_module(f"destinations.{name}.test_{name}")
    return tuple(
        kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, ActionConformance)
        and hasattr(kind, "destination")
    )  # fmt: skip


@cache
def shown(name: str) -> Shown:
    suite = suites(name)[0]()
    found = Shown(set(), set(), "")
    for golden in suite.goldens().values():
        for sent in runs(suite, golden):
            found.pairs |= pairs(sent)
            found.kinds |= {kind for outcome in sent.outcomes for kind in kinds(outcome)} | kinds(sent.verdict)
        found.text += json.dumps(
            [msgspec.to_builtins(one.json) for one in golden.requests if one.json is not msgspec.UNSET]
        )
    return found


def runs(suite: ActionConformance, golden: Golden) -> Iterator[Sent]:
    """What it sends, under each answer that the golden knows."""
    yield from suite.golden_run(golden)
    for answer in golden.responses:
        response = answer.response()
        yield from suite.golden_tester(golden).run(*golden.events, answer=lambda _, it=response: it, at=golden.at)  # type: ignore[misc]


def pairs(sent: Sent) -> set[tuple[str, str]]:
    return {(sent.action, envelope.event.type or "") for envelope in sent.batch.envelopes} if sent.requests else set()


def kinds(verdict: Verdict | Any) -> set[str]:
    """The classes of a verdict; `partial` if it has more than one."""
    match verdict:
        case list():
            found = {kind for outcome in verdict for kind in kinds(outcome)}
            return found | {"partial"} if len(found) > 1 else found
        case Failure(fault):
            return {fault.value}
        case Delivered():
            return {"delivered"}
        case Rejected():
            return {"event"}
        case Retry():
            return {"transient"}
        case _:
            return set()


@pytest.mark.parametrize("name", VENDORS)
def test_every_action_has_a_golden_for_each_type_of_event_that_it_maps(name: str) -> None:
    suite = suites(name)[0]()
    wanted = {pair for sent in suite.run_all() for pair in pairs(sent) if pair[0] not in suite.without_golden}
    assert sorted(wanted - shown(name).pairs) == []


@pytest.mark.parametrize("name", VENDORS)
def test_every_class_of_answers_has_a_golden(name: str) -> None:
    wanted = KINDS | ({"partial"} if PARTIAL[name] == "yes" else set())
    assert sorted(wanted - shown(name).kinds) == []


@pytest.mark.parametrize("name", IDEMPOTENCY)
def test_the_field_by_which_a_repeat_is_known_is_in_a_golden(name: str) -> None:
    assert f'"{IDEMPOTENCY[name]}":' in shown(name).text


@pytest.mark.parametrize("name", CONSENT)
def test_the_consent_fields_are_in_a_golden(name: str) -> None:
    assert sorted(field for field in CONSENT[name] if f'"{field}":' not in shown(name).text) == []


@pytest.mark.parametrize(("name", "action"), [(name, action) for name in VENDORS for action in LIMITS[name]])
def test_a_batch_is_split_at_the_vendors_count_and_bytes(name: str, action: str) -> None:
    suite = suites(name)[0]()
    destination = suite.destination_of(suite.make_tester())
    [sent, *_] = [one for one in suite.run_all() if one.action == action and one.requests]
    most_events, most_bytes = LIMITS[name][action]
    formed = destination.form(repeated(sent.batch, most_events + 1))
    small = [msgspec.structs.replace(item, body=b"{}") for item in formed.items]
    sizes = [len(part) for part in msgspec.structs.replace(formed, items=small).parts()]
    assert (len(sizes) > 1, max(sizes)) == (True, most_events)
    if most_bytes is not None:
        big = [msgspec.structs.replace(item, body=b"x" * (most_bytes // 2)) for item in formed.items[:3]]
        assert [len(part) for part in msgspec.structs.replace(formed, items=big).parts()] in ([1, 1, 1], [2, 1])


def repeated(batch: Batch, count: int) -> Batch:
    """One event of it, `count` times, each of somebody else: what is said twice of one user may have to go twice."""
    first, *_ = batch.envelopes
    envelopes = []
    for number in range(count):
        line = first.line.replace(b'"u-1001"', b'"u-%d"' % number).replace(
            b"ada@example.com", b"ada%d@example.com" % number
        )
        envelopes.append(msgspec.structs.replace(first, number=number, line=line))
    return Batch(envelopes, batch.action)
