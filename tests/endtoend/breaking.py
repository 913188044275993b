"""Links that break, and TCP services that show whether any byte was lost."""

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


def send_digest(client: socket.socket) -> None:
    """Greet, read the data, send its digest, and wait for the end."""
    client.sendall(GREETING)
    data = receive_exactly(client, SIZE)
    client.sendall(hashlib.sha256(data).hexdigest().encode() + b"\n")
    receive_exactly(client, 1)


def send_data(client: socket.socket) -> None:
    """Greet, send the data, and wait for the end."""
    client.sendall(GREETING + DATA)
    receive_exactly(client, 1)


def inject_faults(
    cloud: Cloud,
    *faults: Fault,
    rejoin: Rejoin = Rejoin.SAME_TOKEN,
    agent: AgentBehaviour = FAST,
) -> None:
    """Give the sessions that are opened from now on these faults."""
    cloud.behave(agent)
    cloud.gateway.fault_log.clear()
    behaviour = cloud.gateway.behaviour
    cloud.gateway.behaviour = replace(behaviour, faults=FaultPlan(faults), rejoin=rejoin)


def restart_gateway(cloud: Cloud) -> None:
    """Let the gateway listen again before its outage is over."""
    cloud.run(cloud.gateway.stop())
    cloud.run(cloud.gateway.start())
