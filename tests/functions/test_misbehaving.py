"""Functions that do not end, do not return what they should, or take more than they may: the loop goes on, the message names the line."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from doorstep.engine.errors import Fault
from doorstep.engine.functions import FunctionSink, load_function, way_out
from doorstep.engine.functions.calling import Caller
from doorstep.engine.functions.finishing import DestinationFinish
from doorstep.engine.functions.host import Host, Write
from doorstep.engine.functions.runtime import FunctionStuck
from doorstep.engine.model import Batch
from doorstep.engine.net import NetSettings
from doorstep.engine.sdk import DELIVERED, UNTRIED, Failure, Raised, Rejected, Retry

OpenSink = Callable[..., Any]

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorstep.engine.functions.watch.GRACE_S", 0.1)
    monkeypatch.setattr("doorstep.engine.functions.host.TIDY_S", 0.1)


BAD = """
import asyncio, socket, time
from doorstep.engine.sdk import RetryError, ValidationError

pair = socket.socketpair()

def spin():
    n = 0
    while True:
        n += 1

async def on_track(event, settings, ctx):
    match event.event:
        case "spin":
            spin()
        case "wait":
            await asyncio.sleep(60)
        case "sleep":
            time.sleep(0.5)
        case "block":
            pair[0].recv(1)
        case "deaf":
            while True:
                try:
                    await asyncio.sleep(60)
                except BaseException:
                    pass
        case "stubborn":
            n = 0
            while True:
                try:
                    n += 1
                    n += 1
                except BaseException:
                    n += 1
        case "cancel":
            raise asyncio.CancelledError
        case "slow":
            await asyncio.sleep(0.05)
        case "refuse":
            raise ValidationError("no")
        case "later":
            raise RetryError("later")
        case "error":
            raise ValueError("no")
        case "big":
            return ["x" * 100_000_000]
        case "loose":
            asyncio.create_task(asyncio.sleep(60))
"""
OK = (DELIVERED, UNTRIED)


@pytest.fixture
def open_bad(open_sink: OpenSink) -> OpenSink:
    """`BAD`. In the end the threads that it blocked in come back."""

    @asynccontextmanager
    async def opened(**options: Any) -> AsyncIterator[FunctionSink]:
        async with open_sink(BAD, **options) as sink:
            yield sink
        pair = sink.settings.function.module.pair
        pair[1].send(b"x" * 8)
        for _ in range(20):
            if not any(thread.name == "doorstep runs teams.py" for thread in threading.enumerate()):
                break
            await anyio.sleep(0.01)
        for one in pair:
            one.close()

    return opened


def timeout(line: int, name: str = "on_track") -> Raised:
    return Raised("function_timeout", f"took longer than 0.2 s (teams.py:{line} in {name})")


def line_of(text: str) -> int:
    """The number of the first line of BAD that holds `text`."""
    return next(number for number, line in enumerate(BAD.splitlines(), 1) if text in line)


async def ticks_during(work: Any) -> tuple[Any, float]:
    """What `work` returns, and the longest that the loop stood still meanwhile."""
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            began = time.monotonic()
            await anyio.sleep(0.005)
            longest = max(longest, time.monotonic() - began)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tick)
        result = await work
        tasks.cancel_scope.cancel()
    return result, longest


CASES = {
    "spin": (line_of("n += 1"), "spin"),
    "wait": (line_of('case "wait"') + 1, "on_track"),
    "sleep": (line_of('case "sleep"') + 1, "on_track"),
    "block": (line_of('case "block"') + 1, "on_track"),
    "deaf": (line_of('case "deaf"') + 3, "on_track"),
}


CATCHES = """
import asyncio

async def on_track(event, settings, ctx):
    if event.event == "spin":
        while True: pass
    if event.event == "cancel":
        raise asyncio.CancelledError
    if event.event.startswith("catch"):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            while event.event == "catch and spin": pass
