"""The engine inside somebody's program: on each backend, in real time, over real sockets."""

from __future__ import annotations

import gc
import json
import logging
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import anyio
import anyio.to_thread
import pytest
from doorstep.engine import Closed, ConfigError, Engine, load_config

pytestmark = [pytest.mark.anyio, pytest.mark.backends]

EVENT = b'{"type":"track","userId":"u-1","event":"Signed Up","messageId":"m-%d","properties":{"n": %d}}'


def config(url: str, more: str = "") -> Any:
    memory = '[engine]\ndurability = "memory"\n'
    return load_config(text=f'{memory}[destinations.hook]\ntype = "webhook"\nsettings = {{ url = "{url}" }}\n{more}')


async def test_what_is_submitted_arrives_byte_for_byte_and_nothing_blocks_the_loop(
    receiver: Any, no_blocking: Any
) -> None:
    events = [EVENT % (n, n) for n in range(1200)]
    async with Engine(config(receiver.url, "in_flight = 1")) as engine:
        with no_blocking():
            receipt = await engine.submit(events)
            await engine.drain()
    assert (receipt.accepted, receipt.first, receipt.rejected) == (1200, 1, [])
    assert b",".join(body[1:-1] for body in receiver.bodies) == b",".join(events)
    assert {body[:1] + body[-1:] for body in receiver.bodies} == {b"[]"}
    hook = engine.statistics().destinations["hook"]
    assert (hook.offered, hook.delivered, hook.pending, hook.dropped) == (1200, 1200, 0, 0)


async def test_submit_takes_bytes_text_and_mappings_and_names_what_it_rejects(receiver: Any) -> None:
    async with Engine(config(receiver.url)) as engine:
        receipt = await engine.submit(
            [
                EVENT % (1, 1),
                '{"type": "page", "userId": "u-1"}',
                {"type": "identify", "userId": "u-1", "traits": {"plan": "pro"}},
                b"{",
                {"type": "track", "userId": "u-1"},
            ]
        )
        single = await engine.submit({"type": "screen", "anonymousId": "a-1"})
    assert receipt.accepted == 3
    assert [(r.number, r.reason) for r in receipt.rejected] == [(4, "not_json"), (5, "event_not_defined")]
    assert (single.accepted, single.first) == (1, 4)
    statistics = engine.statistics()
    assert (statistics.received, statistics.accepted) == (6, 4)
    assert statistics.rejected == {"not_json": 1, "event_not_defined": 1}


class OwnError(Exception):
    """Of the program around the engine."""


async def test_an_error_in_the_block_comes_out_as_it_is(receiver: Any) -> None:
    async def break_off() -> None:
        async with Engine(config(receiver.url)) as engine:
            await engine.submit(EVENT % (1, 1))
            raise OwnError("mine")

    with pytest.raises(OwnError, match="mine"):
        await break_off()


async def test_an_engine_that_was_left_is_not_entered_again(receiver: Any) -> None:
    engine = Engine(config(receiver.url))
    async with engine:
        with pytest.raises(RuntimeError, match="an Engine has one life"):
            await engine.__aenter__()
        assert (await engine.submit(EVENT % (1, 1))).accepted == 1
    with pytest.raises(RuntimeError, match="an Engine has one life"):
        await engine.__aenter__()
    assert len(receiver.bodies) == 1


async def test_what_cannot_be_written_as_json_is_refused_with_its_type(receiver: Any) -> None:
    unwritable = {"type": "track", "event": "a", "userId": "u", "x": object()}
    many = [EVENT % (n, n) for n in range(4000)]
    async with Engine(config(receiver.url)) as engine:
        rejected = (await engine.submit([*many, unwritable, {("a",): 1}, b""])).rejected
    assert [(r.number, r.reason, r.detail) for r in rejected] == [
        (4001, "not_json", "cannot be written as JSON: Encoding objects of type object is unsupported"),
        (
            4002,
            "not_json",
            "cannot be written as JSON: Only dicts with str-like or number-like keys are supported",
        ),
        (4003, "not_json", "Input data was truncated"),
    ]


async def test_whatever_is_submitted_is_accepted_or_rejected_never_an_exception(receiver: Any) -> None:
    spread = b'{"type": "track",\r\n "userId": "u-1",\n "event": "Signed Up", "messageId": "m-1"}'
    odd = [
        "\ud800",
        {"type": "track", "userId": "u", "event": "\ud800"},
        {"type": object()},
        None,
        5,
        bytearray(spread),
    ]
    async with Engine(config(receiver.url)) as engine:
        receipt = await engine.submit(odd)
        alone = [(await engine.submit(event)).rejected[0].reason for event in odd[:5]]
    assert receipt.accepted == 1
    assert [r.reason for r in receipt.rejected] == ["not_utf8", "not_utf8", "not_json", "not_object", "not_object"]
    assert alone == ["not_utf8", "not_utf8", "not_json", "not_object", "not_object"]
    assert engine.statistics().received == 11
    assert receiver.bodies == [b"[" + spread.replace(b"\r\n", b"  ").replace(b"\n", b" ") + b"]"]


