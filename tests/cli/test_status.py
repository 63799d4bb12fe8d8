"""`doorstep status` and `tail`: what a running engine says of itself is what its receivers saw, and what its summary says afterwards."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from doorstep.engine.cli import desk
from prometheus_client.parser import text_string_to_metric_families

CONFIG = """
[destinations.good]
type = "webhook"
owner = "growth-data"
settings = {{ url = "{good}", headers = {{ Authorization = "Bearer s3cret-t0ken" }} }}
[destinations.flaky]
type = "webhook"
batch = {{ max_events = 50 }}
settings = {{ url = "{flaky}" }}
[destinations.bad]
type = "webhook"
trigger = "properties.n < 40"
settings = {{ url = "{bad}" }}
[destinations.pages]
type = "webhook"
trigger = 'type = "page"'
settings = {{ url = "{pages}" }}
"""
MAPPED = """
[destinations.mapped]
type = "webhook"
batch = {{ max_events = 50 }}
settings = {{ url = "{mapped}" }}
[destinations.mapped.actions.low]
action = "send"
trigger = "properties.n < 300"
mapping = {{ action = "low", id = {{ "@path" = "$.messageId" }} }}
[destinations.mapped.actions.high]
action = "send"
trigger = "properties.n > 99"
mapping = {{ action = "high", id = {{ "@path" = "$.messageId" }} }}
"""


@pytest.fixture
def configured(receiver, write_config) -> None:
    write_config(CONFIG.format(**{name: receiver.url(f"/{name}") for name in ("good", "flaky", "bad", "pages")}))


@pytest.fixture
def configured_with_actions(receiver, write_config) -> None:
    paths = {name: receiver.url(f"/{name}") for name in ("good", "flaky", "bad", "pages", "mapped")}
    write_config((CONFIG + MAPPED).format(**paths))


@pytest.fixture
def settled(invoke) -> Callable[[Callable[[dict[str, Any]], bool]], dict[str, Any]]:
    """The status, once it is as wanted."""

    def wait(wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        until = time.monotonic() + 20
        while True:
            done = invoke("status", "--format", "json")
            status: dict[str, Any] = json.loads(done.stdout) if done.exit_code == 0 else {}
            if status and wanted(status):
                return status
            assert time.monotonic() < until, (done.stdout, done.stderr)
            time.sleep(0.1)

    return wait


def read(folder: Path, path: str) -> str:
    """What the admin API answers at its socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(folder / "doorstep-data" / "admin.sock"))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        with connection.makefile("rb") as stream:
            return stream.read().decode().partition("\r\n\r\n")[2]


def metrics(folder: Path, *labels: str) -> dict[str, dict[Any, float]]:
    """By metric and the values of these labels (one: its value alone), others summed; what is of the engine is under ""."""
    found: dict[str, dict[Any, float]] = {}
    for family in text_string_to_metric_families(read(folder, "/metrics")):
        for sample in family.samples:
            values = found.setdefault(sample.name, {})
            whose = tuple(sample.labels.get(label, "") for label in labels)
            key = whose[0] if len(whose) == 1 else whose
            values[key] = values.get(key, 0.0) + sample.value
    return found


def overview(folder: Path) -> dict[str, dict[str, Any]]:
    """What the console's first page is made of, by destination; what is of the engine is under ""."""
    seen = json.loads(read(folder, "/admin/v1/overview"))
    return {"": seen, **{one["name"]: one for one in seen["destinations"]}}


def seen(receiver, path: str) -> set[str]:
    return {json.loads(line)["messageId"] for line in receiver.lines(path)}


class Told(msgspec.Struct, frozen=True):
    """What each of those who count says after a run with faults."""

    status: dict[str, Any]
    metrics: dict[str, dict[str, float]]
    by_action: dict[str, dict[tuple[str, str], float]]
    console: dict[str, dict[str, Any]]
    summary: dict[str, Any]


@pytest.fixture
def told(configured_with_actions, start, receiver, answer, events, settled, summary_of, tmp_path) -> Told:
    receiver.answers |= {"/flaky": answer(500), "/mapped": answer(500), "/bad": answer(400)}
    engine = start("run", "--summary", "json")
    lines = events(400)
    engine.send([*lines[:200], b"no json", *lines[200:], b'{"type": "track"}'])
    for name in ("flaky", "mapped"):
        settled(lambda status, name=name: status["destinations"][name]["failed"].get("http_500", 0) >= 3)
    settled(lambda status: status["destinations"]["bad"]["dead_lettered"] >= 10)
    receiver.answers |= {"/flaky": answer(200), "/mapped": answer(200), "/bad": answer(200)}
    status = settled(
        lambda status: all(not one["pending"] and not one["parked"] for one in status["destinations"].values())
    )
    seen = metrics(tmp_path, "destination"), metrics(tmp_path, "destination", "action"), overview(tmp_path)
    engine.signal(signal.SIGTERM)
    code, out = engine.end()
    assert code == 0
    return Told(status, *seen, summary_of(out))


