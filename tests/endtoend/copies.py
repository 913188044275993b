"""``connector cp`` as a user runs it, with the test's own key."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .cloud import Cloud
from .commands import CONNECTOR, Answer, Commands, Process
from .sshd import USER, Sshd

#: Bytes of a file that is copied in ranges, and no multiple of anything.
LARGE = 3_200_017


class Copies:
    """Runs ``connector cp`` to and from the Dev Environment, whose sshd sees the same files.

    :ivar far: the far end's directory.
    """

    def __init__(self, commands: Commands, cloud: Cloud, sshd: Sshd) -> None:
        self.commands = commands
        self.host = cloud.host
        self.here = commands.directory / "here"
        self.far = commands.directory / "far"
        self.here.mkdir()
        self.far.mkdir()
        self.options = [
            word
            for option in (
                f"User={USER}",
                f"IdentityFile={sshd.user_key}",
                "IdentitiesOnly=yes",
                f'UserKnownHostsFile="{sshd.known_hosts}"',
                "GlobalKnownHostsFile=/dev/null",
                f"HostKeyAlias={sshd.alias}",
                "BatchMode=yes",
            )
            for word in ("-o", option)
        ]

    def at(self, path: Path | str) -> str:
        """Return the word for a file of the far end."""
        return f"{self.host}:{self.far / path}"

    def ends(self, way: str) -> tuple[Path, Path]:
        """Return the directories of the source and of the target; ``way`` is "up" or "down"."""
        return (self.here, self.far) if way == "up" else (self.far, self.here)

    def way(self, way: str, source: str, target: str) -> tuple[str, str]:
        """Return the words that copy a file from one directory to the other."""
        if way == "up":
            return str(self.here / source), self.at(target)
        return self.at(source), str(self.here / target)

    def words(self, *words: str | Path) -> list[str]:
        return [*CONNECTOR, "cp", *self.options, *map(str, words)]

    def run(self, *words: str | Path, input: bytes = b"") -> Answer:
        return self.commands.run(*self.words(*words), input=input)

    def start(self, *words: str | Path) -> Process:
        return self.commands.start(*self.words(*words))


def content(size: int, seed: int = 1) -> bytes:
    """Return random bytes."""
    return random.Random(seed).randbytes(size)


def events(output: bytes) -> list[dict[str, Any]]:
    """Return the events of ``--json``."""
    return [json.loads(line) for line in output.splitlines()]


def tree_of(directory: Path) -> dict[bytes, bytes | None]:
    """Return the files below a directory with their contents; None for a directory."""
    root = os.fsencode(directory)
    found: dict[bytes, bytes | None] = {}
    for place, directories, files in os.walk(root, followlinks=False):
        for name in directories:
            found[os.path.relpath(os.path.join(place, name), root)] = None
        for name in files:
            path = os.path.join(place, name)
            if os.path.isfile(path):
                found[os.path.relpath(path, root)] = Path(os.fsdecode(path)).read_bytes()
    return found


def left_over(*directories: Path) -> list[str]:
    """Return the names of unfinished files and journals."""
    return sorted(path.name for each in directories for path in each.rglob(".*.connector-*"))


def make_tree(root: Path, files: Sequence[tuple[str, bytes]]) -> None:
    for name, content in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
