"""An emulated kind of signed targets, and the programs of one of its users."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from connector.emulator.agent.behaviour import REAL
from connector.emulator.api.errors import ApiError
from connector.emulator.api.world import PlannedTarget, World
from connector.emulator.app import Emulator, EmulatorThread
from connector.emulator.sessions import Session
from connector.targets.model import SSH_SESSION, SessionRequest

from ..account import own_account
from ..manual.listed import is_listed
from ..targets.regional.works import failure_after_tries
from .cloud import Cloud
from .commands import CONNECTOR, Answer, Commands, Process
from .doctor import Diagnosis, diagnosis, lead_ssh
from .terminals import Terminal
from .waiting import eventually

if TYPE_CHECKING:
    from typing_extensions import Self

Result = TypeVar("Result")


class Workshop:
    """The emulator with the targets of one kind.

    :ivar commands: run programs in a home directory of their own, also for ssh.
    :ivar home: the home directory on the machines.
    """

    def __init__(self, directory: Path, kind: str, targets: Sequence[PlannedTarget]) -> None:
        self.home = directory / "remote"
        self.home.mkdir()
        self.kind = kind
        self.emulator = Emulator(
            directory / "certificates",
            kinds=(kind,),
            agent=replace(REAL, first_output_delay=0.0),
            targets=targets,
            home=self.home,
        )
        self.world: World = self.emulator.world
        self.account = self.emulator.account
        self.commands: Commands
        self._thread = EmulatorThread(self.emulator)
        self._directory = directory

    def __enter__(self) -> Self:
        access = self._thread.__enter__()
        self.environ = dict(access.environment)
        self.commands = Commands(cast(Cloud, self), self._directory)
        self.commands.environ |= own_account(Path(self.commands.environ["HOME"]))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.commands.close()
        finally:
            self._thread.__exit__(kind, error, trace)

    def secrets(self) -> list[str]:
        """Return what no program may print, for ``Commands``."""
        opened = self.account.sessions.opened_by_requests()
        return [self.account.user_key.secret, *(each.token_value for each in opened)]

    # The emulator

    def call(self, work: Callable[[], Result]) -> Result:
        return self._thread.call(work)

    def calls(self, operation: str) -> int:
        """Return how often an operation was called."""
        assert self.emulator.server is not None
        return sum(record.is_of(operation) for record in list(self.emulator.server.requests))

    def refuse(
        self, operation: str, code: str, message: str = "No.", status: int = 400, times: int = 1
    ) -> None:
        """Refuse the next requests of an operation."""
        error = ApiError(message, code, status)
        self.call(lambda: self.emulator.misbehaviours.refuse(operation, error, times))

    @property
    def sessions(self) -> list[Session]:
        """All sessions so far."""
        return self.call(self.account.sessions.opened_by_requests)

    def wait_all_ended(self) -> None:
        eventually(
            lambda: all(session.end_reason for session in self.sessions), "the end of all sessions"
        )

    # Programs

    def run(self, *words: str, input: bytes = b"") -> Answer:
        """Run the connector."""
        return self.commands.run(*CONNECTOR, *words, input=input)

    def says(self, *words: str, input: bytes = b"") -> str:
        """Return the output of a connector that succeeds."""
        answer = self.run(*words, input=input)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.decode()

    def fails(self, code: int, *words: str) -> str:
        """Return the last line of a connector that fails, which the manual has to list."""
        answer = self.run(*words)
        line = answer.stderr.decode().splitlines()[-1]
        assert answer.returncode == code, (answer.returncode, line)
        assert is_listed(line.removeprefix("connector: "), code), line
        return line

    def fails_after_tries(self, code: int, name: str, request: SessionRequest = SSH_SESSION) -> str:
        """Return the line of a session that is refused each time, which the manual has to list."""
        error = failure_after_tries(name, self.commands.environ, request)
        assert error.exit_code == code, error
        assert is_listed(str(error), code), error
        return str(error)

    def listed(self) -> list[dict[str, Any]]:
        """Return the objects of the list."""
        found: list[dict[str, Any]] = json.loads(self.says("list", "--kind", self.kind, "--json"))
        return found

    def configure(self) -> None:
        """Write the configuration of ssh."""
        self.says("config-ssh", "--kind", self.kind, "--yes")

    def ssh(self, *words: str, program: str = "ssh", input: bytes = b"") -> Answer:
        """Run ssh or a program that calls it, with that configuration."""
        return self.commands.run(program, "-o", "BatchMode=yes", *words, input=input)

    def at(self, terminal: Terminal, *words: str) -> Process:
        """Start the connector at a terminal."""
        return terminal.start(self.commands, *CONNECTOR, *words)

    def examine(self, *words: str) -> Diagnosis:
        """Run the doctor and return its findings."""
        lead_ssh(Path(self.commands.environ["HOME"]))
        return diagnosis(self.run("doctor", *words, "--json"))
