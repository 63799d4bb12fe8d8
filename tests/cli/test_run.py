"""`doorstep run`: what goes in comes out, wherever it comes in, and what is wrong is said."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

COUNT = int(os.environ.get("DOORSTEP_TEST_EVENTS", "20000"))
"""200000 is what the acceptance of the first release asks for."""
SDK_EVENTS = Path(__file__).parents[1] / "data" / "sdk-events.ndjson"


def test_events_of_real_sdks_arrive_unchanged_but_for_the_one_that_asks_for_no_destination(
    doorstep_cli, receiver, write_config, summary_of
):
    write_config(f'[destinations.hook]\ntype = "webhook"\nsettings = {{ url = "{receiver.url()}" }}')
    lines = SDK_EVENTS.read_bytes().splitlines()
    done = doorstep_cli("run", "--summary", "json", input=SDK_EVENTS.read_bytes())
    assert done.returncode == 0
    hook = summary_of(done.stdout)["destinations"]["hook"]
    assert (hook["offered"], hook["delivered"], hook["filtered"]) == (63, 62, {"integrations": 1})
    assert len(receiver.lines()) == 62
    assert set(receiver.lines()) < set(lines)


def test_each_line_of_standard_input_arrives_exactly_once_byte_for_byte(doorstep_cli, receiver, events, summary_of):
    lines = events(COUNT)
    done = doorstep_cli("run", "--to", receiver.url(), "--summary", "json", input=b"\n".join(lines))
    assert done.returncode == 0
    assert sorted(receiver.lines()) == sorted(lines)
    summary = summary_of(done.stdout)
    assert (summary["received"], summary["accepted"], summary["rejected"]) == (COUNT, COUNT, {})
    assert summary["destinations"]["hook"]["delivered"] == COUNT
    assert len(done.stdout.splitlines()) == 1


def test_what_a_function_prints_is_nowhere_in_what_was_asked_for(doorstep_cli, write_config, tmp_path, events):
    (tmp_path / "talks.py").write_text(
        "print('loaded')\ndef on_track(event, settings, ctx):\n    print('called')\n    return event\n"
    )
    write_config(
        '[functions.talks]\nsource = "talks.py"\n[destinations.out]\ntype = "console"\n'
        '[destinations.talks]\ntype = "function"\nsource = "talks.py"\n'
    )
    lines = events(3)
    ran = doorstep_cli("run", "--summary", "json", input=b"\n".join(lines))
    *printed, summary = ran.stdout.splitlines()
    assert sorted(map(json.loads, printed), key=str) == sorted(map(json.loads, lines), key=str)
    assert json.loads(summary)["destinations"]["talks"]["delivered"] == 3
    assert ran.stderr.count(b"called") == 9
    tested = doorstep_cli("test", "--format", "json")
    assert [one["passed"] for one in json.loads(tested.stdout)[0]["destinations"]] == [True, True]
    assert tested.stderr.count(b"called") == 3
    assert json.loads(doorstep_cli("dlq", "ls", "--format", "json").stdout) == []
    checked = doorstep_cli("check")
    assert checked.stdout == b"ok: 2 destinations, 1 ingress\n"
    assert b"loaded" in checked.stderr


def test_the_same_over_tcp_with_fifty_clients(start, receiver, events, write_config, summary_of):
    process = start(
        "run", "-c", write_config(_served('type = "tcp"\nlisten = "127.0.0.1:0"', receiver)), "--summary", "json"
    )
    host, port = process.wait_until_said(r"tcp: listening on ([\d.]+):(\d+)").groups()
    parts = [events(COUNT // 50, f"client-{number}") for number in range(50)]
    with ThreadPoolExecutor(10) as clients:
        list(clients.map(lambda part: _send(socket.create_connection((host, int(port))), part), parts))
    _expect_all(process, receiver, [line for part in parts for line in part], summary_of)


def test_the_same_over_a_unix_socket(start, receiver, events, write_config, summary_of, tmp_path):
    path = tmp_path / "in.sock"
    process = start(
        "run", "-c", write_config(_served(f'type = "unix"\npath = "{path}"', receiver)), "--summary", "json"
    )
    process.wait_until_said(r"unix: listening on .*in\.sock")
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(path))
    lines = events(COUNT)
    _send(client, lines)
    _expect_all(process, receiver, lines, summary_of)


def test_on_trio_it_is_the_same(doorstep_cli, receiver, events, write_config, summary_of):
    write_config('[engine]\nbackend = "trio"\n' + _hook(receiver))
    lines = events(1000)
    done = doorstep_cli("run", "--summary", "json", input=b"\n".join(lines))
    assert done.returncode == 0
    assert sorted(receiver.lines()) == sorted(lines)
    assert summary_of(done.stdout)["destinations"]["hook"]["delivered"] == 1000


def test_to_a_dash_prints_the_events_in_order_and_then_the_summary(doorstep_cli, events, summary_of):
    lines = events(1000)
    done = doorstep_cli("run", "--to", "-", "--summary", "json", input=b"\n".join(lines))
    assert done.returncode == 0
    assert done.stdout.splitlines()[:-1] == lines
    assert summary_of(done.stdout)["destinations"]["console"]["delivered"] == 1000


def test_the_text_summary_is_on_stderr_and_stdout_stays_empty(doorstep_cli, receiver, events):
    done = doorstep_cli("run", "--to", receiver.url(), input=b"\n".join(events(3)))
    assert done.returncode == 0
    assert done.stdout == b""
    assert b"received 3, accepted 3 in" in done.stderr
    assert re.search(rb"hook +working +3 +0 +0 +0 +0 +0", done.stderr)


def test_bad_lines_are_counted_by_reason_and_the_good_ones_go_on(doorstep_cli, receiver, events, summary_of):
    good = events(2)
    bad = [b"{", b"[]", b'{"type": "purchase"}', b'{"type": "track", "event": 5}']
    done = doorstep_cli("run", "--to", receiver.url(), "--summary", "json", input=b"\n".join([good[0], *bad, good[1]]))
    assert done.returncode == 3
    assert receiver.lines() == good
    rejected = {"not_json": 1, "not_object": 1, "type_unknown": 1, "event_not_string": 1}
    assert summary_of(done.stdout)["rejected"] == rejected
    assert b"source=stdin line=2 reason=not_json" in done.stderr


def test_logs_are_json_where_that_is_asked_for(doorstep_cli, receiver):
    done = doorstep_cli("run", "--to", receiver.url(), "--log-format", "json", "--summary", "json", input=b"{\n")
    assert b'"message": "rejected a line", "source": "stdin", "line": 1, "reason": "not_json"' in done.stderr
    done = doorstep_cli("--log-format", "json", "run", "--to", receiver.url(), "--summary", "json", input=b"{\n")
    assert b'"message": "rejected a line"' in done.stderr


@pytest.mark.parametrize("options", [[], ["--summary", "json"]])
def test_then_every_line_on_stderr_is_json(start, receiver, events, write_config, options):
    listen = '[engine]\ndurability = "memory"\n[[ingress]]\ntype = "tcp"\nlisten = "127.0.0.1:0"\n'
    write_config(f'{listen}[destinations.hook]\ntype = "webhook"\nsettings = {{ url = "{receiver.url()}" }}\n')
    process = start("run", "--log-format", "json", *options)
    process.wait_until_said('"message": "listening", "ingress": "tcp", "address": "127.0.0.1:[0-9]+"')
    process.signal(signal.SIGTERM)
    assert process.end()[0] == 0
    told = [json.loads(line) for line in process.said.splitlines()]
    assert [one["message"] for one in told] == ["listening", "ending", *(["summary"] if not options else [])]
    if not options:
        assert told[-1]["received"] == 0
        assert list(told[-1]["destinations"]) == ["hook"]


def test_a_journal_in_other_hands_is_a_line_of_that_log(doorstep_cli, start, tmp_path):
    first = start("run", "--to", "-", "--data-dir", "j")
    first.send([b'{"type":"track","userId":"u","event":"E"}'])
    first.wait_until_shown('"E"')
    done = doorstep_cli("run", "--to", "-", "--data-dir", "j", "--log-format", "json")
    assert done.returncode == 75
    said = json.loads(done.stderr)
    assert (said["level"], said["message"]) == (
        "error",
        "j is in use by another doorstep; stop that one, or choose another data_dir",
    )


def test_a_full_disk_below_standard_output_is_said_and_no_error_of_ours(start):
    with open("/dev/full", "wb") as full:
        process = start("schema", stdout=full.fileno())
        assert process.end()[0] == 74
    assert process.said == "Error: what is printed cannot be written: No space left on device\n"


def test_a_file_is_read_in_place_of_standard_input(doorstep_cli, receiver, events, tmp_path):
    lines = events(10)
    (tmp_path / "events.ndjson").write_bytes(b"\n".join(lines))
    done = doorstep_cli("run", "--to", receiver.url(), "--from", "events.ndjson", input=b"not read")
    assert done.returncode == 0
    assert receiver.lines() == lines


def test_the_configuration_is_found_through_the_environment_and_later_files_win(
    doorstep_cli, receiver, events, write_config
):
    first = write_config(_hook(receiver, "/first"), "first.toml")
    second = write_config(f'[destinations.hook.settings]\nurl = "{receiver.url("/second")}"', "second.toml")
    assert doorstep_cli("run", input=events(1)[0], DOORSTEP_CONFIG=str(first)).returncode == 0
    assert doorstep_cli("run", "-c", first, "-c", second, input=events(1)[0]).returncode == 0
    assert (len(receiver.lines("/first")), len(receiver.lines("/second"))) == (1, 1)


def test_events_without_a_destination_that_wants_them_are_no_failure(
    doorstep_cli, receiver, events, write_config, summary_of
):
    write_config(_hook(receiver) + "\ntrigger = 'type = \"page\"'")
    done = doorstep_cli("run", "--summary", "json", input=b"\n".join(events(4)))
    assert done.returncode == 0
    assert summary_of(done.stdout)["destinations"]["hook"]["filtered"] == {"trigger": 4}


def test_leftovers_are_written_once_each_in_order_and_can_be_fed_to_the_next_run(
    start, receiver, refusing, events, write_config, summary_of, tmp_path
):
    lines = events(300)
    dead = '[destinations.{}]\ntype = "webhook"\nsettings = {{ url = "{}" }}\n'
    memory = '[engine]\ndurability = "memory"\n'
    write_config(memory + dead.format("dead", refusing) + dead.format("dead-too", refusing) + _hook(receiver))
    options = ("--leftovers", "left.ndjson", "--summary", "json")
    first = start("run", *options, "--drain-timeout", "500ms")
    first.send(lines)
    receiver.wait_for(lambda: len(receiver.lines()) == 300)
    first.stdin.close()
    code, stdout = first.end()
    assert code == 75
    summary = summary_of(stdout)
    numbers = summary["destinations"]["dead"]
    assert (numbers["pending"] + numbers["parked"], numbers["dropped"]) == (300, 0)
    assert summary["destinations"]["hook"]["delivered"] == 300
    assert (tmp_path / "left.ndjson").read_bytes().splitlines() == lines

    second = start("run", "--to", receiver.url("/again"), "--from", "left.ndjson", *options)
    assert second.end()[0] == 0
    assert receiver.lines("/again") == lines
    assert (tmp_path / "left.ndjson").read_bytes() == b""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["doorstep.toml", "left.ndjson"]


def test_on_a_terminal_there_is_a_live_table_with_the_log_above_it(start, receiver, events):
    process = start("run", "--to", receiver.url(), terminal=True)
    process.send([*events(5), b"{"])
    process.wait_until_said(r"warning rejected a line source=stdin line=6 reason=not_json detail=[^\r\n]+\r\n")
    process.wait_until_said("received 6, accepted 5, rejected 1 .1 not_json. in")
    process.wait_until_said("\x1b\\[2K")
    process.stdin.close()
    assert process.end()[0] == 3


def test_a_fifo_is_read_once_somebody_writes_to_it(start, receiver, events, tmp_path):
    os.mkfifo(tmp_path / "events")
    process = start("run", "--to", receiver.url(), "--from", tmp_path / "events")
    with open(tmp_path / "events", "wb") as writer:  # returns when the other side is open
        writer.write(events(1)[0])
    assert process.end()[0] == 0
    assert receiver.lines() == events(1)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_the_wait_for_a_fifo_that_nobody_writes_to(start, receiver, write_config, tmp_path, signum):
    write_config(
        '[engine]\ndurability = "memory"\n[[ingress]]\ntype = "stdin"\n[[ingress]]\ntype = "tcp"\nlisten = "127.0.0.1:0"\n'
        f'[destinations.hook]\ntype = "webhook"\nsettings = {{ url = "{receiver.url()}" }}'
    )
    os.mkfifo(tmp_path / "events")
    process = start("run", "--from", tmp_path / "events")
    process.wait_until_said("listening")
    process.signal(signum)
    assert process.end()[0] == 0


def test_without_standard_streams_it_runs_all_the_same(command, environment, receiver, events, tmp_path):
    (tmp_path / "events").write_bytes(events(1)[0])
    arguments = ["run", "--to", receiver.url(), "--from", str(tmp_path / "events"), "--summary", "json"]
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" <&- >&-', *command, *arguments], env=environment, timeout=30, check=False
    )
    assert done.returncode == 0
    assert receiver.lines() == events(1)


def test_what_is_printed_to_a_closed_standard_output_is_not_delivered(command, environment, events):
    arguments = ["run", "--to", "-", "--summary", "json", "--drain-timeout", "300ms"]
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" >&-', *command, *arguments],
        input=events(1)[0],
        env=environment,
        stderr=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    assert done.returncode == 3
    assert b"events were dropped destination=console dropped=1\n" in done.stderr


@pytest.mark.parametrize(
    ("stdout", "why"), [(">&-", "standard output is closed"), (">/dev/full", "No space left on device")]
)
def test_a_summary_that_cannot_be_written_is_no_failure_but_said(
    command, environment, receiver, events, tmp_path, stdout, why
):
    (tmp_path / "events").write_bytes(events(1)[0])
    arguments = ["run", "--to", receiver.url(), "--from", str(tmp_path / "events"), "--summary", "json"]
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" "$@" {stdout}', *command, *arguments],
        env=environment,
        stderr=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0
    assert f"the summary could not be written error={why}\n".encode() in done.stderr


def test_without_standard_error_the_events_arrive_all_the_same(command, environment, receiver, events):
    arguments = ["run", "--to", receiver.url(), "--summary", "json"]
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" 2>&-', *command, *arguments],
        input=b"{\n" + events(1)[0],
        env=environment,
        stdout=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    assert done.returncode == 3
    assert receiver.lines() == events(1)
    assert len(done.stdout.splitlines()) == 1


def test_the_run_ends_when_nobody_reads_what_it_prints(start, events):
    """As of `doorstep run --to - | head -1`."""
    ours, theirs = os.pipe()
    process = start("run", "--to", "-", stdout=theirs)
    os.close(theirs)
    process.send(events(1))
    assert os.read(ours, 1000) == events(1)[0] + b"\n"
    os.close(ours)
    assert process.end()[0] == 0
    assert "nobody reads standard output any more: leaving" in process.said


# Refused -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "there is no configuration: name a file with -c or $DOORSTEP_CONFIG, or put a doorstep.toml here"),
        (["-c", "missing.toml"], "missing.toml"),
        (["--to", "ftp://x"], "command line: --to: the URL must begin with http:// or https://"),
        (
            ["--to", "http://x/", "--no-input"],
            "command line: --no-input: finishes what is in a journal, and there is none",
        ),
        (
            ["--to", "http://x/", "--data-dir", "d", "--leftovers", "left"],
            "command line: --leftovers: what is left stays in the journal, for the next run; leave this out",
        ),
        (["--to", "http://x/", "--from", "missing"], "--from: missing cannot be read: No such file or directory"),
        (["--to", "http://x/", "--from", "."], "--from: . cannot be read: it is a folder"),
        (
            ["--to", "http://x/", "--leftovers", "no/f"],
            "--leftovers: no/f cannot be written: No such file or directory",
        ),
        (
            ["--to", "-", "--data-dir", "/dev/null/j"],
            "engine.data_dir: /dev/null/j cannot be used: Not a directory; name a folder that may be made and written to",
        ),
    ],
)
def test_what_cannot_be_run_is_said_and_exits_with_78(invoke, tmp_path, arguments, said):
    done = invoke("run", *arguments)
    assert done.exit_code == 78
    assert said in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_configuration_starts_nothing(doorstep_cli, receiver, events, write_config, tmp_path):
    listening = f'[[ingress]]\ntype = "unix"\npath = "{tmp_path}/in.sock"\n'
    write_config(listening + _hook(receiver) + '\ntimeout = "soon"\n[destinations.other]\ntype = "webhok"\n')
    done = doorstep_cli("run", input=events(1)[0])
    assert done.returncode == 78
    assert b"doorstep.toml:7: destinations.hook.timeout" in done.stderr
    assert b"doorstep.toml:9: destinations.other.type" in done.stderr
    assert receiver.lines() == []
    assert not (tmp_path / "in.sock").exists()


@pytest.mark.parametrize("arguments", [["--log-format", "json", "run"], ["run", "--log-format", "json"]])
def test_where_logs_are_json_so_is_what_is_wrong_with_the_configuration(doorstep_cli, write_config, arguments):
    write_config('[engine]\nbackend = "trio"\nbakcend = "trio"\n[destinations.other]\ntype = "webhok"\n')
    done = doorstep_cli(*arguments)
    assert done.returncode == 78
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(one["level"], one["file"], one["line"], one["path"]) for one in told] == [
        ("error", "doorstep.toml", 3, "engine.bakcend"),
        ("error", "doorstep.toml", 5, "destinations.other.type"),
    ]
    assert "did you mean 'webhook'?" in told[1]["message"]


def test_an_address_that_is_taken_is_a_configuration_error(invoke, receiver, write_config):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        write_config(_served(f'type = "tcp"\nlisten = "127.0.0.1:{port}"', receiver))
        done = invoke("run")
    assert done.exit_code == 78
    assert f"can't listen on 127.0.0.1:{port}: Address already in use" in done.stderr


def test_a_webhook_on_the_command_line_and_a_file_exclude_each_other(invoke):
    done = invoke("run", "--to", "http://x/", "-c", "doorstep.toml")
    assert done.exit_code == 2
    assert "--to needs no configuration file and takes none" in done.stderr


def _hook(receiver, path: str = "/in") -> str:
    return f'[destinations.hook]\ntype = "webhook"\nsettings = {{ url = "{receiver.url(path)}" }}'


def _served(ingress: str, receiver) -> str:
    return f"[[ingress]]\n{ingress}\n{_hook(receiver)}"


def _send(connection: socket.socket, lines: list[bytes]) -> None:
    with connection:
        connection.sendall(b"".join(line + b"\n" for line in lines))


def _expect_all(process, receiver, lines: list[bytes], summary_of) -> None:
    """Once all have arrived, a signal ends the run well."""
    receiver.wait_for(lambda: len(receiver.lines()) >= len(lines))
    process.signal(signal.SIGTERM)
    code, stdout = process.end()
    assert code == 0
    assert sorted(receiver.lines()) == sorted(lines)
    summary = summary_of(stdout)
    assert summary["accepted"] == len(lines)
    assert summary["destinations"]["hook"]["delivered"] == len(lines)


@pytest.mark.parametrize(("destination", "imported"), [("webhook", b"True"), ("console", b"False")])
def test_the_http_client_is_there_before_the_first_event_and_only_where_requests_are_sent(
    python, tmp_path, destination, imported
):
    settings = 'settings = { url = "http://127.0.0.1:9/" }' if destination == "webhook" else ""
    (tmp_path / "doorstep.toml").write_text(
        f'[engine]\ndurability = "memory"\n[destinations.one]\ntype = "{destination}"\n{settings}\n'
    )
    script = (
        "import anyio, sys\n"
        "from doorstep.engine import Engine, load_config\n"
        "async def main():\n"
        "    async with Engine(load_config('doorstep.toml')):\n"
        "        print('doorstep.engine.net.aiohttp_transport' in sys.modules)\n"
        "anyio.run(main)\n"
    )
    assert python(script).stdout.split() == [imported]
