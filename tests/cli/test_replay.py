"""`doorstep replay`, `pause`, `resume`, `forget`: what is written down while no engine runs."""

from __future__ import annotations

import pytest

TWO = '[destinations.out]\ntype = "console"\n[destinations.late]\ntype = "console"\n'


@pytest.fixture
def ran(doorstep_cli, events, write_config):
    write_config('[destinations.out]\ntype = "console"\n')
    assert doorstep_cli("run", input=b"\n".join(events(10))).returncode == 0


@pytest.mark.usefixtures("ran")
def test_a_replay_is_counted_dry_and_then_written_down(invoke):
    dry = invoke("replay", "out", "--since", "1h", "--where", "properties.n > 6", "--dry-run")
    assert (dry.exit_code, dry.stdout) == (0, "out: at most 3 events would be sent again\n")
    assert invoke("replay", "out", "--since", "1h", "--until", "30m", "--dry-run").stdout.startswith("out: at most 0")
    begun = invoke("replay", "out", "--since", "2020-01-01", "--rate", "10/s")
    assert begun.stdout == "out: replay 1, about 10 events: they are sent while the engine runs\n"


@pytest.mark.usefixtures("ran")
def test_a_destination_that_is_only_configured_so_far_can_be_sent_to(invoke, write_config):
    assert invoke("replay", "late", "--since", "1h").exit_code == 3
    write_config(TWO)
    assert invoke("replay", "late", "--since", "1h").stdout.startswith("late: replay 1, about 10 events")


@pytest.mark.usefixtures("ran")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["out"], "Missing option '--since'"),
        (["out", "--since", "soon"], "'soon' is no time"),
        (["out", "--since", "1h", "--rate", "0/s"], "a rate is more than nothing"),
        (["out", "--since", "1h", "--rate", "fast"], 'write one like "100/s"'),
        (["out", "--since", "1h", "--where", "x ="], "unknown field 'x'"),
    ],
)
def test_a_slip_is_2_and_says_what_would_be_right(invoke, arguments, said):
    done = invoke("replay", *arguments)
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.usefixtures("ran")
def test_an_unknown_destination_is_3_and_named_beside_those_there_are(invoke):
    for command in (
        ["replay", "uot", "--since", "1h"],
        ["pause", "uot"],
        ["resume", "uot"],
        ["forget", "uot", "--yes"],
    ):
        done = invoke(*command)
        assert (done.exit_code, done.stderr) == (
            3,
            "Error: there is no destination 'uot' in this journal; it knows out\n",
        )


@pytest.mark.usefixtures("ran")
def test_a_pause_holds_through_the_next_run_until_it_ends(doorstep_cli, invoke, events):
    assert invoke("pause", "out").stderr == "out is paused\n"
    held = doorstep_cli("run", "--drain-timeout", "1s", input=b"\n".join(events(2, "late")))
    assert (held.returncode, held.stdout) == (75, b"")
    assert invoke("resume", "out").stderr == "out goes on\n"
    assert doorstep_cli("run", "--no-input").stdout.count(b'"late-') == 2


@pytest.mark.usefixtures("ran")
def test_only_what_is_not_configured_is_forgotten(invoke, write_config):
    configured = invoke("forget", "out", "--yes")
    assert (configured.exit_code, configured.stderr) == (
        2,
        "Error: out is configured: take it out of the configuration first\n",
    )
    write_config(TWO.replace("out", "other"))
    assert invoke("forget", "out").stderr == "out is forgotten\n"
    assert invoke("forget", "out").exit_code == 3


@pytest.mark.parametrize(("typed", "code", "last"), [(b"n\n", 1, "Aborted!"), (b"y\n", 0, "out is forgotten")])
@pytest.mark.usefixtures("ran")
def test_who_sits_at_a_terminal_may_think_again(typed_at_terminal, write_config, typed, code, last):
    write_config(TWO.replace("out", "other"))
    done = typed_at_terminal(typed, "forget", "out")
    assert done.returncode == code
    said = done.stderr.decode().split("\n")
    assert said[0].startswith("Forget out, with its events that wait for another try? [y/N]: ")
    assert last in done.stderr.decode()


def test_a_run_without_input_sends_all_of_what_was_asked_for_before_it_ends(
    doorstep_cli, invoke, events, receiver, write_config
):
    write_config(f'[destinations.hook]\ntype = "webhook"\nsettings = {{ url = "{receiver.url()}" }}\n')
    assert doorstep_cli("run", input=b"\n".join(events(2_500))).returncode == 0
    assert invoke("replay", "hook", "--since", "1h").exit_code == 0
    assert doorstep_cli("run", "--no-input").returncode == 0
    assert len(receiver.lines()) == 5_000


def test_a_run_without_input_sends_the_dead_letters_that_were_asked_for_before_it_ends(
    doorstep_cli, invoke, events, receiver, answer, write_config
):
    write_config(f'[destinations.hook]\ntype = "webhook"\nsettings = {{ url = "{receiver.url()}" }}\n')
    receiver.answers["/in"] = answer(400)
    assert doorstep_cli("run", input=b"\n".join(events(3))).returncode == 3
    receiver.answers["/in"] = answer(200)
    before = len(receiver.lines())
    assert invoke("dlq", "replay").stdout == "hook: replay 1, 3 events: they are sent while the engine runs\n"
    assert doorstep_cli("run", "--no-input").returncode == 0
    assert receiver.lines()[before:] == events(3)
