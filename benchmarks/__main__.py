"""``python -m benchmarks [GROUP ...]``: print all figures, their limits, and whether they hold.

The emulator runs in its own process, with TLS. By default, its agent has no pauses and no faults,
so that the client is measured. Machines differ and are noisy: only figures of the same run can be
compared. So anchors and the connector are measured in turns.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from . import (
    copies,
    distance,
    eice,
    handover,
    keys,
    latency,
    many,
    resources,
    ssh,
    startup,
    throughput,
)
from .processes import Machine
from .report import Row, document, machine, table
from .stand import Stand, stand

GROUPS: dict[str, Callable[[Stand], list[Row]]] = {
    "startup": startup.measure,
    "keys": keys.measure,
    "handover": handover.measure,
    "many": many.measure,
    "distance": distance.measure,
    "latency": latency.measure,
    "throughput": throughput.measure,
    "ssh": ssh.measure,
    "eice": eice.measure,
    "copies": copies.measure,
    "resources": resources.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"{', '.join(GROUPS)} (all)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each transfer (3)")
    parser.add_argument("--json", metavar="PATH", type=Path, help="also write them to this file")
    options = parser.parse_args()
    if unknown := set(options.groups) - set(GROUPS):
        parser.error(f"no such group: {', '.join(sorted(unknown))}")

    rows: list[Row] = []
    usage = Machine()
    with stand(options.runs) as all_on:
        for name in options.groups or GROUPS:
            started, usage_of_group = time.monotonic(), Machine()
            rows += GROUPS[name](all_on)
            took, others = time.monotonic() - started, usage_of_group.others()
            all_on.details[f"{name}, CPUs that went to others"] = f"{others:.0%}"
            print(f"{name}: {took:.0f} s, {others:.0%} others", file=sys.stderr, flush=True)
    ran_on = (
        f"{machine()}; medians of {options.runs} runs; {usage.others():.0%} of the CPUs "
        "went to others meanwhile"
    )
    print(f"{ran_on}\n")
    print(table(rows))
    for what, detail in all_on.details.items():
        print(f"\n{what}: {detail}")
    if options.json:
        options.json.write_text(json.dumps(document(rows, ran_on, all_on.details), indent=2) + "\n")


if __name__ == "__main__":
    main()
