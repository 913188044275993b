"""``connector demo``: try ssh and scp with an emulated target, and check the results."""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import random
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import ConfigError
from .emulator import (
    check_installed,
    end_like_interrupt,
    proxy_command,
)
from .settings import add_logging_options

if TYPE_CHECKING:
    import paramiko

    from ..emulator.access import Access

DESCRIPTION = """\
Run an emulated target on this machine and connect to it with the real ssh and scp, with
`connector proxy` as the ProxyCommand. The demo runs a command, copies a file in each
direction and compares the digests. It exits with 1 if anything differs. If ssh is not
installed, the demo uses paramiko.
"""

SAMPLE_BYTES = 1_000_000

#: Seconds after which a command of the demo times out.
STEP_TIMEOUT = 60


EPILOG = """\
examples:
  connector demo
  connector demo --shell                    # open an interactive ssh instead
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    parser.add_argument("--shell", action="store_true", help="open an interactive ssh instead")
    add_logging_options(parser)


def run(options: argparse.Namespace) -> int:
    check_installed()
    for name in ("SIGTERM", "SIGHUP"):  # clean up keys and processes
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), end_like_interrupt)
    from ..emulator.app import Emulator, EmulatorThread

    with tempfile.TemporaryDirectory(prefix="connector-demo-") as name:
        directory = Path(name)
        print("Starting an emulated target on this machine …", flush=True)
        with EmulatorThread(Emulator(directory)) as access:
            environ = access.environ(directory)
            if options.shell:
                return _shell(access, directory, environ)
            return _tour(access, directory, environ)


def _shell(access: Access, directory: Path, environ: Mapping[str, str]) -> int:
    if shutil.which("ssh") is None:
        raise ConfigError(
            "--shell needs ssh, which is not installed",
            "Install OpenSSH's client, or run the demo without --shell",
        )
    command = [
        "ssh",
        "-F",
        str(access.write_ssh_config(directory, proxy_command("%n"))),
        access.name,
    ]
    print(f"$ {shlex.join(command)}", flush=True)
    return subprocess.run(command, env=environ, check=False).returncode


def _tour(access: Access, directory: Path, environ: Mapping[str, str]) -> int:
    sample, returned = directory / "sample.bin", directory / "returned.bin"
    remote = directory / "uploaded.bin"  # the emulated target is this machine
    sample.write_bytes(random.Random(SAMPLE_BYTES).randbytes(SAMPLE_BYTES))
    started = time.monotonic()
    tour: Tour
    if shutil.which("ssh") and shutil.which("scp"):
        config = access.write_ssh_config(directory, proxy_command("%n"))
        tour = SshTour(config, access.name, environ)
    else:
        print("ssh is not installed: the demo uses paramiko.", flush=True)
        tour = ParamikoTour(access.name, environ)
    steps: list[Callable[[], bool]] = [
        lambda: tour.run('echo "hello from $(hostname)"; exit 7', 7),
        lambda: tour.put(sample, remote) and _same("uploaded", sample, remote),
        lambda: tour.get(remote, returned) and _same("returned", sample, returned),
    ]
    for number, step in enumerate(steps, 1):
        if not step():
            print(f"\nStep {number} of {len(steps)} failed. The demo ends here.")
            return 1
    print(f"\nAll {len(steps)} steps succeeded, in {time.monotonic() - started:.1f} s.")
    return 0


def _same(what: str, sent: Path, received: Path) -> bool:
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (sent, received)]
    verdict = "correct" if digests[0] == digests[1] else f"WRONG, expected {digests[0]}"
    print(f"  {what}: {received.stat().st_size:,} bytes, sha256 {digests[1][:16]}…: {verdict}")
    return digests[0] == digests[1]


class Tour(Protocol):
    """Three steps of a user. Each prints what it did, and returns whether it succeeded."""

    def run(self, command: str, expected: int) -> bool:
        """Run a remote command, and return whether it ended with this exit status."""

    def put(self, local: Path, remote: Path) -> bool: ...

    def get(self, remote: Path, local: Path) -> bool: ...


class SshTour:
    def __init__(self, config: Path, name: str, environ: Mapping[str, str]) -> None:
        self._config = config
        self._name = name
        self._environ = environ

    def run(self, command: str, expected: int) -> bool:
        return self._step(["ssh", "-F", self._config.name, self._name, command], expected)

    def put(self, local: Path, remote: Path) -> bool:
        return self._copy(local.name, f"{self._name}:{remote}")

    def get(self, remote: Path, local: Path) -> bool:
        return self._copy(f"{self._name}:{remote}", local.name)

    def _copy(self, source: str, destination: str) -> bool:
        return self._step(["scp", "-q", "-F", self._config.name, source, destination])

    def _step(self, command: Sequence[str], expected: int = 0) -> bool:
        print(f"\n$ {shlex.join(command)}", flush=True)
        started = time.monotonic()
        try:
            done = subprocess.run(
                command,
                cwd=self._config.parent,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=STEP_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            print(f"  timed out after {STEP_TIMEOUT} s")
            return False
        for line in done.stdout.splitlines():
            print(f"  {line}")
        print(f"  exit status {done.returncode}, {time.monotonic() - started:.2f} s", flush=True)
        if done.returncode != expected:
            print(f"  WRONG, expected exit status {expected}")
        return done.returncode == expected


class ParamikoTour:
    def __init__(self, name: str, environ: Mapping[str, str]) -> None:
        self._name = name
        os.environ.clear()
        os.environ.update(environ)  # paramiko starts its ProxyCommand with these

    def run(self, command: str, expected: int) -> bool:
        print(f"\nparamiko runs: {command}", flush=True)

        def work(client: paramiko.SSHClient) -> bool:
            _, stdout, _ = client.exec_command(command, timeout=STEP_TIMEOUT)
            print(f"  {stdout.read().decode(errors='replace').strip()}")
            status: int = stdout.channel.recv_exit_status()
            print(f"  exit status {status}")
            return status == expected

        return self._step(work)

    def put(self, local: Path, remote: Path) -> bool:
        return self._copy("put", local, remote)

    def get(self, remote: Path, local: Path) -> bool:
        return self._copy("get", remote, local)

    def _copy(self, way: str, source: Path, destination: Path) -> bool:
        print(f"\nparamiko's sftp: {way} {source.name} {destination.name}", flush=True)

        def work(client: paramiko.SSHClient) -> bool:
            with client.open_sftp() as sftp:
                getattr(sftp, way)(str(source), str(destination))
            return True

        return self._step(work)

    def _step(self, work: Callable[[paramiko.SSHClient], bool]) -> bool:
        import paramiko

        started = time.monotonic()
        try:
            with self._connected() as client:
                good = work(client)
        except (paramiko.SSHException, OSError, EOFError) as error:
            print(f"  failed: {error}", flush=True)
            return False
        print(f"  {time.monotonic() - started:.2f} s", flush=True)
        return good

    def _connected(self) -> paramiko.SSHClient:
        import paramiko

        # paramiko would print tracebacks of errors that the demo prints in one line.
        logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        sock = paramiko.ProxyCommand(shlex.join(proxy_command(self._name)))
        client.connect(self._name, username="mde-user", password="", sock=sock, look_for_keys=False)
        return client
