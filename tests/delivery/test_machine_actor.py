"""A whole actor under random scripts, in virtual time: nothing lost, nothing settled twice, permits always returned.

A script is data: feeds, changes of the receiver's mind, reloads, cancellations, time. After it the receiver becomes healthy and the
fleet is drained; then every event must have come to exactly one end, and nobody may hold anything any more.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import anyio
import msgspec
import trio
import trio.testing
from doorstep.engine.errors import EventNotSupported, InvalidEventPayload, TransportError
from doorstep.engine.model import DELIVERED, Batch, Filtered, Outcome, Rejected, Request, Response, Retry, Verdict
from doorstep.engine.policy.breaker import BreakerSettings
from doorstep.engine.policy.limiter import RateSettings
from doorstep.engine.policy.retry import RetrySettings
from doorstep.engine.policy.window import BatchSettings
from doorstep.engine.sdk.destination import RequestDestination
from doorstep.engine.sdk.verdict import verdict_by_status
from doorstep.engine.settings import Duration, Settings
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "100"))
"""More of them find more: 5000 take some minutes."""
LONG_S = 20_000.0
"""Longer than any schedule, hold, lease or backoff of a script."""
LATENCY_S = 0.01
ITEMS: dict[str, Outcome] = {"reject": Rejected("no"), "retry": Retry("later", 5.0), "filter": Filtered("mute")}


class Mind(msgspec.Struct, frozen=True):
    """What the receiver makes of a request: `how`, if any id of it is `remainder` modulo `modulus`."""

    how: Any = 200
    modulus: int = 1
    remainder: int = 0

    def picks(self, number: int) -> bool:
        return number % self.modulus == self.remainder

    def answers(self, numbers: list[int]) -> Any:
        return self.how if any(map(self.picks, numbers)) else 200


class Scripted(RequestDestination[Settings]):
    """Raises, or reads off the response, what the receiver's mind says. `mind` belongs to the receiver."""

    label = "Scripted"
    description = "For tests."
    Settings = Settings

    def __init__(self, mind: Callable[[], Mind]) -> None:
        super().__init__(Settings())
        self._mind = mind

    def request(self, batch: Batch) -> Request:
        match self._mind().answers([envelope.number for envelope in batch.envelopes]):
            case "unsupported":
                raise EventNotSupported
            case "invalid":
                raise InvalidEventPayload("no")
            case "broken":
                raise RuntimeError("a bug in `request`")
        return Request("POST", "http://receiver/", body=b"[" + b",".join(batch.lines) + b"]")

    def requests(self, batch: Batch) -> Iterable[tuple[Request, Batch]]:
        """`several`: a request for those picked and one for the others; `alone`: no request for the others."""
        mind = self._mind()
        picked = [position for position, one in enumerate(batch.envelopes) if mind.picks(one.number)]
        others = [position for position, one in enumerate(batch.envelopes) if not mind.picks(one.number)]
        if mind.how not in ("several", "alone") or not picked or not others:
            yield self.request(batch), batch
            return
        for positions in (picked, others) if mind.how == "several" else (picked,):
            part = batch.take(positions)
            yield self.request(part), part

    def verdict(self, response: Response, batch: Batch) -> Verdict:
        if response.headers.get("how") == "crash":
            raise RuntimeError("a bug in `verdict`")
        if response.headers.get("how") == "short":
            return [DELIVERED] * (len(batch) - 1)
        if not response.body:
            return verdict_by_status(response)
        return [ITEMS.get(code, DELIVERED) for code in msgspec.json.decode(response.body, type=list[str])]


