"""`doorstep dlq`, as a user types it, over a journal that a run has left dead letters in."""

from __future__ import annotations

import json
import re
from math import inf, nan

import apsw
import pytest
from doorstep.engine.cli.telling import moment

HOOK = (
    '[destinations.hook]\ntype = "webhook"\nsettings = {{ url = "{}" }}\nin_flight = 1\nbatch = {{ max_events = 1 }}\n'
)


@pytest.fixture
def dead(doorstep_cli, receiver, answer, events, write_config):
    """A run of six events, of which the first three were refused."""
    receiver.answers["/bad"] = answer(400)
    write_config(
        HOOK.format(receiver.url("/good")).replace("s.hook]", "s.good]")
        + "trigger = 'properties.n >= 3'\n"
        + HOOK.format(receiver.url("/bad"))
        + "trigger = 'properties.n < 3'\n"
    )
    done = doorstep_cli("run", input=b"\n".join(events(6)))
    assert done.returncode == 3, done.stderr


@pytest.mark.usefixtures("dead")
def test_letters_are_counted_listed_and_shown(invoke):
    counts = invoke("dlq", "ls")
    assert counts.exit_code == 0
    assert re.fullmatch(
        r"destination  reason    count  first +last\nhook +http_400      3  \S+Z  \S+Z\n", counts.stdout
    )
    (count,) = json.loads(invoke("dlq", "ls", "--format", "json").stdout)
    assert (count["destination"], count["reason"], count["count"]) == ("hook", "http_400", 3)
    each = invoke("dlq", "ls", "--each", "--where", "properties.n > 0").stdout.splitlines()
    assert [line.split()[0] for line in each] == ["2", "3"]
    assert each[0].endswith("hook  http_400  m-1  Order é")
    shown = invoke("dlq", "show", "2")
    assert "reason       http_400 (status 400)\n" in shown.stdout
    assert shown.stdout.splitlines()[-1].startswith('{"type": "track", "userId": "u-1", "event": "Order é"')


@pytest.mark.usefixtures("dead")
def test_what_is_not_there_is_3_and_what_is_typed_wrong_is_2(invoke):
    missing = invoke("dlq", "show", "99")
    assert (missing.exit_code, missing.stderr) == (3, "Error: there is no dead letter 99\n")
    for slip in (["--where", "properties.n >"], ["--since", "yesterday"], ["--id", "x"], ["--each", "--id", 10**23]):
        assert invoke("dlq", "ls", *slip).exit_code == 2
    beyond = invoke("dlq", "show", 10**23)
    assert (beyond.exit_code, "100000000000000000000000 is not in the range" in beyond.stderr) == (2, True)
    assert 'write one like "2026-11-23T16:00" (UTC), or "2h"' in invoke("dlq", "ls", "--since", "soon").stderr


@pytest.mark.usefixtures("dead")
@pytest.mark.parametrize("command", [["ls"], ["ls", "--each"], ["export"], ["replay"], ["replay", "--dry-run"]])
def test_a_destination_that_nothing_knows_is_no_empty_answer(invoke, command):
    done = invoke("dlq", *command, "--destination", "hok")
    said = "Error: there is no destination 'hok' in this journal; it knows good, hook\n"
    assert (done.exit_code, done.stdout, done.stderr) == (3, "", said)
    assert invoke("dlq", *command, "--destination", "good").exit_code == 0
    assert invoke("dlq", *command, "--destination", "hook", "--reason", "x").exit_code == 0


@pytest.mark.usefixtures("dead")
def test_a_destination_that_only_its_dead_letters_know_is_known(invoke, tmp_path):
    (tmp_path / "doorstep.toml").write_text('[destinations.good]\ntype = "console"\n')
    assert invoke("forget", "hook").exit_code == 0
    assert invoke("dlq", "ls", "--destination", "hook", "--reason", "x").exit_code == 0
    assert invoke("dlq", "ls", "--destination", "hok").exit_code == 3


