"""OpenSSH's clients, connected to the embedded server."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector.emulator.machine.sshserver import SshServer

HOST = "embedded"

#: For tests of OpenSSH's clients.
needs_clients = pytest.mark.skipif(shutil.which("ssh") is None, reason="needs OpenSSH's clients")


class Dispenser:
    """Hand a new connection to the server to every client of a UNIX socket."""

    def __init__(self, server: SshServer, path: Path) -> None:
        self._server = server
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with (
                contextlib.suppress(ConnectionRefusedError),
                peer,
                asyncio.run(self._server.connect()) as connection,
            ):
                socket.send_fds(peer, [b"\0"], [connection.fileno()])

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


@dataclass
class OpenSsh:
    """OpenSSH's clients with a configuration that reaches only the embedded server."""

    config: Path
    home: Path
    server: SshServer

    def run(
        self, *arguments: str, program: str = "ssh", data: bytes = b"", timeout: float = 20
    ) -> subprocess.CompletedProcess[bytes]:
        command = [program, "-F", str(self.config), *arguments]
        return subprocess.run(command, input=data, capture_output=True, timeout=timeout)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        command = ["ssh", "-F", str(self.config), *arguments]
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0)
