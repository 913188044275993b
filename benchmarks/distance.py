"""The time of a connection far from the service, and the time that dialling ahead saves."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from .report import Of, Row, at_most
from .stand import Stand, python, serving

ROUND_TRIP = 0.08  # seconds; Europe to us-west-2 is twice that
RUNS = 11


def measure(stand: Stand) -> list[Row]:
    memory = Path(stand.environ["HOME"], ".cache/devenv-connector/gateways.json")
    ahead: list[float] = []
    cold: list[float] = []
    with (
        stand.far_end() as far,
        serving([*python("benchmarks.delayer"), str(ROUND_TRIP / 2)]) as (_, port),
    ):
        proxy = f"http://127.0.0.1:{int(port)}"
        connect = far.connector({"HTTPS_PROXY": proxy, "NO_PROXY": "", "no_proxy": ""})
        for _ in range(RUNS):
            memory.unlink(missing_ok=True)
            for times in (cold, ahead):  # the first connection notes the gateway for the second
                client = connect()
                times.append(client.greeted_after * 1000)
                client.end()
    return [
        Row(
            f"start over round trips of {ROUND_TRIP * 1000:.0f} ms, the gateway dialled ahead",
            *(median(ahead), "ms", median(cold), "not dialled ahead"),
            limits=(at_most(-100, Of.EXCESS),),
        )
    ]
