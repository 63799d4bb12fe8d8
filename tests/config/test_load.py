"""Files, merging, references, and what the parts that nobody wrote come to."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import trustme
from doorstep.engine.catalogue import Catalogue
from doorstep.engine.config import Config, check, load_config
from doorstep.engine.errors import ConfigError
from doorstep.engine.ingress.settings import StdinSettings, TcpSettings
from doorstep.engine.policy.limiter import RateSettings
from doorstep.engine.policy.window import BatchSettings
from doorstep.engine.secret import Secret
from doorstep.engine.settings import Duration, Size

NO_DESTINATION = (
    "configuration:3: destinations: there is no destination; write at least one, "
    'such as [destinations.hook] with type = "webhook"'
)
MINIMAL = """
[destinations.hook]
type = "acme"
settings = { url = "https://acme.example" }
"""

CONTRACT = """
[engine]
backend = "asyncio"              # asyncio (with uvloop) | trio
durability = "memory"
memory_log = "64MiB"             # memory durability: how much is held
spec = "segment"                 # what is a valid event: segment | any (any JSON object)
max_event_bytes = "32KiB"        # Segment's limit; any size up to 16MiB

[[ingress]]
type = "stdin"                   # stdin | tcp | unix | http | ...
name = "shop"                    # shown in explain; destinations can choose their sources

[[ingress]]
type = "tcp"
listen = "127.0.0.1:7070"
ack = false
dedup = "off"

[destinations.hook]              # the name is yours
type = "webhook"
integration = "My hook"
enabled = true
start = "now"
owner = "growth-data"
sources = ["shop"]               # absent = all
trigger = 'type = "track" and event = "Order Completed"'     # FQL; absent = everything
sample = 1.0
settings = { url = "https://example.com/in", headers = { Authorization = "Bearer ${env:HOOK_TOKEN}" }, format = "json_array" }
batch   = { max_events = 500, max_bytes = "512KiB", max_wait = "100ms" }
rate    = { per_second = 2000, burst = 2000, unit = "events" }   # or "requests"; absent = unlimited
in_flight = 4                                                # concurrent requests
timeout = "15s"
retry   = { preset = "segment" }
breaker = { consecutive = 5, open = "5s", max_open = "60s" }
mailbox = { max_bytes = "4MiB" }
overflow = "block"               # memory durability only: block | drop_newest, drops are counted
proxy = "http://proxy:3128"

