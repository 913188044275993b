"""``connector exec`` in a test, with commands of each kind."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from connector.emulator.agent.behaviour import ExecuteAs

from .cloud import AGENT, Cloud
from .commands import CONNECTOR, Answer, Commands

INTERACTIVE, JOINED, SEPARATE = ExecuteAs.INTERACTIVE, ExecuteAs.JOINED, ExecuteAs.SEPARATE

KINDS = pytest.mark.parametrize("kind", ExecuteAs, ids=lambda kind: kind.name)

#: All bytes, and sequences that the agent's UTF-8 decoding damages.
BINARY = random.Random(5).randbytes(300_000) + bytes(range(256)) + b"\xef\xbf\xbd\xef\xbf"


class Exec:
    """Runs ``connector exec`` with commands of one kind."""

    def __init__(self, commands: Commands, cloud: Cloud) -> None:
        self.commands = commands
        self.cloud = cloud

    def words(self, *command: str) -> list[str]:
        return [*CONNECTOR, "exec", self.cloud.host, "--", *command]

    def run(self, kind: ExecuteAs, *command: str, input: bytes = b"") -> Answer:
        self.cloud.behave(replace(AGENT, execute_as=kind, message_interval=0.0))
        return self.commands.run(*self.words(*command), input=input)


def given(answer: Answer) -> tuple[int, bytes, bytes]:
    return answer.returncode, answer.stdout, answer.stderr