class Fickle:
    """A receiver with a mind. `taken` counts receipts, `unsure` those of them that the engine could not hear of."""

    def __init__(self, reply_s: float = 0.01) -> None:
        self.mind = Mind()
        self.reply_s = reply_s
        self.taken: Counter[int] = Counter()
        self.unsure: Counter[int] = Counter()
        self.order: list[int] = []
        self.crashes = self.requests = self.in_flight = self.most_in_flight = 0

    async def open(self) -> Fickle:
        return self

    async def aclose(self) -> None: ...

    async def send(self, request: Request, timeout_s: float) -> Response:
        numbers = [event["n"] for event in msgspec.json.decode(request.body)]
        self.requests += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await anyio.sleep(LATENCY_S)
            return await self._answer(numbers, timeout_s)
        finally:
            self.in_flight -= 1

    async def _answer(self, numbers: list[int], timeout_s: float) -> Response:
        match self.mind.answers(numbers):
            case int(status) if status != 200:
                return Response(status)
            case (int(status), float(after)):
                return Response(status, {"retry-after": str(int(after))})
            case "connect_refused" | "reset" as code:
                raise TransportError(code)
            case "timeout":
                await anyio.sleep(timeout_s)
                raise TransportError("timeout")
            case "cut":
                self._take(numbers)
                self.unsure.update(numbers)
                raise TransportError("reset")
            case "crash" | "short" as how:
                self._take(numbers)
                self.unsure.update(numbers)
                self.crashes += 1
                return Response(200, {"how": how})
            case "reject" | "retry" | "filter" as how:
                codes = [how if self.mind.picks(number) else "taken" for number in numbers]
                self._take([number for number in numbers if not self.mind.picks(number)])
                return await self._reply(numbers, Response(200, {}, msgspec.json.encode(codes)))
        self._take(numbers)
        return await self._reply(numbers, Response(200))

    def _take(self, numbers: list[int]) -> None:
        self.taken.update(numbers)
        self.order += numbers

    async def _reply(self, numbers: list[int], response: Response) -> Response:
        """The way back, on which the engine may hang up."""
        try:
            await anyio.sleep(self.reply_s)
        except trio.Cancelled:
            self.unsure.update(number for number in numbers if self.taken[number])
            raise
        return response


# Scripts -------------------------------------------------------------------------------------------------------------

everyones = st.sampled_from(
    [200, 200, 500, 503, 401, 404, 400, 422, 429, (429, 30.0), (503, 60.0), 302, "connect_refused", "reset", "timeout"]
)
answered = [400, 413, 422, 404, 500, "cut", "crash", "short", "reject", "retry", "filter"]
formed = ["unsupported", "invalid", "broken", "several", "alone"]
somebodys = st.sampled_from([*answered, *formed])
minds = st.one_of(
    st.builds(Mind, everyones),
    st.builds(Mind, somebodys, st.integers(2, 40), st.integers(0, 3)),
)
plans = st.fixed_dictionaries(
    {
        "in_flight": st.integers(1, 4),
        "batch": st.builds(
            BatchSettings, max_events=st.integers(1, 50), max_wait=st.sampled_from([Duration("0s"), Duration("1s")])
        ),
        "rate": st.none()
        | st.builds(
            RateSettings,
            per_second=st.integers(5, 100),
            burst=st.integers(1, 60),
            unit=st.sampled_from(["events", "requests"]),
        ),
        "retry": st.builds(
            RetrySettings,
            preset=st.none(),
            attempts=st.none() | st.integers(1, 4),
            base=st.sampled_from([Duration("1s"), Duration("30s")]),
            cap=st.just(Duration("60s")),
        ),
        "breaker": st.builds(BreakerSettings, consecutive=st.integers(1, 5)),
        "timeout_s": st.sampled_from([1.0, 10.0]),
    }
)
pauses = st.sampled_from([0.0, 0.005, 0.015, 0.5, 3.0, 20.0, 90.0])
scenes = st.tuples(
    st.tuples(st.just("mind"), minds),
    st.tuples(st.just("feed"), st.integers(1, 60)),
    st.tuples(st.just("wait"), pauses),
    st.one_of(
        st.just(("wait", 3.0)),
        st.tuples(st.sampled_from(["reload", "restart"]), plans),
        st.just(("cancel", None)),
        st.tuples(st.just("feed"), st.integers(1, 60)),
    ),
    st.tuples(st.just("wait"), pauses),
)
"""What a receiver is like for a while, and what else happens then."""
machine = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Play:
    """One fleet with one destination, played through a script."""

    def __init__(self, world: Any, hook: Fickle) -> None:
        self.world = world
        self.hook = hook
        self.version = 0

    def plan(self, changes: dict[str, Any]) -> None:
        destination = Scripted(lambda: self.hook.mind)
        self.world.plan("a", self.hook, version=str(self.version), destination=destination, **changes)
        self.world.reconcile()

    @property
    def served(self) -> Any:
        return self.world.fleet._served["a"]

    async def step(self, verb: str, what: Any) -> None:
        match verb:
            case "feed":
                await self.world.feed(what)
            case "mind":
                self.hook.mind = what
            case "wait":
                await anyio.sleep(what)
            case "reload" | "restart":
                self.version += verb == "reload"
                self.plan(what)
            case "cancel":
                self.served.supervisor.scope.cancel()
        self.world.assert_sums()

    async def end(self) -> Any:
        """The receiver is healthy from here on, and all that waits gets its time."""
        self.hook.mind = Mind()
        await self.world.fleet.drain(LONG_S)
        self.world.assert_sums()
        return self.world.statistics("a")

    def assert_nothing_is_held(self) -> None:
        state = self.served.state
        assert not state.in_hand
        assert (len(state.shelf), len(state.parked), len(state.window), len(state.mailbox)) == (0, 0, 0, 0)
        assert state.breaker.statistics().outstanding == 0
        assert state.cursor.unsettled() == []
        assert state.cursor.watermark == self.world.log.end
        assert (self.world.log.statistics().chunks, self.world.log.statistics().size_bytes) == (0, 0)


