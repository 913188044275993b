"""Figures of reliability: the long matrix. ``make soak``, or ``python -m benchmarks.soak``.

It runs real programs and connectors, an sshd, and an emulated gateway that injects faults by a
seeded plan, to sessions of every kind of target that has a service. It needs the programs of the
tests, and prints Markdown. It exits with 1 if a byte was lost, a session failed, or a process or
file was left behind.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import random
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from tests.endtoend.cloud import Cloud
from tests.endtoend.rolekeys import RoleKeys
from tests.endtoend.sshd import Sshd

from .crowd import crowd
from .grid import matrix
from .outages import cuts
from .sources import KEY_LIFE, KINDS, LIFETIMES, THROTTLED, KeyRing
from .stage import Soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="at least so long (30)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--output", type=Path, help="also write the Markdown to this file")
    options = parser.parse_args()
    deadline = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory(prefix="connector-soak-") as name:
        directory = Path(name)
        for part in ("cloud", "sshd"):
            (directory / part).mkdir()
        sshd = Sshd(directory / "sshd")
        cloud = Cloud(directory / "cloud", KINDS)
        keys = RoleKeys(cloud, directory / "keys.json")
        soak = Soak(cloud, sshd, keys, directory, options.seed, options.output)
        soak.say(f"# Soak of {datetime.date.today()}\n")
        soak.say(
            f"Seed {options.seed}; at least {options.minutes:g} minutes; Python "
            f"{platform.python_version()}, {platform.system()}, {os.cpu_count()} CPUs, "
            "emulator and programs all on this machine."
        )
        try:
            with KeyRing(keys) as ring:
                soak.attempt("the crowd", partial(crowd, soak))
                cuts(soak)
                matrix(soak, deadline)
            soak.say(_conditions(ring))
            soak.check_leftovers()
        finally:
            cloud.close()
            sshd.close()
    soak.write([])
    return 1 if soak.failures else 0


def _conditions(ring: KeyRing) -> str:
    lifetimes = " or ".join(f"{each:g} s" for each in LIFETIMES if each)
    return (
        f"\nAn hourly close comes after {lifetimes} here. All sessions but those of the Dev "
        "Environment are signed with temporary keys of a `credential_process`, which end after "
        f"{KEY_LIFE:g} s: {ring.given} pairs, of which every other one ends without notice. The "
        f"service throttles {THROTTLED:.0%} of the calls of ssm:ResumeSession. The gateway checks "
        "every signature, and wants a fresh token or a fresh URL for each link of a session that "
        "the caller may resume. Elsewhere the token of the start opens every link."
    )


if __name__ == "__main__":
    sys.exit(main())
