"""Programs run as a user of the Dev Environment runs them. Their output is checked for secrets."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from ..forks import CONNECTOR as CONNECTOR
from ..forks import run, start
from .cloud import Cloud
from .secrecy import holds
from .sshd import USER, Sshd, program
from .waiting import PATIENCE, Reader, alive, eventually

#: The example of an ssh configuration.
EXAMPLE = Path(__file__).parents[2] / "examples/ssh_config"

#: Seconds between the cause of an end and the end of the connector's process.
END = 3.5

#: Seconds in which a connector that awaits no answer ends. One that awaits an answer takes 3 s.
AT_ONCE = 2.5

Answer = subprocess.CompletedProcess[bytes]
Stream = int | IO[bytes]


class Process:
    """A running program. Its stderr goes to a file, so a full pipe never blocks it."""

    def __init__(
        self,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        stderr_file: Path,
        stdin: Stream = subprocess.PIPE,
        stdout: Stream = subprocess.PIPE,
        stderr: Stream | None = None,
        start_new_session: bool = False,
        anew: bool = False,
    ) -> None:
        self._stderr = stderr_file
        self.stopped_reading = False
        with stderr_file.open("wb") as file:
            self.popen = start(
                arguments,
                env=environ,
                stdin=stdin,
                stdout=stdout,
                stderr=file if stderr is None else stderr,
                bufsize=0,
                start_new_session=start_new_session,
                anew=anew,
            )
        self.reader = Reader(self.popen.stdout.fileno()) if self.popen.stdout else Reader(-1)

    @property
    def pid(self) -> int:
        return self.popen.pid

    def stderr(self) -> str:
        """Return what the program has written to stderr so far."""
        return self._stderr.read_text(errors="replace")

    def send(self, data: bytes) -> None:
        assert self.popen.stdin is not None
        rest = memoryview(data)
        while rest:
            rest = rest[self.popen.stdin.write(rest) or 0 :]

    def hang_up(self) -> None:
        """End the connector as ssh does. The end of its input alone would not end it."""
        self.signal(signal.SIGHUP)

    def end_input(self) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.close()

    def stop_reading(self) -> None:
        """Close our end of stdout, so that the program gets EPIPE."""
        assert self.popen.stdout is not None
        self.popen.stdout.close()
        self.stopped_reading = True

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def wait(self, timeout: float = PATIENCE) -> int:
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"the process still runs after {timeout} s: {self.stderr()}"
            ) from None

    def close(self) -> None:
        """Close the streams and kill the program."""
        for stream in (self.popen.stdin, self.popen.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()


class Commands:
    """Runs programs with the connector and one Dev Environment in their environment.

    :param directory: one test's directory for home, logs and outputs.
    """

    def __init__(self, cloud: Cloud, directory: Path) -> None:
        self.directory = directory
        self._cloud = cloud
        home = directory / "home"
        home.mkdir()
        self.log_file = directory / "connector.log"
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        self.environ = {
            "PATH": path,
            "HOME": str(home),
            "SHELL": "/bin/sh",
            "LANG": "C.UTF-8",
            "PYTHONWARNINGS": "default",
            "CONNECTOR_LOG_FILE": str(self.log_file),
            **cloud.environ,
        }
        self._outputs: list[bytes] = []
        self._processes: list[Process] = []

    def run(
        self,
        *arguments: str,
        input: bytes = b"",
        environ: Mapping[str, str] | None = None,
        timeout: float = 60,
        cwd: Path | None = None,
    ) -> Answer:
        """Run a program to its end."""
        answer = run(arguments, input=input, timeout=timeout, env=environ or self.environ, cwd=cwd)
        self._outputs += [answer.stdout, answer.stderr]
        return answer

    def start(
        self,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        stdin: Stream = subprocess.PIPE,
        stdout: Stream = subprocess.PIPE,
        stderr: Stream | None = None,
        start_new_session: bool = False,
        anew: bool = False,
    ) -> Process:
        """Start a program. The end of the test kills it.

        :param anew: start an interpreter, so that the system shows the words and the variables.
        """
        process = Process(
            arguments,
            environ or self.environ,
            self.directory / f"stderr-{len(self._processes)}",
            stdin,
            stdout,
            stderr,
            start_new_session,
            anew,
        )
        self._processes.append(process)
        return process

    def proxy(
        self,
        *options: str,
        environ: Mapping[str, str] | None = None,
        ignoring: str = "",
        host: str = "",
        anew: bool = False,
    ) -> Process:
        """Start ``connector proxy`` as a ProxyCommand whose two pipes the test holds.

        :param host: by default that of the Dev Environment.
        :param ignoring: the name of a signal that the process inherits as ignored.
        """
        command = [*CONNECTOR, "proxy", *options, host or self._cloud.host]
        if ignoring:
            command = ["/bin/sh", "-c", f'trap "" {ignoring}; exec "$@"', "sh", *command]
        return self.start(*command, environ=environ, anew=anew)

    def closing(
        self,
        descriptor: int,
        *command: str,
        stdin: Stream = subprocess.PIPE,
        stdout: Stream = subprocess.PIPE,
    ) -> Process:
        """Start a program with this descriptor closed."""
        script = f'exec "$@" {descriptor}>&-'
        return self.start("/bin/sh", "-c", script, "sh", *command, stdin=stdin, stdout=stdout)

    def attach(self, *options: str, anew: bool = False) -> Process:
        """Start ``connector attach`` to a new session."""
        file = self.directory / f"session-{len(self._processes)}.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(self._cloud.start_session()))
        words = (*CONNECTOR, "attach", "--session-file", str(file), *options)
        return self.start(*words, anew=anew)

    def connector_pids(self) -> list[int]:
        """Return the process ids of the connectors that have logged so far, the oldest first."""
        pids = re.findall(r"^\S+ \S+ (\d+) [A-Z]+ ", self._log(), re.M)
        return list(dict.fromkeys(map(int, pids)))

    def _log(self) -> str:
        return self.log_file.read_text() if self.log_file.exists() else ""

    def wait_for_log(self, words: str, times: int = 1) -> None:
        """Wait until connectors have logged this text as often as given."""
        eventually(lambda: self._log().count(words) >= times, f"a log of {words!r}")

    def wait_connectors_gone(self, timeout: float = END) -> None:
        eventually(
            lambda: not any(map(alive, self.connector_pids())), "the end of connectors", timeout
        )

    def kill(self, pid: int) -> None:
        """End a process that one of our programs was expected to leave behind."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """End all running programs, then check that no output holds a secret.

        :raises AssertionError: when an output holds one.
        """
        for process in self._processes:
            process.close()
        paths = [self.log_file, *self.directory.glob("stderr-*")]
        texts = self._outputs + [path.read_bytes() for path in paths if path.exists()]
        assert not holds(b"\n".join(texts), self._cloud.secrets()), "a secret was printed"


class Ssh:
    """ssh, scp and sftp, set up to reach a machine of the cloud through ``connector proxy``.

    :param fdpass: the value of ``ProxyUseFdpass``.
    :param host: the machine's host name; by default that of the Dev Environment.
    """

    def __init__(
        self, commands: Commands, cloud: Cloud, sshd: Sshd, fdpass: str = "yes", host: str = ""
    ) -> None:
        self.commands = commands
        self.host = host or cloud.host
        self._key = sshd.user_key
        self._known_hosts = sshd.known_hosts
        self._alias = sshd.alias
        self.config = commands.directory / "ssh_config"
        self.config.write_text(
            "\n".join(
                [
                    f"Host {self.host}",
                    f"  User {USER}",
                    "  ProxyCommand connector proxy %n",
                    f"  ProxyUseFdpass {fdpass}",
                    "  ConnectTimeout 30",
                    *(f"  {option}" for option in self.key_options()),
                    "",
                ]
            )
        )

    def key_options(self) -> list[str]:
        """Return the options for keys, without the keys of the account that runs the tests."""
        return [
            f"IdentityFile {self._key}",
            "IdentitiesOnly yes",
            f"UserKnownHostsFile {self._known_hosts}",
            "GlobalKnownHostsFile /dev/null",
            f"HostKeyAlias {self._alias}",
            "BatchMode yes",
        ]

    def command(self, name: str, *arguments: str) -> list[str]:
        """Return the words of a call of ssh, scp or sftp."""
        return [program(name), "-F", str(self.config), *arguments]

    def run(self, *arguments: str, input: bytes = b"", options: Sequence[str] = ()) -> Answer:
        """Run ``ssh [options] host arguments``."""
        return self.commands.run(*self.command("ssh", *options, self.host, *arguments), input=input)

    def start(self, *arguments: str, options: Sequence[str] = ()) -> Process:
        return self.commands.start(*self.command("ssh", *options, self.host, *arguments))
