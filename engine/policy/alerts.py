"""Alerts: which destination needs somebody, told once when it begins and once when it is over. Takes what is seen and returns what to tell.

    conditions of a rule -> true now? -> an incident (at most one per rule and destination) -> Alert: began, worse, ended

What goes wrong at once has one cause, so it is one incident: an outage lowers the success rate first and makes a lag later. It is told
by its most severe condition, as soon as that has been true for a moment (`WAITS_S`), again only if a more severe one joins, and its end
when none has been true for `quiet`. So a destination that flaps is one incident, and one that is held is not also told to lag.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal, TypeAlias

import msgspec

from ..settings import Duration, Settings
from ..units import format_duration, parse_duration

Kind: TypeAlias = Literal["crashed", "held", "success", "lag", "dead_letter"]

ALERTS = "alerts"
"""The source that alerts come from."""
SEVERITY: tuple[Kind, ...] = ("dead_letter", "lag", "success", "held", "crashed")
"""Ascending: who must act, and how soon."""
WAITS_S: Mapping[Kind, float] = {"crashed": 0.0, "held": 5.0, "success": 10.0, "lag": 30.0, "dead_letter": 30.0}
"""How long a condition must have been true: what something worse may be behind waits for that to show."""
DOWN_S = 20.0
"""Being down for so long is no success at all, though hardly anything is tried: a breaker that opens for a moment is none of it."""
LEAST_EVENTS = 20
LEAST_ATTEMPTS = 5
"""Below these, in a minute, a share says nothing: one batch that failed once."""

WRITTEN = 'write "held", "crashed", "dead_letter", "lag > 10m" or "success < 95%"'
_PLAIN: Mapping[str, Kind] = {"held": "held", "crashed": "crashed", "dead_letter": "dead_letter"}
_LAG = re.compile(r"lag\s*>\s*(.+)")
_SUCCESS = re.compile(r"success\s*<\s*(\d+(?:\.\d+)?)\s*%")


class AlertSettings(Settings, frozen=True, kw_only=True):
    """`[[alerts]]`: who is told when a destination needs somebody."""

    on: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            min_length=1,
            description="What somebody is told of; success is the share of the last minute's events.",
            examples=[["held", "crashed", "dead_letter", "lag > 10m", "success < 95%"]],
        ),
    ]
    to: Annotated[
        str,
        msgspec.Meta(
            min_length=1, description="A destination, which gets an event `Doorstep Alert`.", examples=["ops-slack"]
        ),
    ]
    quiet: Annotated[
        Duration,
        msgspec.Meta(
            description="How long all must be well before the end is told; what comes back sooner is the same incident.",
            examples=["1m"],
        ),
    ] = Duration("1m")


class Condition(msgspec.Struct, frozen=True):
    """One of the conditions of a rule."""

    text: str
    """As it is written."""
    kind: Kind
    bound: float = 0.0
    """Seconds of lag, share of success."""


def parse_condition(text: str) -> Condition:
    """Raises ValueError with what would be right."""
    plain = " ".join(text.split())
    if plain in _PLAIN:
        return Condition(plain, _PLAIN[plain])
    if lag := _LAG.fullmatch(plain):
        try:
            return Condition(plain, "lag", parse_duration(lag[1]))
        except ValueError as error:
            raise ValueError(f"{text!r} is no condition: {error}") from None
    success = _SUCCESS.fullmatch(plain)
    if success and 0 < float(success[1]) <= 100:
        return Condition(plain, "success", float(success[1]) / 100)
    raise ValueError(f"{text!r} is no condition; {WRITTEN}")


class Rule(msgspec.Struct, frozen=True):
    """What is told to whom."""

    to: str
    conditions: tuple[Condition, ...]
    quiet_s: float = 60.0


def rule_of(settings: AlertSettings) -> Rule:
    """Raises ValueError for a condition that is none."""
    return Rule(settings.to, tuple(map(parse_condition, settings.on)), settings.quiet)


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """One destination as it is seen."""

    is_held: bool = False
    is_crashed: bool = False
    down_s: float = 0.0
    """How long only probes have been sent, if so."""
    lag_s: float = 0.0
    dead: int = 0
    """Dead letters so far; alerts not counted, so that no alert makes another."""
    good: int = 0
    """Events delivered in the last minute ..."""
    bad: int = 0
    """... events that failed ..."""
    attempts: int = 0
    """... in so many attempts."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Something to tell."""

    to: str
    destination: str
    condition: str
    """The most severe one, as it is written in the rule."""
    kind: Kind
    news: Literal["began", "worse", "ended"]
    since: float
    """When the incident began: monotonic."""
    detail: str
    """What was seen, in a few words."""


class _Incident(msgspec.Struct):
    since: float
    last: float
    """When a condition was true last."""
    true_since: dict[Condition, float] = {}
    """Of those that have been true without a break."""
    told: Condition | None = None


