"""Fixtures: certificates, and clients that run against a hostile gateway."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector.emulator.listener import Certificates, make_certificates

from ..forks import CONNECTOR, PEAK_FILE, is_forked, start
from .gateway import HostileGateway, Play

#: Seconds within which a client ends, unless a test makes it wait for a timeout. On a quiet
#: machine it ends within one.
PROMPT = 10.0

#: The greatest memory in KiB that a client takes besides its modules. An idle one takes 5,000.
MEMORY = 32 * 1024


@dataclass
class Verdict:
    """The end of a client."""

    exit_code: int
    stdout: bytes
    stderr: str
    connections: int  # that the client made
    peak_kib: int  # besides its modules; 0 if it was not measured


class Client:
    """``connector attach`` with a gateway, with an open stdin as under ssh."""

    def __init__(self, gateway: HostileGateway, ca_file: Path, directory: Path) -> None:
        self.gateway = gateway
        self._peak_file = directory / f"peak-{gateway.port}"
        words = [*CONNECTOR, "attach"]
        environ = {
            "PATH": os.defpath,
            "HOME": str(directory),
            "AWS_CA_BUNDLE": str(ca_file),
            "CONNECTOR_SESSION": gateway.access(),
            "PYTHONWARNINGS": "default",
            PEAK_FILE: str(self._peak_file),
        }
        self._is_measured = is_forked(words, environ)
        pipe = subprocess.PIPE
        self._popen = start(words, env=environ, stdin=pipe, stdout=pipe, stderr=pipe)

    def verdict(self, timeout: float = PROMPT) -> Verdict:
        """Wait for the end of the client.

        :raises subprocess.TimeoutExpired: if the client runs for longer.
        """
        assert self._popen.stdout is not None
        stdin, self._popen.stdin = self._popen.stdin, None  # communicate() would close it
        assert stdin is not None
        with stdin:
            stdout, stderr = self._popen.communicate(timeout=timeout)
        return Verdict(
            self._popen.returncode,
            stdout,
            stderr.decode(),
            self.gateway.connections,
            int(self._peak_file.read_text()) if self._is_measured else 0,
        )

    def close(self) -> None:
        assert self._popen.stdout is not None
        if not self._popen.stdout.closed:  # the test did not wait for the client
            self._popen.kill()
            self._popen.communicate()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("hostile"))


Attach = Callable[[Play], Client]


@contextmanager
def attaching(certificates: Certificates, directory: Path) -> Iterator[Attach]:
    """Yield a function that starts a client, with a gateway that plays a given part."""
    with ExitStack() as stack:

        def start_client(play: Play) -> Client:
            gateway = stack.enter_context(HostileGateway(certificates.server_context, play))
            client = Client(gateway, certificates.ca_file, directory)
            stack.callback(client.close)
            return client

        yield start_client


@pytest.fixture
def attach(certificates: Certificates, tmp_path: Path) -> Iterator[Attach]:
    with attaching(certificates, tmp_path) as start:
        yield start
