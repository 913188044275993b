"""The matrix: faults by direction and size, over real ssh, scp and rsync."""

from __future__ import annotations

import hashlib
import random
import re
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from connector.emulator.agent.behaviour import REAL, AgentBehaviour
from connector.emulator.faults.plans import (
    At,
    Cut,
    Direction,
    Effect,
    FaultPlan,
    FrameFault,
    How,
    Pause,
    Restart,
    Scope,
    no_acks,
    random_cuts,
    slow_acks,
)

from .cloud import Cloud
from .commands import Ssh
from .sshd import program
from .waiting import eventually

#: Bytes of ssh's handshake and login. The bytes after these are the transfer.
LOGIN = 6_000

#: The real agent without its pace of 1 MB/s.
FAST = replace(REAL, message_interval=0.0002)

MakePlan = Callable[[random.Random, int], FaultPlan]


def _frames(kind: Effect, odds: float, *directions: Direction, seconds: float = 0.05) -> MakePlan:
    faults = tuple(
        FrameFault(kind, direction, odds, scope=Scope.ALL, seconds=seconds)
        for direction in directions or Direction
    )
    return lambda rng, size: FaultPlan(faults, seed=rng.getrandbits(32))


def _cuts(*hows: How, count: int = 3) -> MakePlan:
    return lambda rng, size: random_cuts(rng, count, LOGIN + size, hows=hows)


def _at_once(rng: random.Random, size: int) -> At:
    return At(bytes=rng.randrange(LOGIN, LOGIN + size))


def _storm(rng: random.Random, size: int) -> FaultPlan:
    plan = random_cuts(rng, 3, LOGIN + size)
    for kind in (Effect.DROP, Effect.DUPLICATE, Effect.REORDER):
        plan |= _frames(kind, 0.005)(rng, size)
    return plan | _frames(Effect.CORRUPT, 0.005, Direction.TO_CLIENT)(rng, size)


#: Name -> a function that plans the faults for a transfer of a given size.
FAULTS: dict[str, MakePlan] = {
    "none": lambda rng, size: FaultPlan(),
    "1 % dropped": _frames(Effect.DROP, 0.01),
    "2 % duplicated": _frames(Effect.DUPLICATE, 0.02),
    "2 % overtaken": _frames(Effect.REORDER, 0.02),
    "1 % delayed": _frames(Effect.DELAY, 0.01, seconds=0.02),
    "1 % corrupted": _frames(Effect.CORRUPT, 0.01, Direction.TO_CLIENT),
    "slow acks": lambda rng, size: FaultPlan(
        tuple(slow_acks(direction, 0.3) for direction in Direction)
    ),
    "no acks for 1 s": lambda rng, size: FaultPlan(
        tuple(no_acks(direction, (0.3, 1.3)) for direction in Direction)
    ),
    "paused for 0.5 s": lambda rng, size: FaultPlan((Pause(_at_once(rng, size), 0.5),)),
    "3 resets": _cuts(How.RESET),
    "3 ends of TCP": _cuts(How.FIN),
    "3 close frames": _cuts(How.CLOSE),
    "gateway away for 1 s": lambda rng, size: FaultPlan((Restart(_at_once(rng, size), 1.0),)),
    "storm": _storm,
}

#: As :data:`FAULTS`. The far end is declared dead after 45 s.
SILENCE: MakePlan = lambda rng, size: FaultPlan((Cut(How.SILENCE, _at_once(rng, size)),))  # noqa: E731

PROGRAMS = ("ssh", "scp", "rsync")
DIRECTIONS = ("up", "down")


class Lost(NamedTuple):
    """The links that connectors lost.

    :ivar cuts: by a fault. A dial that fails counts as one more.
    :ivar closes: by the end of the link's lifetime.
    """

    cuts: int
    closes: int


@dataclass(frozen=True)
class Outcome:
    """The result of one transfer; a row of the table adds up several."""

    seconds: float
    lost: Lost
    resent: int
    duplicates: int
    failure: str

    @property
    def whole(self) -> bool:
        return not self.failure


def transfer(
    ssh: Ssh,
    cloud: Cloud,
    plan: FaultPlan,
    name: str,
    direction: str,
    size: int,
    *,
    seed: int = 1,
    agent: AgentBehaviour = FAST,
    **gateway: Any,
) -> Outcome:
    """Transfer ``size`` random bytes by the program ``name``, and check that they arrive whole.

    The far end is on this machine: both sides' files are in the test's directory.

    :param gateway: fields of ``GatewayBehaviour``.
    """
    here, there = (ssh.commands.directory / place for place in ("here", "there"))
    data = random.Random(seed).randbytes(size)
    source, copy = (here, there) if direction == "up" else (there, here)
    source.write_bytes(data)
    eventually(lambda: cloud.gateway.listening, "the gateway's return")
    copy.unlink(missing_ok=True)
    cloud.behave(agent)
    cloud.gateway.behaviour = replace(cloud.gateway.behaviour, faults=plan, **gateway)
    cloud.gateway.fault_log.clear()
    ssh.commands.log_file.unlink(missing_ok=True)
    command = _command(ssh, name, direction, here, there)
    started = time.monotonic()
    # Late acks lift the agent's pause, so it sends to no link, and repairs one message in 0.4 s.
    answer = ssh.commands.run(*command, timeout=120 + size / 15_000)
    seconds = time.monotonic() - started
    arrived = copy.read_bytes() if copy.exists() else b""
    failure = ""
    if answer.returncode or answer.stderr:
        failure = f"exit code {answer.returncode}: {answer.stderr.decode(errors='replace')}"
    elif hashlib.sha256(arrived).digest() != hashlib.sha256(data).digest():
        failure = f"{len(arrived)} of {size} bytes arrived, or other ones"
    ssh.commands.wait_connectors_gone()
    log = log_of(ssh)
    # A connector that failed may have ended before it wrote its counts.
    resent, duplicates = (
        0 if failure else counted(log, x) for x in ("retransmitted", "duplicates")
    )
    return Outcome(seconds, lost_links(log), resent, duplicates, failure)


def lost_links(log: str, connectors: int = 1) -> Lost:
    """Return the links that the connectors of a log lost."""
    closes = len(re.findall(r": no connection: .*\(1000\): Bye", log))
    return Lost(log.count(": dialling ") - connectors - closes, closes)


def log_of(ssh: Ssh) -> str:
    """Return the log of the last transfer's connector."""
    file = ssh.commands.log_file
    return file.read_text() if file.exists() else ""


def _command(ssh: Ssh, name: str, direction: str, here: Path, there: Path) -> list[str]:
    if name == "ssh":
        script = f"cat > {there}" if direction == "up" else f"cat {there}"
        shell = shlex.join([*ssh.command("ssh", ssh.host), script])
        redirection = f"< {here}" if direction == "up" else f"< /dev/null > {here}"
        return ["/bin/sh", "-c", f"{shell} {redirection}"]
    paths = [str(here), f"{ssh.host}:{there}"]
    if direction == "down":
        paths.reverse()
    if name == "scp":
        return ssh.command("scp", "-q", *paths)
    return [program("rsync"), "--whole-file", "-e", shlex.join(ssh.command("ssh")), *paths]


def counted(log: str, what: str) -> int:
    """Return the sum of a count in the lines that connectors log when they end.

    :raises AssertionError: when the log has no such count.
    """
    counts = re.findall(rf"\b{what} ([\d,]+)", log)
    assert counts, f"the log has no count of {what}"
    return sum(int(count.replace(",", "")) for count in counts)
