"""The set-up of each part of a soak: an emulated cloud, an sshd, and a report."""

from __future__ import annotations

import gc
import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from connector.emulator.agent.behaviour import REAL
from connector.emulator.faults.plans import FaultPlan
from tests import forks
from tests.endtoend.cloud import Cloud
from tests.endtoend.commands import Commands, Ssh
from tests.endtoend.library import descriptors
from tests.endtoend.matrix import Lost, Outcome, log_of, transfer
from tests.endtoend.rolekeys import RoleKeys
from tests.endtoend.sshd import Sshd
from tests.endtoend.waiting import eventually

from .processes import descendants
from .sources import Rules, Source, Tally, sources_of


@dataclass
class Soak:
    """One long run and its findings."""

    cloud: Cloud
    sshd: Sshd
    keys: RoleKeys
    directory: Path
    seed: int
    output: Path | None
    lines: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sources = sources_of(self.cloud)
        self.tallies = {source.name: Tally() for source in self.sources}
        self._rng = random.Random(f"{self.seed}/throttling")
        self._entries = 0  # left in ledgers
        forks.run([*forks.CONNECTOR, "--version"])  # starts the server of forks, which stays
        self._descriptors = descriptors()
        self._children = descendants([os.getpid()])

    def say(self, line: str) -> None:
        self.lines.append(line)
        print(line, flush=True)
        self.write([])

    def write(self, more: list[str]) -> None:
        """Update the output, with ``more`` that is not final."""
        if self.output:
            failures = [f"\nFAILED: {failure}" for failure in self.failures]
            text = "\n".join([*self.lines, *more, *failures])
            self.output.write_text(text + "\n")

    def fail(self, what: str) -> None:
        self.failures.append(what)
        print(f"FAILED: {what}", file=sys.stderr, flush=True)

    def reset(self, port: int) -> Rules:
        """Let new sessions lead to a port here, with no faults but the sources' rules."""
        self.cloud.reset()
        self.cloud.port = port
        rules = self.cloud.misbehaviours = Rules(self.cloud, self.sources, self._rng)
        return rules

    def transfer(
        self,
        source: Source,
        commands: Commands,
        plan: FaultPlan,
        program: str,
        direction: str,
        size: int,
        lifetime: float | None = None,
    ) -> Outcome:
        """Transfer bytes to or from the machine of a source, and count what happens.

        :param lifetime: of each link, in seconds; None for links that only the plan cuts.
        """
        cloud, tally = self.cloud, self.tallies[source.name]
        rules = self.reset(self.sshd.port)
        ssh = Ssh(commands, cloud, self.sshd, host=source.host)
        try:
            outcome = transfer(
                *(ssh, cloud, plan, program, direction, size),
                seed=self.seed,
                agent=REAL,
                rejoin=rules.rejoin,
                link_lifetime=lifetime,
            )
            cloud.wait_all_ended()
        except Exception as error:  # noqa: BLE001 - the report shows any exception
            outcome = Outcome(0.0, Lost(0, 0), 0, 0, f"{type(error).__name__}: {error}")
        tally.add(outcome.lost, size, failures=bool(outcome.failure))
        tally.add_resumes(rules, source)
        if outcome.failure:
            cell = f"{source.name}: {program} {direction} {size}, {lifetime}, {plan!r}"
            self.fail(f"{cell}: {outcome.failure}")
            print(log_of(ssh), file=sys.stderr, flush=True)
        return outcome

    def check_leftovers(self) -> None:
        """Say what is left over at the end. Anything is a failure."""
        gc.collect()
        try:
            eventually(lambda: descriptors() <= self._descriptors, "the end of connections")
        except AssertionError as error:
            self.fail(str(error))
        living = self.cloud.living()
        children = set(descendants([os.getpid()])) - set(self._children)
        opened = descriptors() - self._descriptors
        if living or children:
            self.fail(f"left over: sessions {living}, processes {children}")
        self.say(
            f"\nLeft over at the end: {len(living)} sessions, {len(children)} processes, "
            f"{self._entries} entries of the ledger, {max(0, opened)} descriptors."
        )

    @contextmanager
    def commands(self, name: str) -> Iterator[Commands]:
        """Give each part its own home. A process or file that a part leaves behind is a failure."""
        directory = self.directory / name
        directory.mkdir()
        commands = Commands(self.cloud, directory)
        # The connector of this tree, whatever is on the PATH.
        commands.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
        self.keys.configure(commands)
        try:
            yield commands
            ledger = Path(commands.environ["HOME"]) / ".cache/devenv-connector/sessions"
            left = [path.read_text() for path in ledger.iterdir()]
            self._entries += len(left)
            if left:
                self.fail(f"{name}: entries are left in the ledger: {left}")
        finally:
            commands.close()

    def attempt(self, what: str, work: Callable[[], None]) -> None:
        """Count an exception of a part as a failure, and go on with the soak."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the report shows any exception
            self.fail(f"{what}: {type(error).__name__}: {error}")


def yes(equal: bool) -> str:
    return "yes" if equal else "**no**"