def play(world: Any, changes: dict[str, Any], script: list[tuple[str, Any]], hook: Fickle) -> tuple[Play, Any]:
    """Runs the script to its end. Returns what was played and the final statistics."""

    async def main() -> tuple[Play, Any]:
        async with world() as w:
            played = Play(w, hook)
            played.plan(changes)
            start = anyio.current_time()
            for verb, what in script:
                await played.step(verb, what)
            elapsed_s = anyio.current_time() - start
            assert hook.requests <= 200 + 40 * w.fed + 2 * elapsed_s, "a receiver that refuses is not hammered"
            final = await played.end()
            played.assert_nothing_is_held()
            asked_for = hook.crashes + sum(verb == "cancel" for verb, _ in script)
            assert played.served.state.budget.statistics().crashes <= asked_for, "no actor crashes for another reason"
            return played, final

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@machine
@given(changes=plans, acts=st.lists(scenes, min_size=1, max_size=6))
def test_every_event_comes_to_exactly_one_end(world: Any, changes: dict[str, Any], acts: list[Any]) -> None:
    script = [step for scene in acts for step in scene]
    hook = Fickle()
    played, final = play(world, changes, script, hook)
    heard = {number: count - hook.unsure[number] for number, count in hook.taken.items()}
    assert max(heard.values(), default=0) <= 1, "nothing is sent again once its receipt was heard of"
    assert final.delivered == sum(heard.values())
    assert (final.parked, final.pending, final.dropped) == (0, 0, 0)
    assert played.world.fed == final.delivered + sum(final.filtered.values()) + final.dead_lettered


outages = st.sampled_from([500, 503, 429, (503, 60.0), 401, 404, "connect_refused", "reset", "timeout"])


@machine
@given(
    changes=plans,
    outage=outages,
    feeds=st.lists(st.tuples(st.integers(1, 60), st.sampled_from([0.0, 0.005, 0.5, 3.0])), min_size=1, max_size=12),
    begins=st.integers(0, 12),
    lasts=st.sampled_from([0.005, 1.0, 30.0, 600.0]),
    cancel=st.booleans(),
)
def test_an_outage_is_nobodys_fault(
    world: Any, changes: dict[str, Any], outage: Any, feeds: Any, begins: int, lasts: float, cancel: bool
) -> None:
    script: list[tuple[str, Any]] = [step for size, pause in feeds for step in (("feed", size), ("wait", pause))]
    script[2 * begins : 2 * begins] = [("mind", Mind(outage))]
    script += [("wait", lasts)] + [("cancel", None)] * cancel
    hook = Fickle(reply_s=0)
    played, final = play(world, changes, script, hook)
    assert (final.delivered, final.dead_lettered, final.filtered) == (played.world.fed, 0, {})
    assert all(hook.taken[number] - hook.unsure[number] == 1 for number in range(1, played.world.fed + 1))


@machine
@example(
    changes={
        "batch": BatchSettings(max_events=1, max_wait=Duration("0s")),
        "retry": RetrySettings(preset=None, base=Duration("1s"), cap=Duration("60s")),
        "breaker": BreakerSettings(consecutive=3),
    },
    outage="connect_refused",
    feeds=[(1, 0.5)] * 4 + [(1, 3.0)] * 3,
    begins=0,
    lasts=30.0,
)
@given(
    changes=plans,
    outage=st.sampled_from(["connect_refused", "reset"]),
    feeds=st.lists(st.tuples(st.integers(1, 60), st.sampled_from([0.0, 0.005, 0.5, 3.0])), min_size=1, max_size=8),
    begins=st.integers(0, 8),
    lasts=st.sampled_from([0.005, 1.0, 30.0]),
)
def test_with_one_request_in_flight_a_short_outage_keeps_the_order(
    world: Any, changes: dict[str, Any], outage: Any, feeds: Any, begins: int, lasts: float
) -> None:
    script: list[tuple[str, Any]] = [step for size, pause in feeds for step in (("feed", size), ("wait", pause))]
    script[2 * begins : 2 * begins] = [("mind", Mind(outage))]
    script += [("wait", lasts)]
    hook = Fickle(reply_s=0)
    played, _ = play(world, changes | {"in_flight": 1}, script, hook)
    assert hook.order == list(range(1, played.world.fed + 1))
    assert hook.most_in_flight == 1
