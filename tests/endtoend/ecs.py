"""The user of ECS tasks in a test: the real program against emulated clusters."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from connector.emulator.api.account import HOME_REGION
from connector.emulator.api.ecs.model import Task
from connector.emulator.harness import ConnectorEmulator
from connector.errors import ConnectorError
from connector.targets.model import COMMAND, SessionRequest

from ..account import own_account
from ..forks import CONNECTOR, run
from ..targets.regional.works import failure_after_tries
from .doctor import Diagnosis, diagnosis

#: The service of the first target, and the cluster of all.
CLUSTER = "prod"


class Containers:
    """Emulated clusters with the container ``demo``, and a user with keys in the environment.

    :ivar emulator: whose machine's home directory is where commands begin.
    """

    def __init__(self, emulator: ConnectorEmulator, directory: Path) -> None:
        self.emulator = emulator
        self.home = directory / "user"
        self.home.mkdir()
        self.environ = {
            **emulator.environ,
            **own_account(self.home),
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "AWS_CONFIG_FILE": str(self.home / ".aws/config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.home / ".aws/credentials"),
        }

    @property
    def world(self) -> Any:
        return self.emulator._emulator.worlds["ecs"]

    @property
    def first(self) -> Task:
        return self.task("demo")

    def task(self, alias: str) -> Task:
        found: Task = self.emulator.call(lambda: self.world._tasks[alias])
        return found

    def add(
        self, container: str = "app", service: str = "web", path: Path | str = "", **settings: Any
    ) -> Task:
        """Add a task with one container.

        :param path: the ``PATH`` of its image.
        """
        clusters = self.world.clusters
        found: Task = self.emulator.call(
            lambda: clusters.add_task(
                HOME_REGION, CLUSTER, service, {container: str(path)}, **settings
            )
        )
        return found

    def secrets(self) -> list[str]:
        """Return what no program may print or write."""
        account = self.world.account
        opened = self.emulator.call(account.sessions.opened_by_requests)
        return [account.user_key.secret, *(each.token_value for each in opened)]

    def run(
        self, *words: str | Path, input: bytes = b"", **variables: str
    ) -> subprocess.CompletedProcess[bytes]:
        ran = run(
            [*CONNECTOR, *map(str, words)],
            input=input,
            timeout=90,
            env={**self.environ, **variables},
            cwd=self.home,
        )
        for secret in self.secrets():
            assert secret.encode() not in ran.stdout + ran.stderr
        return ran

    def examine(self, *words: str) -> Diagnosis:
        """Run the doctor and return its findings."""
        return diagnosis(self.run("doctor", *words, "--json"))

    def execute(
        self, name: str, *words: str, input: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        return self.run("exec", name, "--", *words, input=input)

    def says(self, *words: str | Path, input: bytes = b"") -> str:
        answer = self.run(*words, input=input)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.decode()

    def refuses(self, *words: str | Path) -> tuple[int, str]:
        """Return the exit code and the last line of a command that fails."""
        answer = self.run(*words)
        assert answer.returncode, answer.stdout
        return answer.returncode, answer.stderr.decode().strip().splitlines()[-1]

    def failure_after_tries(self, name: str, *words: str) -> ConnectorError:
        """Return why a command is not run whose session is refused each time."""
        return failure_after_tries(name, self.environ, SessionRequest(COMMAND, words))


def words_of(*words: str) -> list[str]:
    """Return the words of the connector as a program."""
    return [*CONNECTOR, *words]