@pytest.mark.usefixtures("dead")
def test_letters_leave_as_lines_and_come_back_as_they_were(invoke, tmp_path):
    exported = invoke("dlq", "export").stdout
    letters = [json.loads(line) for line in exported.splitlines()]
    assert [json.loads(letter["line"])["messageId"] for letter in letters] == ["m-0", "m-1", "m-2"]
    (tmp_path / "letters.ndjson").write_text(exported)
    assert invoke("dlq", "purge", "--yes", "--id", 1, "--id", 3).stderr == "2 dead letters deleted\n"
    taken = invoke("dlq", "import", "letters.ndjson")
    assert (taken.exit_code, taken.stderr) == (0, "2 dead letters taken in, 1 were there already\n")
    again = [json.loads(line) for line in invoke("dlq", "export").stdout.splitlines()]
    key = {"m-0": 0, "m-1": 1, "m-2": 2}
    again.sort(key=lambda letter: key[letter["message_id"]])
    assert [{**letter, "id": 0} for letter in again] == [{**letter, "id": 0} for letter in letters]


@pytest.mark.usefixtures("dead")
def test_lines_that_are_no_letters_are_named_and_the_others_taken(invoke, tmp_path):
    exported = invoke("dlq", "export", "--id", 2).stdout
    invoke("dlq", "purge", "--yes")
    wrong = [
        "{}",
        "nonsense",
        exported.replace(r"\"type\"", r"\n").strip(),
        exported.replace('"line":"{', '"line":"[').strip(),
    ]
    (tmp_path / "mixed").write_text("\n".join([*wrong, "", exported]))
    taken = invoke("dlq", "import", "mixed")
    assert taken.exit_code == 3
    *named, summary = taken.stderr.splitlines()
    assert [line.split(":")[0] for line in named] == ["line 1", "line 2", "line 3", "line 4"]
    assert summary == "1 dead letter taken in, 0 were there already"


@pytest.mark.usefixtures("dead")
def test_letters_that_hold_no_event_are_named_with_their_lines_and_the_others_taken(invoke, tmp_path):
    letters = [json.loads(line) for line in invoke("dlq", "export").stdout.splitlines()]
    letters[0]["line"] = '{"type":"page"}'
    letters[2]["line"] = '{"type":"track","userId":"u"}'
    invoke("dlq", "purge", "--yes")
    (tmp_path / "mixed").write_text("\n\n".join(map(json.dumps, letters)))
    taken = invoke("dlq", "import", "mixed")
    assert (taken.exit_code, taken.stderr.splitlines()) == (
        3,
        [
            "line 1: this is no event: no_user_anon_id",
            "line 5: this is no event: event_not_defined",
            "1 dead letter taken in, 0 were there already",
        ],
    )
    assert [json.loads(line)["message_id"] for line in invoke("dlq", "export").stdout.splitlines()] == ["m-1"]


@pytest.mark.parametrize(
    ("field", "odd"),
    [
        ("number", -(2**60)),
        ("number", 99_999_999_999_999_999_999),
        ("status", 99_999_999_999_999_999_999),
        ("received", -1),
        ("first_at", 1_796_000_000_000),
        ("last_at", 1e18),
        ("tries", [{"at": 1_796_000_000_000, "reason": "timeout"}]),
    ],
)
@pytest.mark.usefixtures("dead")
def test_a_letter_whose_numbers_cannot_be_is_named_and_spoils_no_other(invoke, tmp_path, field, odd):
    letter = json.loads(invoke("dlq", "export", "--id", 2).stdout)
    (tmp_path / "odd").write_text(json.dumps({**letter, field: odd}))
    taken = invoke("dlq", "import", "odd")
    assert taken.exit_code == 3
    assert taken.stderr.startswith("line 1: no dead letter of an export (Expected `")
    assert taken.stderr.endswith("\n0 dead letters taken in, 0 were there already\n")
    assert len(invoke("dlq", "ls", "--each").stdout.splitlines()) == 3


def test_a_time_is_told_whatever_it_is():
    told = [moment(utc) for utc in (1_796_000_000.1234, 1_796_000_000_000.0, 1e18, -1e18, inf, nan)]
    assert told == ["2026-11-30T00:53:20.123Z", "1796000000000.0", "1e+18", "-1e+18", "inf", "nan"]


@pytest.mark.usefixtures("dead")
def test_an_export_that_an_editor_has_put_a_byte_order_mark_before_is_taken(invoke, tmp_path):
    exported = invoke("dlq", "export").stdout
    invoke("dlq", "purge", "--yes")
    (tmp_path / "letters").write_text(exported, "utf-8-sig")
    taken = invoke("dlq", "import", "letters")
    assert (taken.exit_code, taken.stderr) == (0, "3 dead letters taken in, 0 were there already\n")


