"""What is asked of a request destination: pure, legal, total."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar

import hypothesis
import msgspec
import pytest
from hypothesis import strategies

from ...errors import DoorstepError, EventNotSupported
from ...model.batch import Batch
from ...model.envelope import Envelope
from ...model.exchange import Response
from ...secret import secrets_in
from ..destination import Limits, RequestDestination
from ..golden import Golden, request_as_golden, verdict_as_json
from ..samples import SAMPLES
from ..testing import Tester
from ..verdict import judged
from .common import assert_verdict, samples
from .http import BODIES, OverHttp, assert_legal

PHASES = (hypothesis.Phase.generate, hypothesis.Phase.shrink)
CHARACTERS = strategies.characters(exclude_categories=["Cs"])
"""All that UTF-8 has. Where nothing is said, Hypothesis tries to encode each there is, which takes seconds in a new folder."""


class Conformance(OverHttp):
    """For a request destination."""

    secret_in_url: ClassVar[bool] = False
    """True where the vendor wants a secret in the URL and leaves no other way."""

    def request_destination(self) -> RequestDestination[Any]:
        destination = self.make_tester().destination
        assert isinstance(destination, RequestDestination)
        return destination

    def test_every_type_of_event_is_built_left_out_or_refused_as_not_supported(self) -> None:
        assert self.supported(), "no sample event of any type is built"

    def test_a_request_is_legal(self) -> None:
        for batch in self.batches():
            for request, _ in self.request_destination().requests(batch):
                assert_legal(request)

    def test_no_secret_is_in_the_url(self) -> None:
        secrets = [secret for secret in secrets_in(self.make_tester().settings) if secret]
        urls = [request.url for batch in self.batches() for request, _ in self.request_destination().requests(batch)]
        assert self.secret_in_url or [url for url in urls for secret in secrets if secret in url] == []

    def test_the_same_batch_makes_the_same_request_and_stays_as_it_was(self) -> None:
        for batch in self.batches():
            before = (list(batch.envelopes), batch.key)
            destination = self.request_destination()
            once, again = list(destination.requests(batch)), list(destination.requests(batch))
            assert once == again == list(self.request_destination().requests(batch))
            assert (list(batch.envelopes), batch.key) == before

    def test_signing_is_a_function_of_request_and_time(self) -> None:
        destination = self.request_destination()
        for batch in self.batches():
            for request, part in destination.requests(batch):
                once, again = (
                    destination.sign(request, part, 1735689600.9),
                    destination.sign(request, part, 1735689600.9),
                )
                assert once == again
                assert (once.method, once.url, once.body) == (request.method, request.url, request.body)
                assert_legal(once)

    def test_the_parts_of_a_batch_and_of_its_halves_carry_each_event_once(self) -> None:
        for batch in self.batches():
            halves = batch.split() if len(batch) > 1 else (batch,)
            for piece in (batch, *halves):
                made = self.request_destination().requests(piece)
                carried = [envelope.number for _, part in made for envelope in part.envelopes]
                assert sorted(carried) == [envelope.number for envelope in piece.envelopes]

    def test_every_status_has_a_verdict(self) -> None:
        destination = self.request_destination()
        for batch in self.batches():
            for status in range(100, 600):
                for body in BODIES:
                    assert_verdict(destination.verdict(Response(status, {}, body), batch), batch)

    def test_no_response_makes_verdict_raise(self) -> None:
        destination, batches = self.request_destination(), self.batches()

        # A function inside, since Hypothesis objects to one test method inherited by several classes. It shrinks, but does not
        # look for explanations, which would take most of the time.
        @hypothesis.settings(max_examples=60, deadline=None, derandomize=True, database=None, phases=PHASES)
        @hypothesis.given(responses(), strategies.sampled_from(batches))
        def check(response: Response, batch: Batch) -> None:
            assert_verdict(destination.verdict(response, batch), batch)

        check()

    def test_golden(self, golden: Golden) -> None:
        assert golden.requests or golden.responses or golden.raises, "a golden that says nothing"
        assert all((form.body is None) != (form.json is msgspec.UNSET) for form in golden.requests), (
            "one of body and json"
        )
        tester = self.make_tester(golden.settings)
        if golden.raises:
            with pytest.raises(DoorstepError) as raised:
                tester.requests(*golden.events)
            assert type(raised.value).__name__ == golden.raises
        if golden.requests:
            made = tester.requests(*golden.events, at=golden.at)
            like = [*golden.requests, *[golden.requests[-1]] * len(made)]
            written = [request_as_golden(request, form) for request, form in zip(made, like, strict=False)]
            assert written == golden.requests
        for answer in golden.responses:
            batch = tester.batch(*golden.events)
            verdict, report = judged(self.request_destination().verdict(answer.response(), batch))
            assert verdict_as_json(verdict) == answer.verdict
            assert (report and list(report)) == answer.reported

    def supported(self) -> list[Envelope]:
        """The samples that this destination builds requests of."""
        found = []
        for envelope in samples(self.make_tester()):
            with suppress(EventNotSupported):
                if list(self.request_destination().requests(Batch([envelope]))):
                    found.append(envelope)
        return found

    def batches(self) -> list[Batch]:
        """A batch of one for every supported type, those that may go together in one, and the largest that the limits allow."""
        tester, supported = self.make_tester(), self.supported()
        mixed = [like for like in supported if tester.destination.key(like) == tester.destination.key(supported[0])]
        limits = tester.destination.tuned(tester.settings)
        return [
            *(Batch([envelope]) for envelope in supported),
            Batch(mixed[: limits.max_events]),
            _largest(tester, limits, supported[0]),
        ]


def _largest(tester: Tester, limits: Limits, like: Envelope) -> Batch:
    """As many events of one type and one user as the limits allow."""
    count = max(1, min(limits.max_events, limits.max_bytes // (len(like.line) + 8)))
    sample = SAMPLES[str(like.event.type)]
    return tester.batch(*({**sample, "messageId": f"m-{number}"} for number in range(count)))


def responses() -> strategies.SearchStrategy[Response]:
    """Of any status, with any headers that matter and any body."""
    names = strategies.sampled_from(["retry-after", "date", "content-type", "x-ratelimit-reset"])
    text = strategies.text(strategies.characters(max_codepoint=255), max_size=20)
    body = strategies.binary(max_size=200) | json_bytes()
    return strategies.builds(Response, strategies.integers(100, 599), strategies.dictionaries(names, text), body)


def json_bytes() -> strategies.SearchStrategy[bytes]:
    """JSON of the shapes that vendors answer with, and of all others."""
    leaves = (
        strategies.none()
        | strategies.booleans()
        | strategies.integers(-3, 600)
        | strategies.text(CHARACTERS, max_size=8)
    )
    keys = strategies.sampled_from(
        ["errors", "error", "results", "status", "index", "batch_index", "message", "data", "code"]
    )
    tree = strategies.recursive(
        leaves, lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(keys, inner)
    )
    return tree.map(msgspec.json.encode)