async def test_statistics_are_frozen_all_through(receiver: Any) -> None:
    async with Engine(config(receiver.url)) as engine:
        statistics = engine.statistics()
    for frozen in (statistics.destinations, statistics.rejected, statistics.destinations["hook"].filtered):
        with pytest.raises(TypeError):
            frozen["x"] = 1


async def test_two_engines_in_one_process_know_nothing_of_each_other(receiver: Any, other_receiver: Any) -> None:
    async with Engine(config(receiver.url)) as one, Engine(config(other_receiver.url)) as other:
        await one.submit([EVENT % (n, n) for n in range(10)])
        await other.submit([EVENT % (n, n) for n in range(100, 103)])
    assert [len(json.loads(body)) for body in receiver.bodies] == [10]
    assert [len(json.loads(body)) for body in other_receiver.bodies] == [3]
    assert one.statistics().accepted == 10
    assert other.statistics().accepted == 3


async def test_a_reload_is_used_by_the_very_next_attempt(receiver: Any, other_receiver: Any) -> None:
    async with Engine(config(receiver.url)) as engine:
        receiver.status = 401
        await engine.submit([EVENT % (n, n) for n in range(4)])
        while engine.statistics().destinations["hook"].state != "held":
            await anyio.sleep(0.01)
        changed = engine.reload(config(other_receiver.url))
        with anyio.fail_after(5):
            while engine.statistics().destinations["hook"].delivered < 4:
                await anyio.sleep(0.01)
    assert list(changed.changed) == ["hook"]
    assert receiver.bodies == []
    assert sum(len(json.loads(body)) for body in other_receiver.bodies) == 4
    assert engine.statistics().destinations["hook"].dead_lettered == 0


async def test_after_the_end_nothing_is_taken_any_more(receiver: Any) -> None:
    async with Engine(config(receiver.url)) as engine:
        await engine.drain()
        with pytest.raises(Closed):
            await engine.submit(EVENT % (1, 1))


async def test_a_program_that_is_cancelled_while_it_leaves_is_free_at_once(receiver: Any) -> None:
    receiver.status = 503
    with anyio.move_on_after(0.3) as impatient:
        async with Engine(config(receiver.url)) as engine:
            await engine.submit(EVENT % (1, 1))
    assert impatient.cancelled_caught
    with pytest.raises(Closed):
        await engine.submit(EVENT % (2, 2))
    assert engine.statistics().destinations["hook"].pending == 1


async def test_before_it_is_entered_it_says_what_to_do(receiver: Any) -> None:
    with pytest.raises(RuntimeError, match="the engine does not run yet: `async with engine:` starts it"):
        await Engine(config(receiver.url)).submit(EVENT % (1, 1))


@pytest.fixture
def nothing_frozen() -> Iterator[None]:
    """Of what `conftest.py` froze now and then something is freed after all, and the count of the rest is no constant."""
    gc.unfreeze()
    yield
    gc.freeze()


@pytest.mark.usefixtures("nothing_frozen")
async def test_the_host_finds_everything_as_it_left_it(receiver: Any) -> None:
    def surroundings() -> Any:
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
        return (
            handlers,
            gc.get_threshold(),
            gc.get_freeze_count(),
            sys.getswitchinterval(),
            logging.getLogger("doorstep").handlers,
        )

    before = surroundings()
    async with Engine(config(receiver.url)) as engine:
        await engine.submit(EVENT % (1, 1))
        assert surroundings() == before
    assert surroundings() == before


async def test_a_blocking_call_on_the_loop_is_noticed(
    receiver: Any, no_blocking: Any, anyio_backend_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The detector of the tests above works: a destination that sleeps is caught in the act, and is its own victim only."""
    if anyio_backend_name != "asyncio":
        return
    from doorstep.destinations.webhook.destination import Webhook

    monkeypatch.setattr(Webhook, "request", lambda self, batch: time.sleep(0.001))
    async with Engine(config(receiver.url)) as engine:
        with no_blocking():
            await engine.submit(EVENT % (1, 1))
            await engine.drain()
    assert engine.statistics().destinations["hook"].dead_reasons == {"encoding_error": 1}


async def test_an_engine_can_be_made_before_there_is_a_loop(receiver: Any) -> None:
    """As a module of somebody's program does: made in a thread without one, entered here."""
    engine = await anyio.to_thread.run_sync(Engine, config(receiver.url))
    async with engine:
        assert (await engine.submit(EVENT % (1, 1))).accepted == 1
    assert len(receiver.bodies) == 1


async def test_a_wrong_configuration_starts_nothing() -> None:
    with pytest.raises(ConfigError, match="url"):
        config("not a url")