def test_all_who_count_come_to_the_same_numbers_after_a_run_with_faults(told, receiver):
    for key in ("received", "accepted", "duplicates", "rejected"):
        assert told.status[key] == told.summary[key], key
    assert told.metrics["doorstep_received_events_total"][""] == told.summary["received"] == 402
    assert told.metrics["doorstep_rejected_events_total"][""] == 2
    assert [told.console[""][key] for key in ("received", "accepted", "duplicates", "rejected")] == [402, 400, 0, 2]
    for name, numbers in told.summary["destinations"].items():
        assert {key: told.status["destinations"][name][key] for key in numbers} == numbers, name
        assert_metrics_are(numbers, told.metrics, name)
        assert_console_shows(numbers, told.console[name])
    assert_receiver_saw(told.summary["destinations"], receiver)
    assert_actions_did(told, receiver)


def assert_metrics_are(numbers: dict[str, Any], measured: dict[str, dict[str, float]], name: str) -> None:
    assert measured["doorstep_offered_events_total"][name] == numbers["offered"] == 400
    assert measured["doorstep_delivered_events_total"][name] == numbers["delivered"]
    assert measured["doorstep_attempts_total"][name] == numbers["attempts"]
    assert measured["doorstep_retried_attempts_total"][name] == numbers["retried"]
    assert measured["doorstep_filtered_events_total"].get(name, 0) == sum(numbers["filtered"].values())
    assert measured["doorstep_dead_letter_events_total"].get(name, 0) == numbers["dead_lettered"]
    assert measured["doorstep_parked_events"][name] == measured["doorstep_lag_events"][name] == 0


def assert_console_shows(numbers: dict[str, Any], row: dict[str, Any]) -> None:
    same = {"delivered": "delivered", "dead": "dead_lettered", "parked": "parked", "lag_events": "pending"}
    assert {key: row[key] for key in same} == {key: numbers[other] for key, other in same.items()}
    assert row["filtered"] == sum(numbers["filtered"].values())
    assert (row["p50_ms"], row["p99_ms"]) == (numbers["latency_ms"]["p50"], numbers["latency_ms"]["p99"])


def assert_receiver_saw(destinations: dict[str, Any], receiver) -> None:
    assert destinations["bad"]["dead_lettered"] >= 10
    assert destinations["good"]["delivered"] == len(seen(receiver, "/good")) == 400
    assert destinations["flaky"]["delivered"] == len(seen(receiver, "/flaky")) == 400
    assert destinations["bad"]["delivered"] + destinations["bad"]["dead_lettered"] == len(seen(receiver, "/bad")) == 40
    for name in ("bad", "flaky", "mapped"):
        assert destinations[name]["attempts"] == len(receiver.heads(f"/{name}")), name
    assert destinations["pages"]["filtered"] == {"trigger": 400}


def assert_actions_did(told: Told, receiver) -> None:
    """200 of the events are for both: each is delivered once, and each action is done with 300."""
    took = {(one["action"], one["id"]) for one in map(json.loads, receiver.lines("/mapped"))}
    assert told.summary["destinations"]["mapped"]["delivered"] == len({message_id for _, message_id in took}) == 400
    sent = [json.loads(body)[0]["action"] for body in receiver.bodies("/mapped")]
    for action in ("low", "high"):
        one = told.status["destinations"]["mapped"]["actions"][action]
        assert one["done"] == {"delivered": 300}
        assert sum(name == action for name, _ in took) == 300
        assert one["attempts"] == sent.count(action) >= 6
        same = {"delivered_events": one["delivered"], "attempts": one["attempts"], "retried_attempts": one["retried"]}
        for name, number in {**same, "action_events": 300}.items():
            assert told.by_action[f"doorstep_{name}_total"]["mapped", action] == number, name


