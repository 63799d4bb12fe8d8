"""The commands beside `run`: each from outside, as a user types it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import doorstep.engine as engine
import pytest
from doorstep.engine.cli import schema
from doorstep.engine.journal.store import Store
from doorstep.engine.version import VERSION

ENGINE = Path(engine.__file__).parent


def test_the_version_is_printed(doorstep_cli):
    done = doorstep_cli("--version")
    assert (done.returncode, done.stdout) == (0, f"doorstep {VERSION}\n".encode())


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["run", "--to", "http://127.0.0.1:9101/\udcff"], r"http://127.0.0.1:9101/\xff"),
        (["run", "--to", "-", "--data-dir", "dd\udcff"], r"dd\xff"),
        (["dlq", "ls", "--reason", "\udcff"], r"\xff"),
        (["filter", 'event="é\udcff"', "--explain"], r'event="é\xff"'),
        (["\udcff"], r"\xff"),
    ],
)
def test_an_argument_that_is_not_utf_8_is_named(invoke, arguments, shown):
    done = invoke(*arguments)
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (2, f"Error: Arguments must be UTF-8: {shown}")


def test_the_command_is_a_module_too(environment):
    done = subprocess.run(
        [sys.executable, "-m", "doorstep", "--version"], env=environment, capture_output=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"doorstep ")


def test_the_version_costs_no_import_of_the_engine(doorstep_cli):
    done = doorstep_cli("--version", PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines()}
    assert "click" in imported
    assert imported.isdisjoint({"aiohttp", "rich", "anyio", "msgspec", "doorstep.engine.app"})


def test_a_question_costs_no_client_where_no_engine_could_answer_it(doorstep_cli, tmp_path):
    Store(tmp_path).close(clean=True)
    done = doorstep_cli("dlq", "ls", "--data-dir", str(tmp_path), PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines()}
    assert done.returncode == 0
    assert "apsw" in imported
    assert imported.isdisjoint({"aiohttp", "httpcore2", "trio", "doorstep.engine.app"})


def test_a_configuration_of_built_in_destinations_costs_no_look_at_installed_packages(doorstep_cli, write_config):
    path = write_config('[destinations.x]\ntype = "console"\n')
    done = doorstep_cli("check", "-c", str(path), PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines()}
    assert done.returncode == 0
    assert "doorstep.engine.catalogue" in imported
    assert "importlib.metadata" not in imported


@pytest.mark.parametrize("arguments", [["filter", "all"], ["demo"], ["status"]])
def test_a_command_that_only_prints_says_so_where_nothing_can_be_printed(command, environment, arguments):
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" >&-', *command, *arguments],
        input=b"{}",
        env=environment,
        stderr=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: standard output is closed")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"]])
def test_help_that_the_disk_has_no_room_for_is_said_and_is_no_traceback(command, environment, arguments):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*command, *arguments], env=environment, stdout=full, stderr=subprocess.PIPE, timeout=30, check=False
        )
    assert done.returncode == 74
    assert done.stderr == b"Error: what is printed cannot be written: No space left on device\n"


@pytest.mark.parametrize("command", ["run", "filter", "demo", "new destination"])
def test_every_command_prints_the_version_and_is_not_imported_for_it(doorstep_cli, command):
    done = doorstep_cli(*command.split(), "--version", PYTHONPROFILEIMPORTTIME="1")
    assert (done.returncode, done.stdout) == (0, f"doorstep {VERSION}\n".encode())
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines()}
    assert "click" in imported
    assert imported.isdisjoint({"aiohttp", "rich", "anyio", "msgspec", f"doorstep.engine.cli.{command.split()[0]}"})


def test_a_command_that_there_is_not_has_no_version(invoke):
    assert invoke("chekc", "--version").exit_code == 2


@pytest.mark.parametrize(
    "command",
    [
        *(
            "run",
            "check",
            "validate",
            "schema",
            "catalogue",
            "catalog",
            "filter",
            "map",
            "new",
            "demo",
            "status",
            "tail",
            "tap",
        ),
    ],
)
def test_every_command_helps(invoke, command):
    done = invoke(command, "--help")
    assert done.exit_code == 0
    assert done.stdout.startswith("Usage: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chekc"], "There is no command 'chekc'. Did you mean 'check'"),
        (["xyzzy"], "There is no command 'xyzzy'. There are run, check,"),
        (["run", "--sumary", "json"], "Did you mean '--summary'?"),
        (["run", "--drain-timeout", "30"], "'30' is not a duration; write one like"),
    ],
)
def test_a_slip_of_the_hand_is_told_what_would_be_right(invoke, arguments, said):
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_new_function_is_a_file_with_its_test(invoke, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = invoke("new", "function", "price")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == "made functions/price.py and functions/test_price.py"
    assert '[destinations.price]\ntype = "function"\nsource = "functions/price.py"\n' in done.stdout
    assert sorted(path.name for path in (tmp_path / "functions").iterdir()) == ["price.py", "test_price.py"]
    again = invoke("new", "function", "price")
    assert again.exit_code == 78
    assert "functions/price.py is there already; nothing was changed" in again.stderr


def test_an_unexpected_error_is_told_in_one_line_and_with_v_by_a_traceback(invoke, monkeypatch):
    def broken() -> None:
        raise ExceptionGroup("unhandled errors in a TaskGroup", [RuntimeError("the cause")])

    monkeypatch.setattr(schema, "config_schema", broken)
    short = invoke("schema")
    assert (short.exit_code, short.stderr.splitlines()[0]) == (70, "Error: RuntimeError: the cause")
    assert "Traceback" not in short.stderr
    long = invoke("-v", "schema")
    assert long.exit_code == 70
    assert "in broken" in long.stderr


# check, schema, catalogue --------------------------------------------------------------------------------------------


def test_check_names_every_problem_with_its_line(invoke, write_config):
    write_config(
        "[engine]\n"
        'backend = "asincio"\n'
        "[destinations.hook]\n"
        'type = "webhook"\n'
        'trigger = "typ = 1"\n'
        'settings = { url = "https://example.com", fromat = "ndjson" }\n'
    )
    done = invoke("check")
    assert done.exit_code == 78
    lines = done.stdout.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        ["doorstep.toml:2", "engine.backend"],
        ["doorstep.toml:5", "destinations.hook.trigger"],
        ["doorstep.toml:6", "destinations.hook.settings.fromat"],
    ]
    assert "format" in lines[2]
    assert done.stderr == "3 problems\n"


@pytest.mark.parametrize("command", ["check", "validate"])
def test_check_says_what_a_good_configuration_has(invoke, write_config, command):
    hook = '[destinations.{}]\ntype = "webhook"\nsettings = {{ url = "https://example.com" }}\n'
    path = write_config(hook.format("a") + hook.format("b"), "good.toml")
    done = invoke(command, "-c", path)
    assert (done.exit_code, done.stdout) == (0, "ok: 2 destinations, 1 ingress\n")


def test_check_warns_of_what_is_hardly_meant_and_strictly_refuses_it(invoke, write_config):
    write_config(
        '[destinations.hook]\ntype = "webhook"\ntrigger = \'type = "Track"\'\n'
        'settings = { url = "https://example.com" }\n'
    )
    warning = (
        'doorstep.toml:3: destinations.hook.trigger: warning: never matches: nothing satisfies type = "Track"; '
        "types are track, page, screen, identify, group, alias or delete\n"
    )
    done = invoke("check")
    assert (done.exit_code, done.stderr) == (0, "1 warning\n")
    assert done.stdout == f"{warning}ok: 1 destination, 1 ingress\n"
    strict = invoke("check", "--strict")
    assert (strict.exit_code, strict.stdout, strict.stderr) == (78, warning, "1 warning\n")


def test_the_schema_knows_the_settings_of_the_webhook(invoke):
    done = invoke("schema")
    assert done.exit_code == 0
    schema = json.loads(done.stdout)
    assert schema["$defs"]["WebhookSettings"]["required"] == ["url"]


def test_the_catalogue_lists_the_destinations_there_are(invoke):
    listed = invoke("catalogue").stdout.splitlines()
    assert {"console", "webhook"} <= {line.split()[0] for line in listed}
    assert invoke("catalog").stdout.splitlines() == listed


def test_the_catalogue_shows_one_in_three_formats(invoke):
    text = invoke("catalogue", "webhook").stdout
    assert "  url (string; required)\n" in text
    as_json = json.loads(invoke("catalogue", "webhook", "--format", "json").stdout)
    assert (as_json["name"], as_json["label"], as_json["settings"][0]["name"]) == ("webhook", "Webhook", "url")
    markdown = invoke("catalogue", "webhook", "--format", "markdown").stdout
    assert "| `url` | string | required |" in markdown


def test_a_destination_that_there_is_not_is_told_the_nearest(invoke):
    done = invoke("catalogue", "webhok")
    assert done.exit_code == 78
    assert "there is no destination type 'webhok'; did you mean 'webhook'?" in done.stderr


# new -----------------------------------------------------------------------------------------------------------------


def test_a_new_destination_is_in_the_catalogue(doorstep_cli, tmp_path):
    copy = tmp_path / "tree" / "doorstep"
    shutil.copytree(ENGINE.parent / "destinations", copy / "destinations")
    (copy / "engine").symlink_to(ENGINE.resolve())
    tree = {"PYTHONPATH": str(copy.parent)}
    done = doorstep_cli("new", "destination", "acme_crm", "--dir", copy / "destinations", **tree)
    assert done.returncode == 0
    assert f"made {copy}/destinations/acme_crm\n" in done.stdout.decode()
    assert b"acme_crm" in doorstep_cli("catalogue", **tree).stdout


def test_a_new_destination_outside_is_told_how_it_is_found(invoke, tmp_path):
    done = invoke("new", "destination", "acme", "--kind", "sink")
    assert done.exit_code == 0
    assert 'acme = "acme.destination:Acme"' in done.stdout
    assert (tmp_path / "acme" / "destination.py").exists()
    again = invoke("new", "destination", "acme")
    assert again.exit_code == 78
    assert "acme is there already; nothing was changed" in again.stderr


# filter --------------------------------------------------------------------------------------------------------------

EVENTS = [
    b'{"type": "track", "event": "Order Completed",  "properties": {"total": 120.50}}',
    b'{"type":"track","event":"Viewed","properties":{"total":3}}',
    '{"type":"page","name":"Zoë"}'.encode(),
]


def test_filter_passes_on_what_matches_byte_for_byte(doorstep_cli):
    done = doorstep_cli("filter", 'type = "track" and properties.total > 50', input=b"\n".join(EVENTS))
    assert (done.returncode, done.stdout, done.stderr) == (0, EVENTS[0] + b"\n", b"")
    done = doorstep_cli("filter", "all", input=b"\n".join(EVENTS) + b"\n")
    assert done.stdout == b"\n".join([*EVENTS, b""])


def test_filter_names_broken_lines_and_goes_on(doorstep_cli):
    lines = [EVENTS[0], b"{", b"7", b'{"type": "track", "properties": {"total": 1e999}}', EVENTS[2]]
    done = doorstep_cli("filter", 'properties.total > 50 or type = "page"', input=b"\n".join(lines))
    assert done.returncode == 3
    assert done.stdout == EVENTS[0] + b"\n" + EVENTS[2] + b"\n"
    said = done.stderr.decode().splitlines()
    assert [line.split(":")[0] for line in said] == ["line 2", "line 3", "line 4", "3 broken lines left out"]
    assert said[2] == "line 4: undecodable"


def test_filter_explains_every_event_by_the_clause_that_decided(doorstep_cli):
    done = doorstep_cli("filter", "--explain", 'type = "track" and properties.total > 50', input=b"\n".join(EVENTS))
    assert done.returncode == 0
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["line"], one["matched"], one["clause"]) for one in told] == [
        (1, True, 'type = "track" and properties.total > 50'),
        (2, False, "properties.total > 50"),
        (3, False, 'type = "track"'),
    ]
    assert told[2]["event"] == {"type": "page", "name": "Zoë"}


def test_filter_shows_where_an_expression_is_wrong(doorstep_cli):
    done = doorstep_cli("filter", 'type = "track" an event')
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[-2:] == ['  type = "track" an event', "                 ^"]


def test_a_filter_of_many_events_keeps_their_order(doorstep_cli, events):
    lines = events(20_000)
    done = doorstep_cli("filter", "properties.n < 15000", input=b"\n".join(lines))
    assert done.stdout.splitlines() == lines[:15_000]
