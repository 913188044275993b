"""200 random cuts in 50 MB, each way: by a tunnel that resumes, and by scp."""

from __future__ import annotations

import hashlib
import random
import time
from dataclasses import replace
from functools import partial

from connector.emulator.agent.behaviour import REAL
from connector.emulator.faults.plans import Direction, FaultPlan, random_cuts
from connector.emulator.gateway.gateway import Rejoin
from tests.endtoend.commands import Ssh
from tests.endtoend.matrix import DIRECTIONS, transfer
from tests.endtoend.resuming import ResumingSource, TunnelThread, make_ssm_client
from tests.endtoend.targets import GREETING, TcpService

from .digests import content, serve
from .stage import Soak, yes

CUTS, CUT_BYTES = 200, 50_000_000


def cuts(soak: Soak) -> None:
    soak.say(f"\n## {CUTS} random cuts in {CUT_BYTES / 1e6:.0f} MB\n")
    soak.say("| by | direction | bytes | cuts | sent again | seconds | digests equal |")
    soak.say("|---|---|---|---|---|---|---|")
    for direction in DIRECTIONS:
        rng = random.Random(f"{soak.seed}/cuts/{direction}")
        plan = random_cuts(rng, CUTS, CUT_BYTES, _wire(direction))
        soak.attempt(f"cuts with resume, {direction}", partial(_resumed, soak, plan, direction))
    for direction in DIRECTIONS:
        rng = random.Random(f"{soak.seed}/scp/{direction}")
        plan = random_cuts(rng, CUTS, CUT_BYTES, _wire(direction))
        soak.attempt(f"cuts of scp, {direction}", partial(_copied, soak, plan, direction))


def _resumed(soak: Soak, plan: FaultPlan, direction: str) -> None:
    """Run one tunnel in this process. ssm:ResumeSession gives a fresh token for each link."""
    cloud = soak.cloud
    source = ResumingSource(cloud, make_ssm_client(cloud))
    data = content(CUT_BYTES, soak.seed)
    with TcpService(serve) as service:
        cloud.reset()
        cloud.port = service.port
        cloud.behave(REAL)
        cloud.gateway.behaviour = replace(
            cloud.gateway.behaviour, faults=plan, rejoin=Rejoin.FRESH_TOKEN
        )
        started = time.monotonic()
        with TunnelThread(source, cloud.ca_file) as tunnel:
            tunnel.reader.until(GREETING)
            if direction == "up":
                tunnel.send_in_background(f"up {CUT_BYTES}\n".encode() + data)
                equal = tunnel.reader.line(1200) == hashlib.sha256(data).hexdigest()
            else:
                tunnel.send(f"down {CUT_BYTES} {soak.seed}\n".encode())
                equal = tunnel.reader.exactly(CUT_BYTES, 1200) == data
            seconds = time.monotonic() - started
            tunnel.end_input()
            tunnel.wait()
        cloud.wait_all_ended()
    _cut_row(soak, "a tunnel, ResumeSession", direction, source.resumed, "", seconds, equal)


def _copied(soak: Soak, plan: FaultPlan, direction: str) -> None:
    """Run scp. The token of the start opens every link."""
    soak.cloud.reset()
    soak.cloud.port = soak.sshd.port
    with soak.commands(f"scp-{direction}") as commands:
        ssh = Ssh(commands, soak.cloud, soak.sshd)
        outcome = transfer(
            ssh, soak.cloud, plan, "scp", direction, CUT_BYTES, seed=soak.seed, agent=REAL
        )
        soak.cloud.wait_all_ended()
    resent = str(outcome.resent + outcome.duplicates)
    if outcome.failure:
        soak.fail(f"scp {direction} over cuts: {outcome.failure}")
    _cut_row(soak, "scp", direction, outcome.cuts, resent, outcome.seconds, outcome.whole)


def _cut_row(
    soak: Soak, by: str, direction: str, cuts: int, resent: str, seconds: float, equal: bool
) -> None:
    soak.say(
        f"| {by} | {direction} | {CUT_BYTES} | {cuts} | {resent} | {seconds:.0f} | {yes(equal)} |"
    )
    if not equal:
        soak.fail(f"{by}, {direction}: another digest")


def _wire(direction: str) -> Direction:
    return Direction.TO_AGENT if direction == "up" else Direction.TO_CLIENT
