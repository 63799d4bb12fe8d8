"""The engine as scenarios start it: its command line, and configurations of webhooks to the sink. Pure."""

from __future__ import annotations

from .scenario import Entrant, Load

ENGINE = ("-m", "doorstep.engine.cli", "run")
_MEMORY = '[engine]\ndurability = "memory"\n'


def webhook(name: str, path: str, *lines: str, form: str = "json_array") -> str:
    """The TOML of a webhook to `path` of the sink; `lines` are further keys."""
    head = f'[destinations.{name}]\ntype = "webhook"\nsettings = {{ url = "{{sink}}{path}", format = "{form}" }}\n'
    return head + "".join(f"{line}\n" for line in lines)


def fan_out(count: int, query: str = "") -> str:
    """The TOML of `count` healthy webhooks, each on a path of its own; `query` is what the sink is to do beside counting."""
    return "".join(webhook(f"hook{i}", f"/ok/{i}{query}") for i in range(count))


def mapped(count: int) -> str:
    """The TOML of `count` webhooks, each with a mapping of its own: six fields, one of them a hash."""
    return "".join(
        webhook(f"hook{i}", f"/ok/{i}", f"[destinations.hook{i}.actions.send]", *_mapping(i)) for i in range(count)
    )


def _mapping(number: int) -> tuple[str, ...]:
    return (
        """trigger = 'type = "track" or type != "track"'""",
        f"[destinations.hook{number}.actions.send.mapping]",
        'event = { "@path" = "$.event" }',
        'user = { "@path" = "$.userId" }',
        'id = { "@path" = "$.messageId" }',
        'page = { "@path" = "$.context.page.url" }',
        'email = { "@hash" = { value = { "@path" = "$.context.traits.email" }, normalise = "email" } }',
        f'to = "receiver {number}"',
    )


def all_ok(count: int) -> tuple[str, ...]:
    """The paths of `fan_out(count)`."""
    return tuple(f"/ok/{i}" for i in range(count))


def engine(
    name: str,
    load: Load,
    config: str,
    *,
    whole: tuple[str, ...] = (),
    handled: tuple[str, ...] = (),
    framing: int = 1,
    drain: str = "30s",
    exits: tuple[int, ...] = (0,),
) -> Entrant:
    """`doorstep run` with `config`, memory durability."""
    arguments = (*ENGINE, "-c", "{config}", "--summary", "json", "--drain-timeout", drain)
    return Entrant(
        name=name,
        arguments=arguments,
        load=load,
        config=_MEMORY + config,
        whole=whole,
        handled=handled,
        framing=framing,
        exits=exits,
    )
