"""The command line: `python -m bench run | compare | table | profile | events | reliability | telemetry`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from . import hotpath, http_in, results, tables, telemetry
from .events import Mix
from .harness import Bench, Void, bench
from .machine import commit, this_machine
from .measured import Measured
from .reliability import command as reliability
from .scenario import AsFast, Load, Scenario, ShareOf, Steady, quick
from .scenarios import SCENARIOS

LONE_RATE = 10_000
"""Events a second for an entrant that is run without the one whose maximum it takes a share of."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Exits 0; 1 if a goal was missed, a run was void or results are not there; 2 for a wrong command line."""
    options = parser().parse_args(arguments)
    try:
        sys.exit(options.command(options))
    except FileNotFoundError as error:
        sys.exit(str(error))


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(prog="python -m bench", description="Measures doorstep from outside.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run scenarios, judge them, append to bench/results")
    run.add_argument(
        "scenario", nargs="*", type=scenario_name, metavar="SCENARIO", help=f"of {', '.join(SCENARIOS)}; default: all"
    )
    run.add_argument("--runs", type=int, default=5, help="rounds; the median counts (5)")
    run.add_argument("--quick", action="store_true", help="tiny loads, one round, no goals, nothing recorded")
    run.set_defaults(command=run_command)
    compare = commands.add_parser("compare", help="two results files or commits, side by side")
    compare.add_argument("before")
    compare.add_argument("after")
    compare.set_defaults(command=compare_command)
    table = commands.add_parser("table", help="the newest results as a Markdown table")
    table.set_defaults(command=table_command)
    profile = commands.add_parser("profile", help="where the engine's time goes in a scenario")
    profile.add_argument("scenario", choices=SCENARIOS)
    profile.add_argument("--entrant", help="which of the scenario's; default: the first")
    profile.add_argument("--tool", choices=hotpath.TOOLS, help="default: py-spy if there is one")
    profile.add_argument("--top", type=int, default=25, help="functions shown (25)")
    profile.set_defaults(command=profile_command)
    mapping = commands.add_parser("mapping", help="a mapping beside the same by hand, in this process")
    mapping.add_argument("--runs", type=int, default=9, help="rounds; the median counts (9)")
    mapping.add_argument("--quick", action="store_true", help="few events, one round, nothing recorded")
    mapping.set_defaults(command=mapping_command)
    events = commands.add_parser("events", help="events on stdout, as NDJSON")
    events.add_argument("count", type=int)
    events.add_argument("--seed", type=int, default=1)
    events.set_defaults(command=events_command)
    http_in.declare(commands)
    reliability.declare(commands)
    telemetry.declare(commands)
    return top


def scenario_name(text: str) -> str:
    """`text`, if there is such a scenario."""
    if text not in SCENARIOS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(SCENARIOS)}")
    return text


def run_command(options: argparse.Namespace) -> int:
    """Every scenario, or those named."""
    good = True
    with bench() as stand:
        for name in options.scenario or SCENARIOS:
            try:
                good &= run_scenario(stand, SCENARIOS[name], 1 if options.quick else options.runs, options.quick)
            except Void as error:
                print(f"{name}: void: {error}\n", flush=True)
                good = False
    return 0 if good else 1


def run_scenario(stand: Bench, scenario: Scenario, runs: int, is_quick: bool) -> bool:
    """Runs the rounds, prints, records; whether all goals were met (of a quick run: whether it went through)."""
    rounds = [scenario.read(run_round(stand, scenario, is_quick)) for _ in range(runs)]
    median = results.medians(rounds)
    record = results.Record(
        scenario=scenario.name,
        title=scenario.title,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=commit(),
        machine=this_machine(),
        rounds=rounds,
        median=median,
        goals=[] if is_quick else results.judge(scenario.goals, median),
    )
    if not is_quick:
        results.append(record)
    print("\n".join(tables.record_lines(record)), end="\n\n", flush=True)
    return all(verdict.met for verdict in record.goals)


def run_round(stand: Bench, scenario: Scenario, is_quick: bool) -> dict[str, Measured]:
    """Each entrant once, in order."""
    runs: dict[str, Measured] = {}
    for entrant in scenario.entrants:
        load = settled(quick(entrant.load) if is_quick else entrant.load, runs)
        runs[entrant.name] = stand.measure(entrant, load)
    return runs


def settled(load: Load, runs: dict[str, Measured]) -> AsFast | Steady:
    """A load whose rate is known: from what was measured earlier in the round, or `LONE_RATE` if nothing was."""
    if not isinstance(load, ShareOf):
        return load
    rate = runs[load.entrant].events_per_s * load.share if load.entrant in runs else LONE_RATE
    return Steady(round(rate), load.seconds)


def compare_command(options: argparse.Namespace) -> int:
    """Two sets of results."""
    before, after = (results.newest(results.load(name)) for name in (options.before, options.after))
    print("\n".join(tables.change_lines(results.compare(before, after))))
    return 0


def table_command(options: argparse.Namespace) -> int:
    """The newest record of each scenario, in the scenarios' order."""
    records = results.newest(results.load(""))
    print("\n".join(tables.markdown({name: records[name] for name in SCENARIOS if name in records})))
    return 0


def profile_command(options: argparse.Namespace) -> int:
    """One entrant of a scenario, under a profiler."""
    entrants = {entrant.name: entrant for entrant in SCENARIOS[options.scenario].entrants}
    name = options.entrant or next(iter(entrants))
    if name not in entrants:
        print(f"{options.scenario} has {', '.join(entrants)}, no {name!r}", file=sys.stderr)
        return 2
    entrant, tool = entrants[name], options.tool or hotpath.default_tool()
    with bench() as stand:
        lines = hotpath.profile(stand, entrant, settled(entrant.load, {}), tool, options.top)
    print("\n".join(lines))
    return 0


def mapping_command(options: argparse.Namespace) -> int:
    """The rounds of `mapped`, judged and recorded as those of the other scenarios are."""
    from . import mapped  # here, because only this command has the engine in its own process

    record = mapped.measure(1, events=500) if options.quick else mapped.measure(options.runs)
    if not options.quick:
        results.append(record)
    print("\n".join(tables.record_lines(record)))
    return 0 if options.quick or all(verdict.met for verdict in record.goals) else 1


def events_command(options: argparse.Namespace) -> int:
    """Events, for whatever they are good for."""
    for block in Mix(options.seed).lines(options.count):
        sys.stdout.buffer.write(block)
    return 0
