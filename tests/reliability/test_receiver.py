"""The receiver process fails as it is told to, keeps what it answered with 200, and ends with whoever started it."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from bench.harness import environment
from bench.machine import ROOT
from bench.reliability.arrivals import unpacked
from bench.reliability.behaviour import Behaviour, Kind
from bench.reliability.facts import Facts
from bench.reliability.ledger import Ledger
from bench.reliability.oracle import judge
from bench.reliability.remote import Receiver, receiver

FACTS = Facts(1)


@pytest.fixture(scope="module")
def ears() -> Iterator[Receiver]:
    with receiver(1) as running:
        yield running


def post(ears: Receiver, name: str, body: bytes, *, token: str = "", timeout: float = 5.0) -> int:
    headers = {"Authorization": token} if token else {}
    request = urllib.request.Request(f"http://127.0.0.1:{ears.port}/{name}", data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            response.read()
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def ids(ears: Receiver, name: str) -> list[int]:
    return unpacked("I", ears.arrived(name).ids).tolist()


def test_a_path_that_was_never_told_is_healthy_and_keeps_ids_with_their_times(ears: Receiver) -> None:
    before = time.monotonic_ns()
    assert post(ears, "plain", FACTS.lines([3, 4])) == 200
    assert post(ears, "plain", FACTS.lines([5])) == 200
    requests = list(ears.arrived("plain").requests())
    assert [list(each) for _, each in requests] == [[3, 4], [5]]
    assert before < requests[0][0] < requests[1][0] < time.monotonic_ns()


@pytest.mark.parametrize(
    ("kind", "status"), [("healthy", 200), ("down", 500), ("token", 401), ("slow", 200), ("picky", 400)]
)
def test_only_what_is_answered_with_200_has_arrived(ears: Receiver, kind: Kind, status: int) -> None:
    ears.behave(f"kind-{kind}", Behaviour(kind=kind, token="right", every=10, rest=3))
    assert post(ears, f"kind-{kind}", FACTS.lines([3]), token="wrong") == status
    assert ids(ears, f"kind-{kind}") == ([3] if status == 200 else [])
    assert ears.counts(f"kind-{kind}")[0].refused == (status != 200)


def test_a_path_that_is_healed_takes_what_it_refused(ears: Receiver) -> None:
    ears.behave("healed", Behaviour(kind="down"))
    assert post(ears, "healed", FACTS.lines([0])) == 500
    ears.behave("healed", Behaviour())
    assert post(ears, "healed", FACTS.lines([0])) == 200
    assert ids(ears, "healed") == [0]


def test_a_flaky_path_refuses_about_as_much_as_asked(ears: Receiver) -> None:
    ears.behave("flaky", Behaviour(kind="flaky", rate=0.2))
    refused = sum(post(ears, "flaky", FACTS.lines([i])) == 500 for i in range(200))
    assert 15 < refused < 70
    assert ears.counts("flaky")[0].unique == 200 - refused


def test_a_token_is_looked_for_in_the_request_and_what_was_said_is_kept(ears: Receiver) -> None:
    ears.behave("token", Behaviour(kind="token", token="Bearer new"))
    answers = [post(ears, "token", FACTS.lines([1]), token=token) for token in ("Bearer old", "Bearer new")]
    assert answers == [401, 200]
    assert ears.arrived("token").said == ["Bearer old", "Bearer new"]


def test_a_picky_path_refuses_the_whole_batch_and_takes_the_neighbours_alone(ears: Receiver) -> None:
    ears.behave("picky", Behaviour(kind="picky", every=10, rest=3))
    assert post(ears, "picky", FACTS.lines([2, 3, 4])) == 400
    assert post(ears, "picky", FACTS.lines([2, 4])) == 200
    assert ids(ears, "picky") == [2, 4]


@pytest.mark.parametrize("kind", ["hang", "trickle"])
def test_a_path_that_never_answers_takes_nothing(ears: Receiver, kind: Kind) -> None:
    ears.behave(kind, Behaviour(kind=kind))
    with pytest.raises(TimeoutError):
        post(ears, kind, FACTS.lines([1]), timeout=0.2)
    assert ears.counts(kind)[0].events == 0


def test_a_path_can_close_the_connection_in_place_of_an_answer(ears: Receiver) -> None:
    ears.behave("reset", Behaviour(kind="reset"))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError, urllib.error.URLError)):
        post(ears, "reset", FACTS.lines([1]))
    assert ears.counts("reset")[0].refused == 1


def test_an_engine_that_loses_alters_invents_and_repeats_is_caught(ears: Receiver) -> None:
    ledger = Ledger()
    ledger.send(range(5))
    ledger.ack(range(5))
    altered = FACTS.event(2).replace(b"track", b"trick")
    bodies = [FACTS.lines([0, 1, 3]), altered + b"\n", FACTS.lines([3]), FACTS.lines([77]), Facts(9).lines([0])]
    assert [post(ears, "broken", body) for body in bodies] == [200] * 5
    account = judge(ledger, ears.arrived("broken"))
    assert (account.lost, account.altered, account.invented) == (2, 1, 2)
    assert account.repeats.unprovoked == 1
    assert account.examples == [2, 4, 77]
    assert len(ears.arrived("broken").samples) == 2


def test_it_ends_with_its_standard_input() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.reliability.receiver", "1"],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert int(process.stdout.readline()) > 0
        process.stdin.close()
        assert process.wait(10) == 0
