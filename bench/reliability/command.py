"""`python -m bench reliability [NAME...] [--short]`: plays scenarios, judges them, records them."""

from __future__ import annotations

import argparse
import signal
import sys

from bench.harness import Void

from . import record
from .process import Failed
from .scenarios import SCENARIOS


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the bench's."""
    parser = commands.add_parser("reliability", help="nothing accepted is ever lost: kills, outages, full disks ...")
    parser.add_argument("name", nargs="*", type=_name, metavar="NAME", help=f"of {', '.join(SCENARIOS)}; default: all")
    parser.add_argument("--short", action="store_true", help="the short form: seconds each")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """0 if all promises were kept; 1 if not."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that engines, too, are ended
    good = True
    for name in options.name or SCENARIOS:
        good &= _run_one(SCENARIOS[name], options.short)
    return 0 if good else 1


def _run_one(scenario: record.Scenario, is_short: bool) -> bool:
    try:
        figures = scenario.play(scenario.short if is_short else scenario.full)
    except record.Skip as skip:
        print(f"{scenario.name}: skipped: {skip}\n", flush=True)
        return True
    except (Failed, Void) as failure:
        print(f"{scenario.name}: FAILED: {failure}\n", flush=True)
        return False
    line = record.record_of(scenario, figures, is_short)
    record.append(line)
    print("\n".join(record.lines(line)), end="\n\n", flush=True)
    return all(verdict.met for verdict in line.goals)


def _name(text: str) -> str:
    if text not in SCENARIOS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(SCENARIOS)}")
    return text
