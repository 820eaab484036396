"""`make bench`: measure, print, and write bench/results.json. Asserts nothing; the ratios inside one run count."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import django

from bench.measure import Table

RESULTS = Path(__file__).with_name("results.json")


def _works() -> Mapping[str, Callable[[bool], Iterable[Table]]]:
    # These can be imported only after django.setup().
    from bench import (  # noqa: PLC0415
        p1_board,
        p2_unchanged,
        p3_stream,
        p4_evaluate,
        p5_store,
        p6_read,
        p7_mails,
        p8_growth,
        p9_stack,
        p10_work,
    )

    return {
        "P1": p1_board.measure,
        "P2": p2_unchanged.measure,
        "P3": p3_stream.measure,
        "P4": p4_evaluate.measure,
        "P5": p5_store.measure,
        "P6": p6_read.measure,
        "P7": p7_mails.measure,
        "P8": p8_growth.measure,
        "P9": p9_stack.measure,
        "P10": p10_work.measure,
    }


def main() -> int:
    """Run the chosen benchmarks; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", default="", metavar="P5", help="some of P1 to P10, with commas")
    parser.add_argument(
        "--size", choices=["full", "small"], default="full", help="small: a tenth, to look around"
    )
    given = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "closeboard.settings"
    django.setup()
    from bench.scratch_databases import migrated_template  # noqa: PLC0415

    works = _works()
    asked = [word.strip().upper() for word in given.only.split(",") if word.strip()] or list(works)
    if unknown := [word for word in asked if word not in works]:
        print(f"There is no {', '.join(unknown)}; there are {', '.join(works)}.", file=sys.stderr)
        return 2
    tables: list[Table] = []
    began = time.monotonic()
    print(
        f"{_machine()}; size {given.size}. Medians of rounds in alternation; 'of ours' is the share of our time."
    )
    with migrated_template():
        for word in asked:
            for table in works[word](given.size == "small"):
                print("\n".join(table.lines()), flush=True)
                tables.append(table)
    _write(tables, given.size)
    goals = [goal for table in tables for goal in table.goals]
    print(
        f"\n{sum(goal.met for goal in goals)} of {len(goals)} goals met in {time.monotonic() - began:.0f} s; "
        f"written to {RESULTS.relative_to(Path.cwd()) if RESULTS.is_relative_to(Path.cwd()) else RESULTS}"
    )
    return 0


def _machine() -> str:
    cores, kind, python = os.cpu_count(), platform.machine(), platform.python_version()
    return f"{cores} cores, {platform.system()} {kind}, Python {python}, load {os.getloadavg()[0]:.1f}"


def _write(tables: list[Table], size: str) -> None:
    """Replace the measured works in results.json; all others keep their own date."""
    try:
        kept = json.loads(RESULTS.read_text())["tables"]
    except (OSError, ValueError, KeyError):
        kept = []
    measured = {table.work for table in tables}
    about = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "size": size,
        "machine": _machine(),
    }
    fresh = [{**about, **table.as_json()} for table in tables]
    rows = sorted(
        [row for row in kept if row["work"] not in measured] + fresh, key=lambda row: str(row["work"])
    )
    RESULTS.write_text(json.dumps({"tables": rows}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
