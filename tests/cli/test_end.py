"""How a run ends: by signals, by the end of its input, with destinations that work and others that do not."""

from __future__ import annotations

import signal
import socket
import time

import pytest


def test_a_signal_lets_fifty_thousand_events_in_flight_arrive(start, receiver, events, answer, summary_of):
    receiver.answers["/in"] = answer(after_s=0.03)
    lines = events(50_000)
    process = start("run", "--to", receiver.url(), "--summary", "json")
    process.send(lines)
    receiver.wait_for(lambda: len(receiver.heads()) > 2)
    process.signal(signal.SIGTERM)
    code, stdout = process.end()
    assert code == 0
    summary = summary_of(stdout)
    assert summary["accepted"] > 40_000
    assert summary["destinations"]["hook"]["delivered"] == summary["accepted"]
    assert receiver.lines() != []
    assert sorted(receiver.lines()) == sorted(lines[: summary["accepted"]])


def test_what_cannot_be_delivered_in_time_is_dropped_and_counted(start, receiver, events, answer, summary_of):
    receiver.answers["/in"] = answer(status=0)
    process = start("run", "--to", receiver.url(), "--summary", "json", "--drain-timeout", "500ms")
    process.send(events(1000))
    receiver.wait_for(lambda: receiver.heads() != [])
    process.signal(signal.SIGINT)
    code, stdout = process.end()
    assert code == 3
    summary = summary_of(stdout)
    assert summary["destinations"]["hook"]["dropped"] == summary["accepted"] == 1000


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_no_signal_after_the_summary_changes_the_exit_code(start, receiver, events, signum):
    process = start("run", "--to", receiver.url(), "--data-dir", "data", "--summary", "json")
    process.send(events(10))
    receiver.wait_for(lambda: len(receiver.lines()) == 10)
    process.signal(signal.SIGTERM)
    process.wait_until_shown('"destinations"')
    while process.running:
        process.signal(signum)
        time.sleep(0.002)
    assert process.end()[0] == 0


def test_a_second_signal_leaves_at_once_with_the_numbers_true(start, receiver, events, answer, summary_of, stopwatch):
    receiver.answers["/in"] = answer(status=0)
    process = start("run", "--to", receiver.url(), "--summary", "json")
    process.send(events(40_000))
    receiver.wait_for(lambda: len(receiver.heads()) == 4)
    process.signal(signal.SIGTERM)
    process.wait_until_said("ending")
    process.signal(signal.SIGTERM)
    code, stdout = process.end()
    assert code == 3
    assert stopwatch() < 15
    summary = summary_of(stdout)
    assert summary["destinations"]["hook"]["delivered"] == 0
    assert summary["destinations"]["hook"]["dropped"] == summary["accepted"] > 0


def test_at_the_end_of_input_a_dead_destination_is_waited_for_only_so_long(
    start, receiver, refusing, events, write_config, summary_of, stopwatch
):
    write_config(
        '[engine]\ndurability = "memory"\n'
        f'[destinations.dead]\ntype = "webhook"\nsettings = {{ url = "{refusing}" }}\n'
        f'[destinations.hook]\ntype = "webhook"\nsettings = {{ url = "{receiver.url()}" }}'
    )
    process = start("run", "--summary", "json", "--drain-timeout", "1s")
    process.send(events(5000))
    receiver.wait_for(lambda: len(receiver.lines()) == 5000)
    process.stdin.close()
    code, stdout = process.end()
    assert code == 3
    assert stopwatch() < 15
    destinations = summary_of(stdout)["destinations"]
    assert (destinations["hook"]["delivered"], destinations["hook"]["dropped"]) == (5000, 0)
    assert (destinations["dead"]["delivered"], destinations["dead"]["dropped"]) == (0, 5000)


def test_a_slow_destination_that_gets_on_is_waited_for_beyond_the_drain_timeout(
    start, receiver, events, answer, write_config, summary_of, stopwatch
):
    receiver.answers["/in"] = answer(after_s=0.4)
    write_config(
        '[destinations.hook]\ntype = "webhook"\nin_flight = 1\nbatch = { max_events = 1 }\n'
        f'settings = {{ url = "{receiver.url()}" }}'
    )
    process = start("run", "--summary", "json", "--drain-timeout", "900ms")
    process.send(events(5))
    receiver.wait_for(lambda: receiver.heads() != [])
    begin = stopwatch()
    process.stdin.close()
    code, stdout = process.end()
    assert code == 0
    assert summary_of(stdout)["destinations"]["hook"]["delivered"] == 5
    assert stopwatch() - begin > 1.5


def test_a_file_many_times_the_size_of_the_journal_is_delivered_to_its_end(
    doorstep_cli, tmp_path, receiver, events, write_config, summary_of
):
    write_config(
        '[engine]\nmax_journal_bytes = "1MiB"\n'
        f'[destinations.hook]\ntype = "webhook"\nsettings = {{ url = "{receiver.url()}" }}'
    )
    lines = events(40_000)
    (tmp_path / "events").write_bytes(b"".join(line + b"\n" for line in lines))
    ended = doorstep_cli("run", "--from", "events", "--summary", "json")
    assert (ended.returncode, ended.stderr.count(b"not accepted")) == (0, 0)
    summary = summary_of(ended.stdout)
    assert (summary["accepted"], summary["rejected"]) == (40_000, {})
    assert summary["destinations"]["hook"]["delivered"] == 40_000
    assert sorted(receiver.lines()) == sorted(lines)


def test_the_end_of_standard_input_ends_no_other_ingress(start, receiver, events, write_config, summary_of):
    write_config(
        '[[ingress]]\ntype = "stdin"\n[[ingress]]\ntype = "tcp"\nlisten = "127.0.0.1:0"\n'
        f'[destinations.hook]\ntype = "webhook"\nsettings = {{ url = "{receiver.url()}" }}'
    )
    typed, sent = events(10, "typed"), events(5, "sent")
    process = start("run", "--summary", "json")
    port = process.wait_until_said(r"listening on 127.0.0.1:(\d+)")[1]
    process.send(typed)
    process.stdin.close()
    receiver.wait_for(lambda: len(receiver.lines()) == 10)
    assert process.running
    with socket.create_connection(("127.0.0.1", int(port))) as client:
        client.sendall(b"\n".join(sent))
    receiver.wait_for(lambda: len(receiver.lines()) == 15)
    process.signal(signal.SIGTERM)
    code, stdout = process.end()
    assert code == 0
    assert sorted(receiver.lines()) == sorted(typed + sent)
    assert summary_of(stdout)["accepted"] == 15


def test_a_client_has_its_last_ack_before_a_signal_ends_the_run(start, receiver, events, write_config, summary_of):
    write_config(
        '[[ingress]]\ntype = "tcp"\nlisten = "127.0.0.1:0"\nack = true\n'
        f'[destinations.hook]\ntype = "webhook"\nsettings = {{ url = "{receiver.url()}" }}'
    )
    process = start("run", "--summary", "json")
    port = process.wait_until_said(r"listening on 127.0.0.1:(\d+)")[1]
    with socket.create_connection(("127.0.0.1", int(port)), timeout=20) as client:
        client.sendall(b"".join(line + b"\n" for line in events(7)))
        receiver.wait_for(lambda: len(receiver.lines()) == 7)
        process.signal(signal.SIGTERM)
        acks = b"".join(iter(lambda: client.recv(4096), b""))
    assert acks.splitlines()[-1] == b'{"ack": 7}'
    code, stdout = process.end()
    assert code == 0
    assert summary_of(stdout)["accepted"] == 7
