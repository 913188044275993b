"""The emulator in its own process, with switches that ``connector emulator`` lacks.

It prints one line of JSON when it is reachable, and serves until its stdin ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

from connector.cli.emulator import as_document
from connector.emulator.agent.behaviour import CLEAN, REAL
from connector.emulator.api.account import HOME_REGION
from connector.emulator.api.ec2.model import ConnectEndpoint
from connector.emulator.api.ec2.world import Ec2World
from connector.emulator.app import Emulator
from connector.emulator.gateway.relay import RelayBehaviour

#: The Regions of a fleet.
REGIONS = ("us-west-2", "eu-west-1", "us-east-1")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.farend", description=__doc__)
    parser.add_argument("directory", type=Path, help="for the certificates")
    parser.add_argument("port", type=int, help="of the TCP service that sessions lead to")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds, one way")
    parser.add_argument("--paced", action="store_true", help="with all the agent's habits")
    parser.add_argument("--fleet", type=int, default=0, help="EC2 instances in each Region")
    parser.add_argument("--agent", type=json.loads, default={}, help="more of its habits, JSON")
    asyncio.run(_serve(parser.parse_args()))


async def _serve(options: argparse.Namespace) -> None:
    agent = replace(REAL if options.paced else CLEAN, **options.agent)
    relay = RelayBehaviour(latency_to_agent=options.delay, latency_to_client=options.delay)
    kinds = ("codecatalyst", "ec2") if options.fleet else ("codecatalyst",)
    emulator = Emulator(options.directory, port=options.port, agent=agent, relay=relay, kinds=kinds)
    async with emulator as access:
        fleet = _fleet(emulator, options.fleet) if options.fleet else None
        print(json.dumps({**as_document(access), "fleet": fleet}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


def _fleet(emulator: Emulator, number: int) -> dict[str, str]:
    """Add instances and an Instance Connect Endpoint to the account.

    Return an instance that runs, and a role of the SSO login.
    """
    world = emulator.worlds["ec2"]
    assert isinstance(world, Ec2World)
    for region in REGIONS:
        for index in range(number):
            world.model.add_instance(region, f"machine-{index}")
    world.model.connect_endpoints.append(ConnectEndpoint("eice-0a1b2c3d4e5f60718", HOME_REGION))
    role = emulator.account.add_role("Reader")
    account = role.arn.split(":")[4]
    return {
        "host": world.targets[0].host,
        "role": role.name,
        "arn": role.arn,
        "account": account,
    }


if __name__ == "__main__":
    main()