@pytest.mark.usefixtures("configured")
def test_a_table_shows_every_destination_with_its_owner(start, events, settled, invoke):
    engine = start("run")
    engine.send(events(100))
    settled(lambda status: status["destinations"]["good"]["delivered"] == 100)
    done = invoke("status")
    assert done.exit_code == 0
    head, columns, *rows = done.stdout.splitlines()
    assert head.startswith("received 100, accepted 100 in ")
    assert columns.split() == [
        *("destination", "state", "a", "second", "delivered", "lag", "parked", "given-up", "p99", "ms", "owner")
    ]
    assert re.fullmatch(r"good +working +\d+ +100 +0 +0 +0 +[\d.,]+ growth-data *", rows[0])
    assert re.fullmatch(r"pages +working +0 +0 +0 +0 +0 +\S+ - *", rows[3])
    assert re.fullmatch(r"journal \S+ of 10GiB; the last \S+ are kept for replay \(of 1d\)", rows[4])
    assert rows[5].startswith("memory ")


@pytest.fixture
def tail(start, settled, events) -> tuple[Any, Any]:
    """An engine that has delivered one batch everywhere, and a `tail` of one destination."""
    engine = start("run")
    engine.send(events(3, "first"))
    settled(lambda status: status["destinations"]["good"]["delivered"] == 3)
    return engine, start("tail", "good", "--bodies")


@pytest.mark.usefixtures("configured")
def test_deliveries_are_shown_as_they_happen_until_the_engine_ends(tail, events):
    engine, shown = tail
    shown.wait_until_shown("good  delivered (HTTP 200): 3 events, from first-0, ")
    engine.send(events(1, "second"))
    shown.wait_until_shown("good  delivered (HTTP 200): 1 event, second-0, ")
    engine.signal(signal.SIGTERM)
    code, out = shown.end()
    assert (code, shown.said) == (0, "the engine has ended\n")
    assert b"    > Authorization: ***\n" in out
    assert b"s3cret" not in out
    assert engine.end()[0] == 0


@pytest.mark.usefixtures("configured")
def test_an_engine_that_is_killed_has_ended_for_who_looks_on(tail):
    engine, shown = tail
    shown.wait_until_shown("good  delivered (HTTP 200): 3 events, from first-0, ")
    engine.signal(signal.SIGKILL)
    assert (shown.end()[0], shown.said) == (0, "the engine has ended\n")


@pytest.mark.parametrize("command", [["tail", "good"], ["status", "--watch", "--format", "json"]])
@pytest.mark.usefixtures("configured")
def test_looking_on_ends_with_ctrl_c_and_with_the_engine_and_neither_is_an_error(start, events, settled, command):
    engine = start("run")
    engine.send(events(2))
    settled(lambda status: status["destinations"]["good"]["delivered"] == 2)
    one, other = start(*command), start(*command)
    one.wait_until_shown("good")
    other.wait_until_shown("good")
    one.signal(signal.SIGINT)
    assert (one.end()[0], one.said) == (0, "")
    engine.signal(signal.SIGTERM)
    assert engine.end()[0] == 0
    assert (other.end()[0], other.said) == (0, "the engine has ended\n")


def test_ctrl_c_is_heard_even_as_the_loop_falls_asleep(tmp_path, monkeypatch):
    """What comes between the last look at signals and the sleep is noticed by nothing but the loop's own wake-up."""

    @asynccontextmanager
    async def connected(folder):
        yield None

    async def question(_):
        descriptor = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(descriptor)
        assert descriptor != -1
        os.kill(os.getpid(), signal.SIGINT)
        await anyio.sleep(10)
        pytest.fail("it was not heard")

    monkeypatch.setattr(desk, "_connected", connected)
    desk.look_on(desk.Place(folder=tmp_path), question)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("configured")
def test_past_deliveries_are_shown_as_json(start, events, settled, invoke):
    engine = start("run")
    engine.send(events(2))
    settled(lambda status: status["destinations"]["good"]["delivered"] == 2)
    done = invoke("tail", "--no-follow", "--last", "1", "good", "--format", "json")
    [line] = done.stdout.splitlines()
    told = json.loads(line)
    assert (told["destination"], told["events"], told["status"], told["result"]) == ("good", 2, 200, "delivered")
    assert invoke("tail", "--no-follow", "--last", "0").stdout == ""
    assert (invoke("tail", "nobody").exit_code, invoke("tail", "nobody").stderr) == (
        3,
        "Error: no destination nobody\n",
    )


@pytest.mark.parametrize("command", ["status", "status --watch", "tail", "tap good", "tail --no-follow"])
@pytest.mark.usefixtures("configured")
def test_without_an_engine_they_say_so_with_3(invoke, command):
    done = invoke(*command.split())
    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr == "Error: no engine runs on doorstep-data; `doorstep run` starts one\n"