"""


async def test_a_call_that_returns_after_its_time_was_up_is_out_of_time_and_the_next_one_has_a_time_of_its_own(
    open_sink: OpenSink, tracks: Callable[..., Batch]
) -> None:
    async with open_sink(CATCHES) as sink:
        with anyio.fail_after(5):
            assert await sink.write(tracks("catch")) == [timeout(11)]
            assert await sink.write(tracks("cancel")) == [
                Raised("function_error", "CancelledError: cancelled from inside")
            ]
            assert await sink.write(tracks("catch")) == [timeout(11)]
            assert await sink.write(tracks("spin")) == [timeout(6)]
            assert await sink.write(tracks("catch and spin")) == [timeout(13)]
            assert await sink.write(tracks("ok")) == DELIVERED


CHILDREN = """
import asyncio

def forever():
    while True: pass

async def inner():
    forever()

async def on_track(event, settings, ctx):
    match event.event:
        case "gather":
            await asyncio.gather(inner())
        case "wait_for":
            await asyncio.wait_for(inner(), 60)
        case "callback":
            asyncio.get_running_loop().call_soon(forever)
            await asyncio.sleep(0.01)
        case "leave":
            asyncio.get_running_loop().call_soon(forever)
"""


@pytest.mark.parametrize("name", ["gather", "wait_for", "callback"])
async def test_a_task_or_callback_that_holds_the_thread_is_ended_with_its_call(
    open_sink: OpenSink, tracks: Callable[..., Batch], name: str
) -> None:
    async with open_sink(CHILDREN) as sink:
        with anyio.fail_after(5):
            assert await sink.write(tracks(name)) == [timeout(5, "forever")]
            assert await sink.write(tracks("ok")) == DELIVERED


async def test_a_callback_that_holds_the_thread_after_its_call_is_ended_and_nobody_is_blamed(
    open_sink: OpenSink, tracks: Callable[..., Batch]
) -> None:
    async with open_sink(CHILDREN) as sink:
        with anyio.fail_after(5):
            assert await sink.write(tracks("leave")) == DELIVERED
            while await sink.write(tracks("ok")) != DELIVERED:
                pass


GATED = """
import asyncio, threading, time

gate = threading.Event()

async def on_track(event, settings, ctx):
    match event.event:
        case "gate":
            gate.wait()
        case "hold":
            time.sleep(0.15)
        case "cancel":
            raise asyncio.CancelledError
"""


@pytest.mark.parametrize("is_passed_over", [False, True])
async def test_an_interrupt_that_comes_too_late_is_not_told_of_the_call_after(
    open_sink: OpenSink, tracks: Callable[..., Batch], monkeypatch: pytest.MonkeyPatch, is_passed_over: bool
) -> None:
    """The call ends while the watch looks where it is. What is raised then hits the next call, or the loop, which passes over it."""
    async with open_sink(GATED) as sink:

        def place(thread_id: int, file: str) -> str:
            sink.settings.function.module.gate.set()
            time.sleep(0.05)
            return "late"

        monkeypatch.setattr("doorstep.engine.functions.watch.place_of_thread", place)
        if is_passed_over:
            monkeypatch.setattr("doorstep.engine.functions.watch.raise_in", lambda thread_id: None)
        with anyio.fail_after(5):
            verdict = await sink.write(tracks("gate", "hold"))
            assert verdict == [DELIVERED, UNTRIED] or (is_passed_over and verdict == DELIVERED)
            cancelled = Raised("function_error", "CancelledError: cancelled from inside")
            assert await sink.write(tracks("cancel")) == [cancelled]


EXITS = """
import asyncio, sys

async def inner():
    sys.exit(1)

async def at_the_end():
    try:
        await asyncio.sleep(60)
    finally:
        sys.exit(1)

async def on_track(event, settings, ctx):
    if event.event == "task":
        await asyncio.gather(inner())
    if event.event == "callback":
        asyncio.get_running_loop().call_soon(sys.exit)
        await asyncio.sleep(0.01)
    if event.event == "stop":
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0.01)
    if event.event == "leave":
        on_track.left = asyncio.create_task(at_the_end())
        await asyncio.sleep(0.01)
