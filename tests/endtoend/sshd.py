"""A real sshd on a port of loopback, run by the account that runs the tests."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .waiting import PATIENCE, alive, eventually, free_port

if TYPE_CHECKING:
    import paramiko

#: All tests connect from one address, many at once, and some disconnect during the login.
_LIMITS = ("MaxStartups 1000", "MaxSessions 100", "LoginGraceTime 60")
_LIMITS_OF_NEWER_ONES = ("PerSourceMaxStartups none", "PerSourcePenalties no")

USER = getpass.getuser()


def program(name: str) -> str:
    """Return the path of a program, or skip the test if the program is not installed."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"the program {name} is not installed")
    return path


class Sshd:
    """The server, its host key and the only key that may log in.

    :param directory: the place for all its files.
    """

    def __init__(self, directory: Path) -> None:
        self.user_key = directory / "user_key"
        self.known_hosts = directory / "known_hosts"
        self.alias = "the-dev-environment"
        self._log = directory / "sshd.log"
        self._config = directory / "sshd_config"
        host_key = directory / "host_key"
        keygen = program("ssh-keygen")
        for key in (host_key, self.user_key):
            subprocess.run(
                [keygen, "-q", "-t", "ed25519", "-N", "", "-C", key.name, "-f", str(key)],
                check=True,
                timeout=PATIENCE,
            )
        public = host_key.with_suffix(".pub").read_text()
        self.known_hosts.write_text(f"{self.alias} {public}")
        authorized = directory / "authorized_keys"
        authorized.write_text(self.user_key.with_suffix(".pub").read_text())
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # required when sshd runs as root
        self._program = program("sshd")
        self.port = free_port()
        self._configure(
            f"ListenAddress 127.0.0.1:{self.port}",
            f"HostKey {host_key}",
            f"AuthorizedKeysFile {authorized}",
            "PidFile none",
            "StrictModes no",  # other users may write to the parents of temporary directories
            "UsePAM no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin yes",
            "AcceptEnv GREETING",
            "PrintMotd no",
            "PrintLastLog no",
            "Subsystem sftp internal-sftp",
            # The newest exchange of keys costs seven times the CPU of this one.
            "KexAlgorithms curve25519-sha256,curve25519-sha256@libssh.org",
            # Debian's bash reads ~/.bashrc for ssh, but not inside another shell: the tests depend
            # on nothing in the home, and some of these files take 0.1 s.
            "SetEnv SHLVL=1",
        )
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                # -r: sshd does not start itself anew for each login, which takes a fifth less CPU
                # time. sshd 9.8 and newer ignore it.
                [self._program, "-r", "-D", "-e", "-f", str(self._config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            eventually(self._greets, "sshd's greeting")
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def let_in(
        self, client: paramiko.SSHClient, stream: socket.socket | paramiko.ProxyCommand
    ) -> None:
        """Log in over a stream that leads here."""
        client.load_host_keys(str(self.known_hosts))
        client.connect(
            self.alias,
            username=USER,
            sock=stream,
            key_filename=str(self.user_key),
            look_for_keys=False,
            allow_agent=False,
            timeout=PATIENCE,
        )

    def close(self) -> None:
        """End the server. Its sessions end with their connections."""
        self._process.terminate()
        self._process.wait(PATIENCE)

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def _configure(self, *lines: str) -> None:
        for limits in (_LIMITS + _LIMITS_OF_NEWER_ONES, (*_LIMITS, _LIMITS_OF_NEWER_ONES[0])):
            self._config.write_text("\n".join((*lines, *limits, "")))
            test = [self._program, "-t", "-f", str(self._config)]
            answer = subprocess.run(test, capture_output=True, text=True, timeout=PATIENCE)
            if answer.returncode == 0:
                return
        raise AssertionError(f"sshd does not take its configuration: {answer.stderr}")

    def _greets(self) -> bool:
        assert self._process.poll() is None, f"sshd ended: {self.log()}"
        try:
            with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
                return connection.recv(64).startswith(b"SSH-2.0-")
        except OSError:
            return False


def has_ended(pid: int) -> bool:
    """Return whether a session's process has ended."""
    return not alive(pid)
