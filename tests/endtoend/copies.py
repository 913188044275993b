"""``connector cp`` as a user runs it, with the test's own key."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from connector.cli.main import main

from ..inprocess import kept_logging, kept_signals
from .cloud import Cloud
from .commands import CONNECTOR, Answer, Commands, Process
from .sshd import USER, Sshd

#: Bytes of a file that is copied in ranges by two connections, and no multiple of anything.
LARGE = 2_200_017


class Ends:
    """Two directories to copy between: one of this machine, and one that the target sees.

    :ivar far: the far end's directory.
    """

    def __init__(self, commands: Commands, cloud: Cloud) -> None:
        self.commands = commands
        self.host = cloud.host
        self.here = commands.directory / "here"
        self.far = commands.directory / "far"
        self.here.mkdir()
        self.far.mkdir()

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


class Copies(Ends):
    """Runs ``connector cp`` to and from the Dev Environment, whose sshd sees the same files."""

    def __init__(self, commands: Commands, cloud: Cloud, sshd: Sshd) -> None:
        super().__init__(commands, cloud)
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

    def words(self, *words: str | Path) -> list[str]:
        return [*CONNECTOR, "cp", *self.options, *map(str, words)]

    def run(self, *words: str | Path, input: bytes = b"") -> Answer:
        return self.commands.run(*self.words(*words), input=input)

    def start(self, *words: str | Path) -> Process:
        return self.commands.start(*self.words(*words))


#: An ssh that leads to this machine itself: to its sftp-server, or to a command. It makes no
#: connection, so no session is started for it, and it takes no descriptor from a ProxyCommand.
_LOCAL_SSH = """\
#!/bin/sh
for last; do :; done
case " $* " in
    *" -s sftp ") exec /usr/lib/openssh/sftp-server ;;
    *ProxyCommand=false*) exec sh -c "$last" ;;
esac
exit 255
"""


class LocalCopies(Ends):
    """Runs ``connector cp`` in this process, to the real sftp-server but over no connection.

    It is for what a copy does with files. What differs is the work of `connector/copy/links.py`.
    """

    def __init__(
        self, commands: Commands, cloud: Cloud, captured: pytest.CaptureFixture[bytes]
    ) -> None:
        super().__init__(commands, cloud)
        self._captured = captured
        programs = commands.directory / "bin"
        programs.mkdir()
        (programs / "ssh").write_text(_LOCAL_SSH)
        (programs / "ssh").chmod(0o755)
        path = f"{programs}{os.pathsep}{commands.environ['PATH']}"
        self._environ = {**commands.environ, "PATH": path}

    def run(self, *words: str | Path) -> Answer:
        arguments = ["cp", *map(str, words)]
        environ = dict(self._environ)
        del environ["CONNECTOR_LOG_FILE"]  # this process has its own logging
        self._captured.readouterr()
        with patch.dict(os.environ, environ, clear=True), kept_logging(), kept_signals():
            exit_code = main(arguments)
        return Answer(arguments, exit_code, *self._captured.readouterr())

    def start(self, *words: str | Path, before: Sequence[str] = ()) -> Process:
        """Run it as a process, whose stdin and stdout the test holds.

        :param before: words that stand before the command.
        """
        command = (*before, *CONNECTOR, "cp", *map(str, words))
        return self.commands.start(*command, environ=self._environ)

    def pipe(self, *words: str | Path, input: bytes = b"") -> Answer:
        """Run it as a process with this stdin."""
        arguments = (*CONNECTOR, "cp", *map(str, words))
        return self.commands.run(*arguments, input=input, environ=self._environ)


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