"""


async def test_a_task_or_callback_that_exits_does_not_end_the_thread(
    open_sink: OpenSink, tracks: Callable[..., Batch]
) -> None:
    before = threading.active_count()
    with anyio.fail_after(5):
        async with open_sink(EXITS) as sink:
            assert await sink.write(tracks("task", "ok")) == [
                Raised("function_error", "SystemExit: 1 (teams.py:5 in inner)"),
                DELIVERED,
            ]
            assert await sink.write(tracks("callback", "stop", "leave", "ok")) == DELIVERED
        while threading.active_count() > before:
            await anyio.sleep(0.01)


@pytest.mark.backends
@pytest.mark.parametrize("name", CASES)
async def test_a_call_that_does_not_end_is_ended_and_named_and_the_loop_goes_on(
    open_bad: OpenSink, tracks: Callable[..., Batch], name: str
) -> None:
    async with open_bad() as sink:
        began = time.monotonic()
        verdict, stood_still_s = await ticks_during(sink.write(tracks("ok", name, "ok")))
        assert time.monotonic() - began < 3
        assert stood_still_s < 1
        assert isinstance(verdict, list)
        line, function = CASES[name]
        lines = (line, line - 1, line - 2) if name == "spin" else (line,)
        assert verdict[0] == DELIVERED
        assert verdict[1] in [timeout(one, function) for one in lines]
        assert verdict[2] in OK
        assert await sink.write(tracks("ok", "ok")) == DELIVERED


async def test_one_that_catches_everything_is_given_up_and_the_next_call_has_another_thread(
    open_bad: OpenSink, tracks: Callable[..., Batch]
) -> None:
    """It would spin for ever, so it is ended by what the watch raises in it again and again, once that hits outside of its `try`."""
    async with open_bad() as sink:
        verdict = await sink.write(tracks("stubborn"))
        assert isinstance(verdict, list)
        assert isinstance(verdict[0], Raised)
        assert verdict[0].reason == "function_timeout"
        assert await sink.write(tracks("ok")) == DELIVERED


async def test_too_many_threads_that_do_not_come_back_stop_the_function_and_not_the_engine(
    open_bad: OpenSink, tracks: Callable[..., Batch]
) -> None:
    async with open_bad() as sink:
        for _ in range(4):
            assert await sink.write(tracks("block")) == [timeout(*CASES["block"])]
        with pytest.raises(
            FunctionStuck, match=r"teams\.py: 4 threads do not come back from it; nothing more is called"
        ):
            await sink.write(tracks("ok"))


async def test_a_neighbour_in_the_same_thread_is_not_blamed_for_one_that_holds_it(
    open_bad: OpenSink, tracks: Callable[..., Batch]
) -> None:
    async with open_bad(calls=3) as sink:
        verdict = await sink.write(tracks("slow", "spin", "slow"))
        assert isinstance(verdict, list)
        assert [type(outcome) for outcome in verdict[::2]] == [type(UNTRIED)] * 2
        assert isinstance(verdict[1], Raised)


async def test_a_call_cancelled_from_inside_is_an_error_like_any_other(
    open_bad: OpenSink, tracks: Callable[..., Batch]
) -> None:
    async with open_bad() as sink:
        assert await sink.write(tracks("cancel", "ok")) == [
            Raised("function_error", "CancelledError: cancelled from inside"),
            DELIVERED,
        ]


async def test_100_mb_returned_are_let_go(open_bad: OpenSink, tracks: Callable[..., Batch]) -> None:
    async with open_bad(limit_s=5) as sink:
        assert await sink.write(tracks("big", "ok")) == DELIVERED


async def test_calls_that_wait_run_side_by_side_up_to_the_bound(
    open_bad: OpenSink, tracks: Callable[..., Batch]
) -> None:
    async with open_bad(calls=10, limit_s=5) as sink:
        began = time.monotonic()
        assert await sink.write(tracks(*["slow"] * 20)) == DELIVERED
        assert 0.1 <= time.monotonic() - began < 0.8


async def test_one_call_at_a_time_keeps_the_order(open_sink: OpenSink, tracks: Callable[..., Batch]) -> None:
    text = (
        "import asyncio\nseen = []\n"
        "async def on_track(event, settings, ctx):\n"
        "    await asyncio.sleep(0.01 if event.event == 'a' else 0)\n    seen.append(event.event)\n"
    )
    async with open_sink(text) as sink:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sink.write, tracks("a", "b"))
            await anyio.sleep(0.002)
            tasks.start_soon(sink.write, tracks("a", "c"))
        assert sink.settings.function.module.seen == ["a", "b", "a", "c"]


# What a write comes to --------------------------------------------------------------------------------------------------


async def test_a_write_of_which_all_is_to_come_again_failed_as_a_whole(
    open_bad: OpenSink, tracks: Callable[..., Batch]
) -> None:
    later = Failure(Fault.TRANSIENT, "retry_error", detail="RetryError: later (teams.py:43 in on_track)")
    async with open_bad() as sink:
        assert await sink.write(tracks("later", "later")) == later
        assert await sink.write(tracks(*["later"] * 5, "ok")) == later, "after five in vain the rest is not tried"
        assert await sink.write(tracks("later", "refuse")) == [
            UNTRIED,
            Rejected("validation_error", "ValidationError: no (teams.py:41 in on_track)"),
        ], "the one is done with, the other comes again alone"
        assert await sink.write(tracks("later", "ok")) == [
            Retry("retry_error", None, "RetryError: later (teams.py:43 in on_track)"),
            DELIVERED,
        ], "others got through, so this is the event's own"


async def test_closing_ends_calls_that_wait(open_bad: OpenSink, tracks: Callable[..., Batch]) -> None:
    before = threading.active_count()
    async with open_bad(limit_s=30) as sink:
        with anyio.move_on_after(0.1):
            await sink.write(tracks("wait"))
        await sink.write(tracks("loose"))
    for _ in range(100):
        if threading.active_count() <= before:
            break
        await anyio.sleep(0.01)
    assert threading.active_count() <= before


async def test_a_write_nobody_waits_for_is_not_gone_on_with(open_sink: OpenSink, tracks: Callable[..., Batch]) -> None:
    text = (
        "import asyncio\nseen = []\n"
        "async def on_track(event, settings, ctx):\n    seen.append(event.event)\n    await asyncio.sleep(0.1)\n"
    )
    async with open_sink(text, limit_s=5) as sink:
        with anyio.move_on_after(0.05):
            await sink.write(tracks("a", "b", "c"))
        assert await sink.write(tracks("d")) == DELIVERED
        assert sink.settings.function.module.seen == ["a", "d"]


def test_a_write_given_up_before_the_thread_hears_of_it_is_never_begun(
    write_function: Callable[[str], str], tracks: Callable[..., Batch]
) -> None:
    settings = load_function(
        write_function("seen = []\ndef on_track(event, settings, ctx): seen.append(event.event)\n")
    )()
    caller = Caller("teams", settings, DestinationFinish())
    host = Host(caller, calls=1, limit_s=5, open_transport=way_out(NetSettings()))
    ended = threading.Event()
    soon: list[Callable[[], object]] = []
    writes = [
        Write(tracks(*names).envelopes, whole=False, answer=lambda answer: None) for names in (("a", "b"), ("c",))
    ]
    for write in writes:
        host.offer(write, soon.append)
    host.post(host.drop, writes[0])
    [call] = soon
    call()
    host.post(lambda: host.loop.call_soon(host.stop))
    host.start(ended.set)
    assert ended.wait(5)
    assert settings.function.module.seen == ["c"]
