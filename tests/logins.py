"""``connector login`` as a process that a test answers while it waits."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from connector.emulator.access import Access

from .forks import CONNECTOR, start

_UNWANTED = ("AWS_", "CODECATALYST_", "BEARER_TOKEN_")


def logged_out(access: Access, home: Path) -> dict[str, str]:
    """Return the variables of a terminal without a login, with the emulator as AWS."""
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_UNWANTED) and not name.upper().endswith("_PROXY")
    }
    emulated = dict(access.environment)
    del emulated["AWS_BEARER_TOKEN_CODECATALYST"]
    return {**environ, **emulated, "HOME": str(home), "USERPROFILE": str(home)}


@dataclass
class Login:
    process: subprocess.Popen[str]
    stdout: IO[str]
    stderr: IO[str]

    def url(self, path: str) -> str:
        """Return the address with this path in the output."""
        for line in self.stdout:
            if f"{path}?" in line:
                return line.strip()
        raise AssertionError(f"it shows no address: {self.stderr.read()}")


@contextmanager
def logging_in(environ: Mapping[str, str], *options: str) -> Iterator[Login]:
    """Start a login that ends with the block."""
    with start(
        [*CONNECTOR, "login", *options],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            yield Login(process, process.stdout, process.stderr)
        finally:
            process.kill()
