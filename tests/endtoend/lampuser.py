"""A user of lamps, a kind of target that lives in the tests, with the real program."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..account import own_account
from ..targets.regional.works import Lampworks
from .commands import Answer, Commands, Process
from .doctor import Diagnosis, diagnosis, lead_ssh
from .ownprogram import own_program, with_kinds
from .targets import GREETING

#: What adds lamps to the registry. The program sweeps 0.2 s after its stream has opened, not 2 s,
#: and tells at once that it waits for a program.
LINES = (
    *with_kinds("tests.targets.regional.lamp"),
    "from connector.transport import tunnel",
    "tunnel.TIDY_DELAY = 0.2",
    "from connector.aws.keys import programwait",
    "programwait.PATIENCE = 0.0",
    "from connector import programs",
    "programs.PULSE = 0.1",
)


class LampUser:
    """Runs the connector that knows lamps, with keys of the account in the environment."""

    def __init__(self, commands: Commands, directory: Path) -> None:
        self.commands = commands
        self.path = str(own_program(directory / "bin", *LINES) / "connector")
        self.program = (sys.executable, self.path)
        self.home = Path(commands.environ["HOME"])
        environ = commands.environ
        environ |= own_account(self.home)
        environ["PATH"] = f"{directory / 'bin'}{os.pathsep}{environ['PATH']}"

    def reaches(self, works: Lampworks) -> None:
        self.commands.environ |= works.environ

    def run(self, *words: str, input: bytes = b"") -> Answer:
        return self.commands.run(*self.program, *words, input=input)

    def examine(self, name: str) -> Diagnosis:
        """Run the doctor and return its findings."""
        lead_ssh(self.home)
        return diagnosis(self.run("doctor", name, "--json"))

    def says(self, *words: str, input: bytes = b"") -> str:
        answer = self.run(*words, input=input)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.decode()

    def proxy(self, name: str, *words: str) -> Process:
        process = self.commands.start(*self.program, "proxy", name, *words)
        process.reader.until(GREETING)
        return process

    def ledger(self) -> list[Path]:
        directory = self.home / ".cache/devenv-connector/sessions"
        paths = list(directory.iterdir()) if directory.exists() else []
        return [path for path in paths if path.stat().st_size]
