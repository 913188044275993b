"""Links that break, and services that know whether anything was lost by it."""

from __future__ import annotations

import hashlib
import random
import socket
from dataclasses import replace

from connector.emulator.agent.behaviour import AgentBehaviour
from connector.emulator.faults.plans import Direction, Fault, FaultPlan
from connector.emulator.gateway.gateway import Rejoin

from .cloud import Cloud
from .matrix import FAST
from .targets import GREETING, receive_exactly

SIZE = 300_000
DATA = random.Random(3).randbytes(SIZE)
DIGEST = hashlib.sha256(DATA).hexdigest().encode() + b"\n"
TO_AGENT, TO_CLIENT = Direction.TO_AGENT, Direction.TO_CLIENT


def judge(client: socket.socket) -> None:
    """Greets, tells the digest of what it is sent, and waits for the end."""
    client.sendall(GREETING)
    data = receive_exactly(client, SIZE)
    client.sendall(hashlib.sha256(data).hexdigest().encode() + b"\n")
    receive_exactly(client, 1)


def give(client: socket.socket) -> None:
    """Greets, sends the data, and waits for the end."""
    client.sendall(GREETING + DATA)
    receive_exactly(client, 1)


def trouble(
    cloud: Cloud,
    *faults: Fault,
    rejoin: Rejoin = Rejoin.SAME_TOKEN,
    agent: AgentBehaviour = FAST,
) -> None:
    """What sessions that are opened from now on are in for."""
    cloud.behave(agent)
    cloud.gateway.fault_log.clear()
    behaviour = cloud.gateway.behaviour
    cloud.gateway.behaviour = replace(behaviour, faults=FaultPlan(faults), rejoin=rejoin)


def come_back(cloud: Cloud) -> None:
    """Have the gateway listen again before its time."""
    cloud.run(cloud.gateway.stop())
    cloud.run(cloud.gateway.start())