class Watch:
    """Of all rules and destinations. `look` every few seconds; a look that is late makes alerts late, and no more of them."""

    def __init__(self) -> None:
        self._rules: tuple[Rule, ...] = ()
        self._incidents: dict[tuple[str, str], _Incident] = {}
        self._dead: dict[str, int] = {}

    def change(self, rules: Sequence[Rule]) -> None:
        """From here on these rules hold. Incidents of those that stay go on."""
        self._rules = tuple(rules)
        tellers = {rule.to for rule in rules}
        self._incidents = {key: one for key, one in self._incidents.items() if key[0] in tellers}

    def look(self, sights: Mapping[str, Sight], now: float, *, last: bool = False) -> list[Alert]:
        """What is to be told. Nobody is told of itself. `last`: it is now or never, so nothing waits for worse to show."""
        newly_dead = {name for name, sight in sights.items() if sight.dead > self._dead.get(name, 0)}
        self._dead = {name: sight.dead for name, sight in sights.items()}
        alerts = []
        for rule in _joined(self._rules):
            for name in {*sights, *(name for to, name in self._incidents if to == rule.to)} - {rule.to}:
                sight = sights.get(name, Sight())
                true = [one for one in rule.conditions if _is_true(one, sight, name in newly_dead)]
                alerts += self._judge(rule, name, sight, true, now, last)
        return sorted(alerts, key=lambda alert: (alert.destination, alert.to))

    def _judge(
        self, rule: Rule, name: str, sight: Sight, true: Sequence[Condition], now: float, last: bool
    ) -> list[Alert]:
        key = (rule.to, name)
        incident = self._incidents.get(key)
        if incident is None:
            if not true:
                return []
            incident = self._incidents[key] = _Incident(now, now)
        before = incident.true_since
        # A dead letter has happened: it does not end like the others, but with the incident.
        stays = [one for one in before if one.kind == "dead_letter"]
        incident.true_since = {one: before.get(one, now) for one in (*true, *stays)}
        if true:
            incident.last = now
        worst = _worst(one for one, since in incident.true_since.items() if last or now - since >= WAITS_S[one.kind])
        if worst is not None and (incident.told is None or _severity(worst) > _severity(incident.told)):
            news: Literal["began", "worse"] = "began" if incident.told is None else "worse"
            incident.told = worst
            return [_alert(rule, name, worst, news, incident.since, _seen(worst, sight))]
        is_over = not true and (now - incident.last >= rule.quiet_s if incident.told else not stays)
        if not is_over:
            return []
        del self._incidents[key]
        over = f"for {format_duration(now - incident.since)}"
        return [_alert(rule, name, incident.told, "ended", incident.since, over)] if incident.told else []

    def __repr__(self) -> str:
        return f"<Watch: {len(self._rules)} rules, {len(self._incidents)} incidents>"


def _joined(rules: Iterable[Rule]) -> list[Rule]:
    """Several rules for one receiver are one: it hears of an incident once."""
    joined: dict[str, Rule] = {}
    for rule in rules:
        before = joined.get(rule.to)
        if before is not None:
            conditions = tuple(dict.fromkeys([*before.conditions, *rule.conditions]))
            rule = Rule(rule.to, conditions, max(before.quiet_s, rule.quiet_s))
        joined[rule.to] = rule
    return list(joined.values())


def _is_true(condition: Condition, sight: Sight, is_newly_dead: bool) -> bool:
    match condition.kind:
        case "held":
            return sight.is_held
        case "crashed":
            return sight.is_crashed
        case "dead_letter":
            return is_newly_dead
        case "lag":
            return sight.lag_s > condition.bound
        case "success":
            return _fails(condition.bound, sight)


def _fails(bound: float, sight: Sight) -> bool:
    tried = sight.good + sight.bad
    if sight.down_s >= DOWN_S:
        return True
    if tried < LEAST_EVENTS or sight.attempts < LEAST_ATTEMPTS:
        return False
    return sight.good / tried < bound


def _seen(condition: Condition, sight: Sight) -> str:
    match condition.kind:
        case "lag":
            return f"the oldest event has waited for {format_duration(sight.lag_s)}"
        case "success" if sight.down_s >= DOWN_S:
            return f"down for {format_duration(sight.down_s)}"
        case "success":
            return f"{100 * sight.good / max(1, sight.good + sight.bad):.1f}% of the last minute"
        case "dead_letter":
            return f"{sight.dead} given up so far"
        case "held":
            return "it needs attention, its events are kept"
        case "crashed":
            return "its code crashes again and again"


def _alert(
    rule: Rule, name: str, condition: Condition, news: Literal["began", "worse", "ended"], since: float, detail: str
) -> Alert:
    return Alert(
        to=rule.to,
        destination=name,
        condition=condition.text,
        kind=condition.kind,
        news=news,
        since=since,
        detail=detail,
    )


def _severity(condition: Condition) -> int:
    return SEVERITY.index(condition.kind)


def _worst(conditions: Iterable[Condition]) -> Condition | None:
    return max(conditions, key=_severity, default=None)
