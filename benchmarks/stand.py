"""The processes that the benchmarks measure: targets, far ends and clients."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from connector.datachannel.channel import DEFAULT_MAX_IN_FLIGHT
from connector.datachannel.messages import HEADER

from .client import Client
from .store import VARIABLES, Store, make_store
from .target import GREETING

Start = Callable[[], Client]
Result = TypeVar("Result")

MEGABYTE = 1_000_000

#: The emulated agent's messages of 1 KiB in flight: about as many bytes as ours. An agent without a
#: window would fill all buffers, and the figures would measure these.
AGENT_WINDOW = DEFAULT_MAX_IN_FLIGHT // (1024 + HEADER.size)


@dataclass(frozen=True)
class FarEnd:
    """An emulated service.

    :ivar environ: the variables of its clients, which trust the system's whole store.
    :ivar store: that store, with the service's CA.
    """

    pid: int
    access: Mapping[str, Any]
    environ: Mapping[str, str]
    store: Store

    def connector(
        self,
        variables: Mapping[str, str] | None = None,
        *,
        host: str = "",
        greeting: bytes = GREETING,
        directory: str | None = None,
    ) -> Start:
        """Return a function that starts ``connector proxy`` to here, with these variables too.

        :param host: another target than the Dev Environment.
        """
        command = [sys.executable, "-m", "connector", "proxy", host or self.access["host"]]
        environ = {**self.environ, **(variables or {})}
        return lambda: Client(command, environ, greeting, directory)

    def program(self, module: str, *arguments: str, **variables: str) -> Start:
        """Return a function that starts another ProxyCommand of this package to this far end."""
        return lambda: Client([*python(module), *arguments], {**self.environ, **variables})


@dataclass
class Stand:
    """The set-up of one run of the benchmarks.

    :ivar runs: how often a transfer is measured. Its figures are medians.
    :ivar port: the port of the target that greets; ``silent_port``: of the one that does not.
    :ivar environ: the clients' variables: their own home, and modules compiled as pip leaves them.
    :ivar details: the results of the groups besides figures.
    """

    runs: int
    port: int
    silent_port: int
    environ: Mapping[str, str]
    details: dict[str, Any] = field(default_factory=dict)

    def relay(self) -> Client:
        """Start the plain TCP relay to the target."""
        return Client([*python("benchmarks.relay"), str(self.port)], self.environ)

    def repeat(self, *works: Callable[[], Result]) -> list[list[Result]]:
        """Return the results of each work.

        They take turns, so all meet the same state of the machine.
        """
        rounds = [[work() for work in works] for _ in range(self.runs)]
        return [list(results) for results in zip(*rounds, strict=True)]

    @contextmanager
    def far_end(
        self,
        port: int | None = None,
        *,
        delay: float = 0.0,
        paced: bool = False,
        fleet: int = 0,
        **agent: Any,
    ) -> Iterator[FarEnd]:
        """Start an emulated Dev Environment in its own process.

        :param port: the target of its sessions.
        :param delay: seconds to the agent, one way.
        :param paced: whether the agent has the real agent's pauses and faults.
        :param fleet: the number of EC2 instances in each of some Regions; 0: there is no EC2.
        :param agent: further behaviour, see ``AgentBehaviour``.
        """
        with tempfile.TemporaryDirectory(prefix="connector-bench-") as directory:
            options = ["--delay", str(delay), "--agent", json.dumps(agent), "--fleet", str(fleet)]
            words = [directory, str(port or self.port), *options, *(["--paced"] if paced else [])]
            with serving([*python("benchmarks.farend"), *words]) as (process, line):
                access = json.loads(line)
                environ = {**self.environ, **access["environment"]}
                store = make_store(Path(directory), Path(environ.pop("AWS_CA_BUNDLE")))
                environ.update(store.system)
                yield FarEnd(process.pid, access, environ, store)


@contextmanager
def stand(runs: int) -> Iterator[Stand]:
    unwanted = ("PYTHONDONTWRITEBYTECODE", "XDG_CACHE_HOME", *VARIABLES)
    environ = {name: value for name, value in os.environ.items() if name not in unwanted}
    with (
        tempfile.TemporaryDirectory(prefix="connector-bench-") as home,
        serving(python("benchmarks.target")) as (_, line),
    ):
        port, silent_port = map(int, line.split())
        yield Stand(runs, port, silent_port, {**environ, "HOME": home})


def python(module: str) -> list[str]:
    """Return the words that run a module with this interpreter."""
    return [sys.executable, "-m", module]


@contextmanager
def serving(command: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], bytes]]:
    """Start a process that prints one line when it is ready, and ends with its stdin."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a pipe is missing")
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(command[:3])} did not start")
        yield process, line
    finally:
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
