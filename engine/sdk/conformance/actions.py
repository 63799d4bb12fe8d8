"""What is asked of a destination with actions: declared in full, pure, legal, total, within the vendor's limits."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import hypothesis
import msgspec
from hypothesis import strategies

from ...errors import ValidationError
from ...mapping import compile_mapping
from ...model.batch import Batch
from ...model.exchange import Request, Response
from ...model.outcome import Failure, Judgement, Rejected
from ...secret import secrets_in
from ..actions import ActionDestination
from ..describing import actions_markdown
from ..golden import Golden, outcome_as_json, request_as_golden, verdict_as_json
from ..samples import ECOMMERCE, SAMPLES
from ..testing import Sent, Tester, drive
from ..using import choose, presets_of
from .common import assert_verdict, folder
from .http import BODIES, OverHttp, assert_legal
from .requests import CHARACTERS, PHASES, responses

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class ActionConformance(OverHttp):
    """For an `ActionDestination`."""

    secret_in_url: ClassVar[bool] = False
    """True where the vendor wants a secret in the URL and leaves no other way."""
    events: ClassVar[list[dict[str, Any]]] = []
    """More events for the suite to run it with: those without which an action would never be used."""
    without_golden: ClassVar[tuple[str, ...]] = ()
    """Names of presets that differ from another only by their trigger."""

    # Declared --------------------------------------------------------------------------------------------------------

    def test_every_action_says_what_it_is(self) -> None:
        for action in self.kind.actions:
            assert _NAME.fullmatch(action.name)
            assert action.label.strip()
            assert action.description.strip()
            assert action.description.strip().endswith(".")

    def test_every_field_says_what_it_is(self) -> None:
        for action in self.kind.actions:
            for name, field in action.fields.items():
                assert field.label.strip(), (action.name, name)
                assert field.description.strip(), (action.name, name)

    def test_presets_and_defaults_are_well_formed(self) -> None:
        tester = self.make_tester()
        assert choose(self.kind, tester.settings).wrong == []
        assert presets_of(self.kind) or self.actions, "without a preset nothing happens until somebody asks for it"
        for action in self.kind.actions:
            for field in action.fields.values():
                if field.default is not None:
                    compile_mapping({"field": field.default})

    def test_names_of_actions_are_unique_and_shared_fields_exist(self) -> None:
        names = [action.name for action in self.kind.actions]
        assert sorted(set(names)) == sorted(names)
        for action in self.kind.actions:
            assert set(action.share) <= set(action.fields)

    def test_the_readme_has_the_table_of_actions_as_they_are(self) -> None:
        text = (folder(type(self)) / "README.md").read_text(encoding="utf-8")
        assert actions_markdown(self.kind) in text, "print(actions_markdown(...)) under `## Actions` in the README"

    # Pure, legal, total ----------------------------------------------------------------------------------------------

    def test_sample_events_are_sent_left_out_or_refused_by_name(self) -> None:
        sent = self.run_all()
        assert any(one.requests for one in sent), "no sample event is sent"
        broken = [o for one in sent for o in one.outcomes if isinstance(o, Rejected) and o.reason == "encoding_error"]
        assert broken == []

    def test_a_request_is_legal_and_the_same_each_time(self) -> None:
        requests = [request for sent in self.run_all() for request in sent.requests]
        for request in requests:
            assert_legal(request)
        assert requests == [request for sent in self.run_all() for request in sent.requests]

    def test_no_secret_is_in_the_url(self) -> None:
        tester = self.make_tester()
        urls = "".join(request.url for sent in self.run_all() for request in sent.requests)
        assert self.secret_in_url or [one for one in secrets_in(tester.settings) if one and one in urls] == []

    def test_events_are_not_changed(self) -> None:
        tester = self.make_tester()
        batch = tester.batch(*self.all_events())
        destination = self.destination_of(tester)
        read: dict[int, dict[str, Any]] = {}
        destination._read = lambda envelope: read.setdefault(envelope.number, msgspec.json.decode(envelope.line))
        for name in destination.uses:
            destination.form(Batch(batch.envelopes, name))
        assert read == {envelope.number: msgspec.json.decode(envelope.line) for envelope in batch.envelopes}

    def test_any_event_is_mapped_or_refused_and_never_breaks(self) -> None:
        tester = self.make_tester()
        destination = self.destination_of(tester)

        @hypothesis.settings(max_examples=60, deadline=None, derandomize=True, database=None, phases=PHASES)
        @hypothesis.given(strategies.sampled_from(self.all_events()), strategies.data())
        def check(event: dict[str, Any], data: Any) -> None:
            changed = copy.deepcopy(event)
            for part in ("properties", "traits", "context"):
                if part in changed:
                    for key in list(changed[part]):
                        if data.draw(strategies.booleans()):
                            changed[part][key] = data.draw(_JSON)
            batch = tester.batch(changed)
            for name in destination.uses:
                formed = destination.form(Batch(batch.envelopes, name))
                assert [
                    o for o in formed.outcomes.values() if isinstance(o, Rejected) and o.reason == "encoding_error"
                ] == []
                for items in formed.parts():
                    for request in self.requests_of(destination, Batch(batch.envelopes, name), items):
                        assert_legal(request)

        check()

    def test_every_status_and_body_has_a_verdict(self) -> None:
        for exchange in self.exchanges():
            for status in range(100, 600):
                for body in BODIES if status in (200, 201, 207, 400, 429, 500) else BODIES[:2]:
                    exchange.assert_total(Response(status, {}, body))

    def test_no_response_makes_a_verdict_raise(self) -> None:
        everything = self.exchanges()

        @hypothesis.settings(max_examples=60, deadline=None, derandomize=True, database=None, phases=PHASES)
        @hypothesis.given(responses(), strategies.sampled_from(everything))
        def check(response: Response, exchange: _Exchange) -> None:
            exchange.assert_total(response)

        check()

    # Limits ----------------------------------------------------------------------------------------------------------

    def test_a_batch_is_cut_at_the_vendors_limits(self) -> None:
        destination = self.destination_of(self.make_tester())
        for sent in self.biggest():
            limits = destination.limits_of(sent.action)
            if not limits.are_fixed:
                continue
            many = Batch(list(sent.batch.envelopes) * (limits.max_events // len(sent.batch) + 1), sent.action)
            many = Batch([msgspec.structs.replace(e, number=n) for n, e in enumerate(many.envelopes)], sent.action)
            parts = destination.form(many).parts()
            assert all(len(part) <= limits.max_events for part in parts)
            assert all(sum(len(item.body) for item in part) <= limits.max_bytes for part in parts)

    # Goldens ---------------------------------------------------------------------------------------------------------

    def test_every_preset_has_a_golden(self) -> None:
        used: set[str] = set()
        for golden in self.goldens().values():
            used |= {sent.action for sent in self.golden_run(golden) if sent.requests}
        assert set(presets_of(self.kind)) - used - set(self.without_golden) == set()

    def test_golden(self, golden: Golden) -> None:
        assert golden.requests or golden.responses or golden.outcomes is not None, "a golden that says nothing"
        sent = self.golden_run(golden)
        if golden.outcomes is not None:
            assert [outcome_as_json(outcome) for one in sent for outcome in one.outcomes] == golden.outcomes
        if golden.requests:
            made = [request for one in sent for request in one.requests]
            like = [*golden.requests, *[golden.requests[-1]] * len(made)]
            written = [request_as_golden(request, form) for request, form in zip(made, like, strict=False)]
            assert written == golden.requests
        for answer in golden.responses:
            response = answer.response()
            told = [
                (verdict_as_json(one.verdict), one.report and list(one.report))
                for one in self.golden_tester(golden).run(*golden.events, answer=_always(response), at=golden.at)
                if one.verdict is not None
            ]
            verdicts, reports = map(list, zip(*told, strict=True)) if told else ([], [])
            assert (verdicts[0] if len(told) == 1 else verdicts) == answer.verdict, answer
            assert (reports[0] if len(told) == 1 else reports if any(reports) else None) == answer.reported, answer

    # Means -----------------------------------------------------------------------------------------------------------

    @property
    def kind(self) -> type[ActionDestination[Any]]:
        kind = self.destination.with_actions or self.destination
        assert issubclass(kind, ActionDestination)
        return kind

    def make_tester(self, settings: Mapping[str, Any] | None = None) -> Tester:
        chosen = copy.deepcopy(dict(self.settings if settings is None else settings))
        return Tester(self.destination, chosen, actions=dict(self.actions))

    def destination_of(self, tester: Tester) -> ActionDestination[Any]:
        assert isinstance(tester.destination, ActionDestination)
        return tester.destination

    def all_events(self) -> list[dict[str, Any]]:
        return [dict(event) for event in (*SAMPLES.values(), *ECOMMERCE.values(), *self.events)]

    def run_all(self) -> list[Sent]:
        return self.make_tester().run(*self.all_events())

    def biggest(self) -> list[Sent]:
        """The longest of what each action sends of the samples."""
        found: dict[str, Sent] = {}
        for sent in self.run_all():
            if sent.requests and len(sent.batch) > len(found[sent.action].batch if sent.action in found else ()):
                found[sent.action] = sent
        return list(found.values())

    def requests_of(self, destination: ActionDestination[Any], batch: Batch, items: list[Any]) -> list[Request]:
        made: list[Request] = []

        def answer(request: Request) -> Response:
            made.append(request)
            return Response(200, {}, b"{}")

        drive(destination.exchange(batch, items), answer)
        return made

    def exchanges(self) -> list[_Exchange]:
        destination = self.destination_of(self.make_tester())
        return [
            _Exchange(destination, sent.batch, [item for part in destination.form(sent.batch).parts() for item in part])
            for sent in self.biggest()
        ]

    def golden_tester(self, golden: Golden) -> Tester:
        settings = copy.deepcopy(dict(self.settings if golden.settings is None else golden.settings))
        return Tester(self.destination, settings, actions=golden.actions or dict(self.actions))

    def golden_run(self, golden: Golden) -> list[Sent]:
        answers = [answer.response() for answer in golden.answers] or [Response(200, {}, b"{}")]

        def answer(request: Request) -> Response:
            return answers.pop(0) if len(answers) > 1 else answers[0]

        return self.golden_tester(golden).run(*golden.events, answer=answer, at=golden.at)


class _Exchange(msgspec.Struct, frozen=True):
    """A batch formed, to be sent again and again, each time answered in another way."""

    destination: ActionDestination[Any]
    batch: Batch
    items: list[Any]

    def assert_total(self, response: Response) -> None:
        """Whatever each request is answered, there is a verdict in the end; a `ValidationError` and the like are verdicts, too."""
        asked = 0

        def answer(request: Request) -> Response:
            nonlocal asked
            asked += 1
            assert asked < 50, "an exchange without an end"
            return response

        try:
            verdict: Judgement = drive(self.destination.exchange(self.batch, self.items), answer)
        except ValidationError as error:
            verdict = Failure(error.fault, error.code)
        assert_verdict(verdict, self.batch)


def _always(response: Response) -> Callable[[Request], Response]:
    return lambda request: response


_LEAVES = (
    strategies.none()
    | strategies.booleans()
    | strategies.integers(-(10**6), 10**12)
    | strategies.text(CHARACTERS, max_size=12)
)
_JSON = strategies.recursive(
    _LEAVES,
    lambda inner: (
        strategies.lists(inner, max_size=3)
        | strategies.dictionaries(strategies.text(CHARACTERS, max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
