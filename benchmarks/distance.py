"""The time of a connection far from the service, its round trips, and what dialling ahead saves."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from .report import Of, Row, at_most
from .stand import FarEnd, Stand, Start, python, serving

ROUND_TRIP = 0.08  # seconds; Europe to us-west-2 is twice that
RUNS = 11

#: The round trips that none of the protocols lets a client leave out: TCP, TLS 1.3 and the request
#: of the API; then the upgrade, the token and the handshake of the data channel. The gateway's TCP
#: and TLS take place meanwhile.
LEAST = 6


def measure(stand: Stand) -> list[Row]:
    memory = Path(stand.environ["HOME"], ".cache/devenv-connector/gateways.json")
    ahead: list[float] = []
    cold: list[float] = []
    near: list[float] = []
    with (
        stand.far_end() as far,
        serving([*python("benchmarks.delayer"), str(ROUND_TRIP / 2)]) as (_, port),
        serving([*python("benchmarks.delayer"), "0"]) as (_, near_port),
    ):
        connect, connect_near = _through(far, port), _through(far, near_port)
        for _ in range(RUNS):
            memory.unlink(missing_ok=True)
            # The first connection notes the gateway for the others.
            for start, times in ((connect, cold), (connect, ahead), (connect_near, near)):
                client = start()
                times.append(client.greeted_after * 1000)
                client.end()
    trips = (median(ahead) - median(near)) / 1000 / ROUND_TRIP
    return [
        Row(
            f"start over round trips of {ROUND_TRIP * 1000:.0f} ms, the gateway dialled ahead",
            *(median(ahead), "ms", median(cold), "not dialled ahead"),
            limits=(at_most(-100, Of.EXCESS),),
        ),
        Row(
            *("round trips until the greeting", trips, "RTT", LEAST, "the least"),
            limits=(at_most(0.2, Of.EXCESS),),
            note="from the difference to a start without delay",
        ),
    ]


def _through(far: FarEnd, port: bytes) -> Start:
    """Return a function that starts the connector through the delayer at this port."""
    proxy = f"http://127.0.0.1:{int(port)}"
    return far.connector({"HTTPS_PROXY": proxy, "NO_PROXY": "", "no_proxy": ""})