[destinations.spelled]
type = "webhook"
settings = { url = "https://example.com/in" }
retry = { attempts = 5, base = "1s", cap = "10m", give_up_after = "4h" }
"""


def load(text: str, catalogue: Catalogue, **environ: str) -> Config:
    return load_config(text=text, environ=environ, catalogue=catalogue)


# What holds ----------------------------------------------------------------------------------------------------------


def test_the_contracts_example_loads_as_far_as_this_version_goes() -> None:
    config = load_config(text=CONTRACT, environ={"HOOK_TOKEN": "t0ken"})
    hook = config.destinations["hook"]
    assert config.engine.max_event_bytes == 32768
    assert config.ingress == (StdinSettings(name="shop"), TcpSettings(listen="127.0.0.1:7070"))
    assert (hook.integration, hook.sources, hook.sample) == ("My hook", ("shop",), 1.0)
    assert (hook.in_flight, hook.timeout) == (4, Duration("15s"))
    assert hook.batch == BatchSettings(max_events=500, max_bytes=Size("512KiB"), max_wait=Duration("100ms"))
    assert hook.rate == RateSettings(per_second=2000, burst=2000, unit="events")
    assert hook.proxy == Secret("http://proxy:3128")
    assert msgspec.structs.asdict(hook.settings)["headers"] == {"Authorization": Secret("Bearer t0ken")}
    assert config.destinations["spelled"].retry.give_up_after == Duration("4h")


def test_no_ingress_means_standard_input(catalogue: Catalogue) -> None:
    assert load(MINIMAL, catalogue).ingress == (StdinSettings(),)


def test_an_unnamed_ingress_can_be_a_source(catalogue: Catalogue) -> None:
    config = load(
        MINIMAL + '[[ingress]]\ntype = "unix"\npath = "a.sock"\n[destinations.two]\ntype = "acme"\n'
        'sources = ["unix"]\nsettings = { url = "https://acme.example" }',
        catalogue,
    )
    assert config.destinations["two"].sources == ("unix",)


def test_where_the_user_says_nothing_the_type_does(catalogue: Catalogue) -> None:
    hook = load(MINIMAL, catalogue).destinations["hook"]
    assert hook.integration == "Acme Analytics"
    assert hook.batch == BatchSettings(max_events=200, max_bytes=Size("1MiB"), max_wait=Duration("500ms"))
    assert hook.rate == RateSettings(per_second=50)
    assert hook.in_flight == 8


def test_what_the_user_says_holds_and_the_rest_still_comes_from_the_type(catalogue: Catalogue) -> None:
    text = MINIMAL + 'in_flight = 2\nintegration = "Mine"\nbatch = { max_events = 10 }\nrate = { per_second = 500 }'
    hook = load(text, catalogue).destinations["hook"]
    assert (hook.in_flight, hook.integration, hook.rate) == (2, "Mine", RateSettings(per_second=500))
    assert hook.batch == BatchSettings(max_events=10, max_bytes=Size("1MiB"), max_wait=Duration("500ms"))


def test_a_webhook_of_ones_own_may_take_more_than_the_default() -> None:
    text = """
        destinations.hook.type = "webhook"
        destinations.hook.settings = { url = "http://127.0.0.1/" }
        destinations.hook.batch = { max_events = 5000, max_bytes = "4MiB" }
    """
    batch = load_config(text=text).destinations["hook"].batch
    assert (batch.max_events, batch.max_bytes) == (5000, 4 * 2**20)


def test_limits_follow_the_settings_they_depend_on(catalogue: Catalogue) -> None:
    text = '[destinations.hook]\ntype = "acme"\nsettings = { url = "https://acme.example", single = true }'
    assert load(text, catalogue).destinations["hook"].batch.max_events == 1


def test_a_repr_of_the_configuration_shows_no_secret(catalogue: Catalogue) -> None:
    secrets = '[destinations.two]\ntype = "acme"\nproxy = "http://u:hunter22@p:1"\n'
    config = load(MINIMAL + secrets + 'settings = { url = "https://acme.example", token = "hunter22" }', catalogue)
    assert "hunter22" not in repr(config)


# Merging -------------------------------------------------------------------------------------------------------------


def write(folder: Path, **files: str) -> list[Path]:
    paths = [folder / f"{name}.toml" for name in files]
    for path, text in zip(paths, files.values(), strict=True):
        path.write_text(text, "utf-8")
    return paths


def test_tables_merge_deeply_and_the_later_file_wins(catalogue: Catalogue, tmp_path: Path) -> None:
    base = MINIMAL + 'timeout = "5s"\nbatch = { max_events = 10, max_wait = "1s" }'
    later = '[engine]\nspec = "any"\n[destinations.hook]\ntimeout = "9s"\nbatch = { max_events = 20 }'
    config = load_config(*write(tmp_path, base=base, later=later), environ={}, catalogue=catalogue)
    hook = config.destinations["hook"]
    assert (config.engine.spec, hook.timeout, hook.batch.max_events, hook.batch.max_wait) == (
        "any",
        Duration("9s"),
        20,
        Duration("1s"),
    )


def test_a_later_list_of_ingresses_replaces_the_earlier(catalogue: Catalogue, tmp_path: Path) -> None:
    base = MINIMAL + '[[ingress]]\ntype = "stdin"\n[[ingress]]\ntype = "unix"\npath = "a.sock"'
    later = '[[ingress]]\ntype = "stdin"\nname = "only"'
    config = load_config(*write(tmp_path, base=base, later=later), environ={}, catalogue=catalogue)
    assert config.ingress == (StdinSettings(name="only"),)


def test_a_text_comes_after_the_files(catalogue: Catalogue, tmp_path: Path) -> None:
    files = write(tmp_path, base=MINIMAL + 'timeout = "5s"')
    config = load_config(*files, text='[destinations.hook]\ntimeout = "7s"', environ={}, catalogue=catalogue)
    assert config.destinations["hook"].timeout == Duration("7s")


def test_each_problem_is_in_the_file_that_has_the_last_word(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    base = MINIMAL + "in_flight = 0\nsample = 7"
    later = "\n\n[destinations.hook]\nsample = 8\n"
    write(Path(), base=base, later=later)
    assert [(p.file, p.line, p.path) for p in check(["base.toml", "later.toml"], {}, catalogue)] == [
        ("base.toml", 5, "destinations.hook.in_flight"),
        ("later.toml", 4, "destinations.hook.sample"),
    ]


def test_a_reference_that_a_later_file_overrules_may_be_missing(catalogue: Catalogue, tmp_path: Path) -> None:
    base = '[destinations.hook]\ntype = "acme"\nsettings = { url = "${env:URL}" }'
    later = '[destinations.hook]\nsettings = { url = "https://acme.example" }'
    assert check(write(tmp_path, base=base, later=later), {}, catalogue) == []


def test_all_files_that_cannot_be_read_are_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("latin.toml").write_bytes(b"[engine]\n# caf\xe9\n")
    Path("open.toml").write_text('[engine]\nspec = "any', "utf-8")
    assert [str(problem) for problem in check(["missing.toml", "latin.toml", "open.toml"], {})] == [
        "missing.toml: cannot be read: No such file or directory",
        "latin.toml:2: is not UTF-8; save it as UTF-8",
        "open.toml:2: is not TOML: Unterminated string at the end of the file",
    ]


def test_no_configuration_at_all_is_an_error() -> None:
    with pytest.raises(ConfigError, match="there is no configuration; name a file"):
        load_config()


def test_a_text_has_no_file_name_in_its_problems() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(text="\nengin = 1\n[destinations]")
    assert str(caught.value).splitlines() == [
        'configuration:2: engin: unknown key; did you mean "engine"?',
        NO_DESTINATION,
    ]


def test_too_deep_a_nesting_is_a_problem_not_a_crash() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(text="a = " + "[" * 100_000 + "]" * 100_000)
    assert "nested too deeply" in str(caught.value) or "not TOML" in str(caught.value)


# References ----------------------------------------------------------------------------------------------------------


def owner(text: str, catalogue: Catalogue, **environ: str) -> str | None:
    return load(MINIMAL + f"owner = {text}", catalogue, **environ).destinations["hook"].owner


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('"${env:TEAM}"', "growth"),
        ('"a ${env:TEAM} and ${env:TEAM}"', "a growth and growth"),
        ('"${env:NONE:-nobody}"', "nobody"),
        ('"${env:EMPTY:-nobody}"', "nobody"),
        ('"${env:EMPTY}"', ""),
        ('"${env:NONE:-}"', ""),
        ('"${env:TEAM:-nobody}"', "growth"),
        ('"$${env:TEAM}"', "${env:TEAM}"),
        ('"$TEAM $$ {}"', "$TEAM $$ {}"),
        ('"${env:NESTED}"', "${env:TEAM}"),
    ],
)
def test_references_to_the_environment(written: str, read: str, catalogue: Catalogue) -> None:
    assert owner(written, catalogue, TEAM="growth", EMPTY="", NESTED="${env:TEAM}") == read


@pytest.mark.parametrize("written", ["${env:TEAM}", "${env:TEAM:-nobody}"])
def test_a_variable_that_is_not_utf_8_is_told_and_not_used(written: str, catalogue: Catalogue) -> None:
    with pytest.raises(ConfigError) as caught:
        owner(f'"{written}"', catalogue, TEAM=b"a\xff".decode("utf-8", "surrogateescape"))
    assert [problem.message for problem in caught.value.problems] == ["the environment variable TEAM is not UTF-8 text"]


def test_a_file_is_relative_to_the_file_that_names_it_and_loses_one_line_end(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "team").write_bytes(b"growth\n\r\n")
    files = write(tmp_path / "inner", main=MINIMAL + 'owner = "${file:team}"')
    assert load_config(*files, environ={}, catalogue=catalogue).destinations["hook"].owner == "growth\n"


def test_a_number_or_a_switch_may_come_from_the_environment(catalogue: Catalogue) -> None:
    text = MINIMAL + 'in_flight = "${env:N}"\nsample = "${env:S}"\nenabled = "${env:E}"\ntimeout = "${env:T}"'
    hook = load(text, catalogue, N="3", S="0.5", E="false", T="2s").destinations["hook"]
    assert (hook.in_flight, hook.sample, hook.enabled, hook.timeout) == (3, 0.5, False, Duration("2s"))


def test_a_number_as_text_is_wrong_where_no_reference_is(catalogue: Catalogue) -> None:
    with pytest.raises(ConfigError, match=r'in_flight: expected a whole number, at least 1.*, got "3"'):
        load(MINIMAL + 'in_flight = "3"', catalogue)


def test_a_check_that_repeats_part_of_a_value_is_silenced(catalogue: Catalogue) -> None:
    text = '[destinations.hook]\ntype = "acme"\nproxy = "http://p:1"\nsettings = { url = "${env:URL}" }\n'
    with pytest.raises(ConfigError) as caught:
        load(text, catalogue, URL="http://user:hunter22@acme.example")
    assert str(caught.value) == (
        "configuration:4: destinations.hook.settings.url: ${env:URL} does not begin with https://"
    )
    with pytest.raises(ConfigError) as caught:
        load(text + 'trigger = "type = ${env:PART}"', catalogue, URL="https://acme.example", PART="@hunter2222 x")
    assert "hunter2222" not in str(caught.value)


def test_a_line_end_of_windows_and_a_byte_order_mark_do_no_harm(catalogue: Catalogue, tmp_path: Path) -> None:
    file = tmp_path / "windows.toml"
    file.write_bytes(b"\xef\xbb\xbf" + (MINIMAL + 'owner = """a\nb"""\nsample = 2\n').replace("\n", "\r\n").encode())
    assert [(problem.line, problem.path) for problem in check([file], {}, catalogue)] == [
        (7, "destinations.hook.sample")
    ]


def test_certificates_are_beside_the_file_that_names_them(tmp_path: Path, catalogue: Catalogue) -> None:
    """Not where the process happens to be started."""
    authority = trustme.CA()
    beside = str(tmp_path / "tls/server.pem")
    (tmp_path / "tls").mkdir()
    authority.cert_pem.write_to_path(str(tmp_path / "tls/ca.pem"))
    server = authority.issue_cert("localhost")
    server.private_key_and_cert_chain_pem.write_to_path(beside)
    (tmp_path / "doorstep.toml").write_text(
        """
        [[ingress]]
        type = "tcp"
        listen = "127.0.0.1:0"
        tls = { cert = "tls/server.pem", key = "${env:KEY}" }

        [destinations.hook]
        type = "acme"
        settings = { url = "https://acme.example" }
        tls = { ca = "tls/ca.pem" }
        """
    )
    config = load_config(tmp_path / "doorstep.toml", environ={"KEY": beside}, catalogue=catalogue)
    assert config.destinations["hook"].tls.ca == str(tmp_path / "tls/ca.pem")
    [ingress] = config.ingress
    assert (ingress.tls.cert, ingress.tls.key) == (beside, beside)
