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
from connector.emulator.app import Emulator
from connector.emulator.gateway.relay import RelayBehaviour


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.farend", description=__doc__)
    parser.add_argument("directory", type=Path, help="for the certificates")
    parser.add_argument("port", type=int, help="of the TCP service that sessions lead to")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds, one way")
    parser.add_argument("--paced", action="store_true", help="with all the agent's habits")
    parser.add_argument("--agent", type=json.loads, default={}, help="more of its habits, JSON")
    asyncio.run(_serve(parser.parse_args()))


async def _serve(options: argparse.Namespace) -> None:
    agent = replace(REAL if options.paced else CLEAN, **options.agent)
    relay = RelayBehaviour(latency_to_agent=options.delay, latency_to_client=options.delay)
    emulator = Emulator(options.directory, port=options.port, agent=agent, relay=relay)
    async with emulator as access:
        print(json.dumps(as_document(access)), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    main()
