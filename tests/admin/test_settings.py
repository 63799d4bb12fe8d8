"""`[admin]`: what is refused before anything listens."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from doorstep.engine.admin.settings import hash_of, is_loopback, new_token
from doorstep.engine.cli.new import new_command
from doorstep.engine.config import load_config
from doorstep.engine.errors import ConfigError

HOOK = '[destinations.hook]\ntype = "webhook"\nsettings = { url = "http://127.0.0.1:1/" }\n'
HASH = "sha256:" + "0" * 64


def problems(admin: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(text=f"[admin]\n{admin}\n{HOOK}")
    return [f"{problem.path}: {problem.message}" for problem in caught.value.problems]


@pytest.mark.parametrize("listen", ["0.0.0.0:8090", ":8090", "[::]:8090", "192.0.2.7:8090", "doorstep.internal:8090"])
def test_what_can_be_reached_from_elsewhere_needs_tokens(listen) -> None:
    [problem] = problems(f'listen = "{listen}"')
    assert problem.startswith(
        f"admin.listen: {listen} can be reached from elsewhere, so it needs tokens; make one with"
    )
    token = f'tokens = [{{ name = "ada", hash = "{HASH}" }}]'
    assert load_config(text=f'[admin]\nlisten = "{listen}"\n{token}\n{HOOK}').admin.tokens[0].role == "viewer"


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.9.9.9:8090", "[::1]:8090", "localhost:8090"])
def test_loopback_needs_none(listen) -> None:
    assert load_config(text=f'[admin]\nlisten = "{listen}"\n{HOOK}').admin.listen == listen


def test_a_token_itself_in_the_place_of_its_hash_is_refused_and_not_repeated() -> None:
    [problem] = problems('tokens = [{ name = "ada", hash = "doorstep_abc" }]')
    assert problem.startswith("admin.tokens[0].hash: is not one; `doorstep new token` prints")
    assert "doorstep_abc" not in problem


def test_two_tokens_of_one_name_are_refused() -> None:
    [problem] = problems(f'tokens = [{{ name = "ada", hash = "{HASH}" }}, {{ name = "ada", hash = "{HASH}" }}]')
    assert problem.startswith("admin.tokens: two have the same name")


def test_a_new_token_is_printed_with_what_is_kept_of_it() -> None:
    done = CliRunner().invoke(new_command, ["token", "ada", "--role", "owner"])
    token = next(line.strip() for line in done.output.splitlines() if line.strip().startswith("doorstep_"))
    assert len(token) == 52
    kept = done.output.partition("configuration:")[2].replace("    ", "")
    [found] = load_config(text=f"{kept}\n{HOOK}").admin.tokens
    assert (found.name, found.role, found.hash) == ("ada", "owner", hash_of(token))
    assert new_token() != new_token()


def test_a_name_is_not_taken_for_loopback() -> None:
    assert [is_loopback(host) for host in (None, "localhost.evil.example", "127.0.0.1", "::1")] == [
        False,
        False,
        True,
        True,
    ]