@pytest.mark.usefixtures("dead")
def test_a_purge_asks_nobody_where_nobody_could_answer(invoke):
    purged = invoke("dlq", "purge", "--id", 1)
    assert (purged.exit_code, purged.stderr) == (0, "1 dead letter deleted\n")
    assert len(invoke("dlq", "ls", "--each").stdout.splitlines()) == 2


@pytest.mark.usefixtures("dead")
@pytest.mark.parametrize(("typed", "code", "left"), [(b"n\n", 1, 3), (b"y\n", 0, 0)])
def test_a_purge_asks_whoever_sits_at_a_terminal(typed_at_terminal, invoke, typed, code, left):
    done = typed_at_terminal(typed, "dlq", "purge")
    assert done.returncode == code
    assert done.stderr.decode().startswith("Delete 3 dead letters for good? [y/N]: ")
    listed = invoke("dlq", "ls", "--each").stdout
    assert listed.count("m-") == left


@pytest.mark.usefixtures("dead")
def test_a_mapping_is_read_before_the_replay_is_written_down(invoke, tmp_path):
    good, wrong = tmp_path / "fix.json", tmp_path / "wrong.json"
    good.write_text('\ufeff{"@merge": {"objects": [{"@path": "$."}, {"context": {}}], "direction": "right"}}')
    wrong.write_text('{"a": {"@pth": "$.b"}}')
    refused = invoke("dlq", "replay", "--mapping", str(wrong))
    assert refused.exit_code == 2
    assert "the mapping is wrong" in refused.stderr
    begun = invoke("dlq", "replay", "--where", "properties.n > 0", "--mapping", str(good))
    assert (begun.exit_code, begun.stdout) == (0, "hook: replay 1, 2 events: they are sent while the engine runs\n")


@pytest.mark.usefixtures("dead")
def test_a_replay_is_first_tried_dry_and_then_written_down_for_the_engine(invoke):
    dry = invoke("dlq", "replay", "--where", "properties.n > 0", "--dry-run")
    assert (dry.exit_code, dry.stdout) == (0, "hook: 2 events would be sent again\n")
    begun = invoke("dlq", "replay", "--where", "properties.n > 0", "--rate", "100/s")
    assert (begun.exit_code, begun.stdout) == (0, "hook: replay 1, 2 events: they are sent while the engine runs\n")
    assert invoke("dlq", "replay", "--reason", "nothing").stdout == "no dead letters match\n"


@pytest.mark.usefixtures("dead")
def test_a_journal_that_somebody_else_has_open_is_75(invoke, tmp_path):
    from doorstep.engine.journal.store import Store

    store = Store(tmp_path / "doorstep-data")
    done = invoke("dlq", "ls")
    store.close(clean=True)
    assert done.exit_code == 75
    assert "in use by another doorstep" in done.stderr


@pytest.mark.usefixtures("dead")
@pytest.mark.parametrize("command", [("dlq", "ls"), ("run", "--no-input"), ("journal", "verify")])
def test_a_journal_of_another_format_is_78_since_trying_again_would_not_help(invoke, tmp_path, command):
    connection = apsw.Connection(str(tmp_path / "doorstep-data" / "journal.db"))
    connection.pragma("user_version", 2)
    connection.close()
    done = invoke(*command)
    assert done.exit_code == 78
    assert "has format 2, and this version of Doorstep reads format 1" in done.stderr


def test_where_there_is_no_journal_it_is_said_and_none_is_made(invoke, tmp_path):
    done = invoke("dlq", "ls", "--data-dir", tmp_path / "nothing")
    assert done.exit_code == 78
    assert "there is no journal in" in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert invoke("dlq", "ls").exit_code == 78
    assert invoke("dlq").exit_code == 2


def test_with_memory_alone_there_is_no_journal(invoke, write_config):
    write_config('[engine]\ndurability = "memory"\n[destinations.out]\ntype = "console"\n')
    done = invoke("dlq", "ls")
    assert done.exit_code == 78
    assert 'engine.durability: is "memory": there is no journal' in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "dlq",
        *(f"dlq {name}" for name in ("ls", "show", "replay", "export", "import", "purge")),
        *("replay", "explain", "pause", "resume", "forget"),
        *("journal", "journal verify", "journal salvage"),
    ],
)
def test_every_command_helps(invoke, command):
    done = invoke(*command.split(), "--help")
    assert done.exit_code == 0
    assert done.stdout.startswith("Usage: ")
