"""``python -m benchmarks.tricks [TRICK ...]``: measure what each trick of connector/fast saves.

The codec of transport/frames.py is such a trick, too.

Each run is a whole ``connector proxy`` from its start to the server's greeting, with one trick
switched off or with all on. The two take turns, so both meet the same machine. Noise can only add
to a run's time, so each figure is the difference between the lower quartiles of both kinds of run.
CPU time is the steadier figure on a machine with other work.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .client import Client
from .report import machine
from .stand import FarEnd, stand
from .startup import logged_in

#: Trick -> the statements that switch it off, which run before the connector is imported.
TRICKS = {
    "collector": "from connector.fast import collector; collector.pause = lambda: None",
    "quick": "from connector.fast.quick import QuickParser; QuickParser.parse = lambda *_: None",
    "records": "import typing, connector.fast.records as records; "
    "records.NamedTuple = typing.NamedTuple",
    "typed": "import typing, sys; sys.modules['connector.fast.typed'] = typing",
    # What a connection by the codec of websockets would import. It brings typing and logging.
    "frames": "import websockets.client",
    "logs": "import logging",  # then our loggers are those of logging
    "plain": "from connector.fast import plain; "
    "plain.sections = plain.words = plain.command = plain.time = lambda _: None",
}

#: Modules that both runs of a pair import first, so that only the trick differs.
_FIRST = "import connector.fast.collector, connector.fast.quick"

#: The minimum that a trick has to save, in ms of CPU time.
WORTHWHILE = 1.5


class Run(NamedTuple):
    """The milliseconds of a run until the greeting."""

    wall: float
    cpu: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tricks", description=__doc__)
    parser.add_argument("tricks", nargs="*", metavar="TRICK", help=f"{', '.join(TRICKS)} (all)")
    parser.add_argument("--pairs", type=int, default=40, help="pairs of runs of each trick (40)")
    options = parser.parse_args()
    if unknown := set(options.tricks) - set(TRICKS):
        parser.error(f"no such trick: {', '.join(sorted(unknown))}")

    print(f"{machine()}; lower quartiles of {options.pairs} pairs of runs\n")
    print("| trick | CPU ms saved | ms saved until the greeting | worthwhile |")
    print("|---|---|---|---|")
    with stand(1) as all_on, all_on.far_end() as far:
        login = logged_in(far)  # "plain" reads the files of one
        for name in options.tricks or TRICKS:
            pairs = [
                (_run(far, login, TRICKS[name]), _run(far, login, "")) for _ in range(options.pairs)
            ]
            cpu = _saved([(without.cpu, with_it.cpu) for without, with_it in pairs])
            wall = _saved([(without.wall, with_it.wall) for without, with_it in pairs])
            worthwhile = "yes" if cpu >= WORTHWHILE else "**no**"
            print(f"| {name} | {cpu:.1f} | {wall:.1f} | {worthwhile} |", flush=True)


def _saved(pairs: Sequence[tuple[float, float]]) -> float:
    """Return the trick's saving, from a figure of each run without it and with it."""
    without, with_it = zip(*pairs, strict=True)
    return _lower_quartile(without) - _lower_quartile(with_it)


def _lower_quartile(figures: Sequence[float]) -> float:
    return float(statistics.quantiles(figures, n=4)[0])


def _run(far: FarEnd, login: Mapping[str, str], switch_off: str) -> Run:
    program = (
        f"{_FIRST}\n{switch_off}\nfrom connector.__main__ import main\nraise SystemExit(main())"
    )
    client = Client(
        [sys.executable, "-c", program, "proxy", far.access["host"]], {**far.environ, **login}
    )
    run = Run(1000 * client.greeted_after, 1000 * client.cpu())
    client.end()
    return run


if __name__ == "__main__":
    main()
