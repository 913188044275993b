"""The leg that runs ssh itself, as the user calls it, with the command ``true``.

The other legs check parts of the connection. This leg uses all of them at once: the user's
configuration, the shell, the ProxyCommand, the host key and the login. It differs from a call of
the user only so that an examination changes nothing and waits for no person:

- ssh asks no questions (BatchMode) and has no terminal.
- The ProxyCommand starts no target. After RUN_TIMEOUT, ssh is ended with everything it started.
- ssh uses no shared connection, because an old connection would hide the problems of a new one, and
  leaves none behind. It still creates a socket next to the user's, under another name of the same
  length, because the place of the socket can be the problem.
- A new host key goes into a temporary file, which ssh reads before the user's files.
- ssh forwards no agent and no display, adds no key to an agent, and runs no local command.
"""

from __future__ import annotations

import glob
import os
import re
import secrets
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..errors import AccessDenied, ConfigError, ConnectFailed
from ..programs import Program, Ran
from ..ssh.check import listed_paths
from . import public
from .case import Case
from .findings import Facts, Result, Status
from .installed import DRAIN_TIMEOUT, MAX_OUTPUT
from .sshsettings import config_ssh, control_path, file_options, has_master, shown_user, ssh_call
from .words import Harmless, Words, joined, words

#: Seconds for ssh, and for the end of everything that it started: a connector stops its session.
RUN_TIMEOUT = 12.0
END_TIMEOUT = 4.0

#: The smallest number of characters that make the socket's name unique.
_NAME_LENGTH = 12

_OPTIONS = (
    "BatchMode=yes",
    "LogLevel=INFO",
    "UpdateHostKeys=no",
    "AddKeysToAgent=no",
    "PermitLocalCommand=no",
    "ControlPersist=no",
)

_DENIED = re.compile(r"Permission denied \(([^)]*)\)")


class Login:
    """One call of ssh. :meth:`run` is a leg; another thread calls :meth:`close`."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._program: Program | None = None
        self._closed = False
        self._lock = threading.Lock()

    def run(self) -> Result:
        """Run ``true`` on the target.

        :raises ConnectorError: when ssh does not run the command.
        """
        case = self._case
        if case.ssh_starts:
            text = words(
                "Not tried: the ProxyCommand has --start or sets CONNECTOR_START, and would start "
                "the target if it stops now"
            )
            return Result(text, Status.WARN)
        with tempfile.TemporaryDirectory(prefix="connector-") as directory:
            keys, socket = Path(directory, "known_hosts"), self._socket()
            try:
                ran = self._call(list(self._options(keys, socket)))
            except TimeoutError:
                raise ConnectFailed(
                    words("OpenSSH does not end within {number:.0f} s", number=RUN_TIMEOUT),
                    self._by_hand(),
                ) from None
            finally:
                _remove_socket(socket)
            new_key = keys.exists()
        if ran.status == 0:
            return self._connected(new_key)
        return self._failed(ran)

    def close(self) -> None:
        """End ssh and everything that it started."""
        with self._lock:
            self._closed = True
        if self._program:
            self._program.end()

    def _call(self, options: list[str]) -> Ran:
        case = self._case
        command = [case.ssh, *file_options(case), "-T", "-a", "-x", *options]
        # The target was running a moment ago. If it stops now, it has to stay stopped.
        environ = {**case.environ, "CONNECTOR_START": "no", "SSH_ASKPASS_REQUIRE": "never"}
        with self._lock:
            if self._closed:
                raise RuntimeError("the examination is over")
            program = Program(
                [*command, "--", case.ssh_host, "true"],
                environ=environ,
                grace=END_TIMEOUT,
                limit=MAX_OUTPUT,
            )
            self._program = program
        try:
            return program.wait(RUN_TIMEOUT, DRAIN_TIMEOUT)
        finally:
            program.end()  # a part of ssh may still run in the background

    def _options(self, keys: Path, socket: str) -> Iterator[str]:
        settings = self._case.ssh_settings
        options = list(_OPTIONS)
        files = (str(keys), *listed_paths(settings.get("userknownhostsfile", "none")))
        if self._case.ssh_command:
            options.append(f"ProxyCommand={self._case.ssh_command}")
        options.append("UserKnownHostsFile=" + " ".join(f'"{file}"' for file in files))
        if socket:
            options.append(f'ControlPath="{socket.replace("%", "%%")}"')
            options.append(f"ControlMaster={'auto' if has_master(settings) else 'no'}")
        for option in options:
            yield from ("-o", option)

    def _socket(self) -> str:
        """Return a path beside the user's ControlPath, of the same length; empty without one."""
        path = control_path(self._case.ssh_settings)
        if not path:
            return ""
        directory, name = os.path.split(path)
        length = max(len(os.fsencode(name)), _NAME_LENGTH)
        return os.path.join(directory, secrets.token_hex(length)[:length])

    def _connected(self, new_key: bool) -> Result:
        facts: Facts = {"status": 0, "newHostKey": new_key}
        host = self._case.ssh_host
        if not new_key:
            return Result(words("`ssh {host} true` runs", host=host), facts=facts)
        text = words("`ssh {host} true` runs; the host key is new and was not saved", host=host)
        return Result(text, facts=facts)

    def _failed(self, ran: Ran) -> Result:
        """Return a warning if ssh would ask the user about the host key.

        :raises ConnectorError: for every other reason why ssh failed.
        """
        said, host = ran.stderr_text, self._case.ssh_host
        if "REMOTE HOST IDENTIFICATION HAS CHANGED" in said:
            raise AccessDenied(
                words("the host key of {host} has changed", host=host),
                words(
                    "If the target was rebuilt, remove the old key as `{call}` says; if not, "
                    "do not log in",
                    call=ssh_call(self._case),
                ),
            )
        if "Host key verification failed" in said:
            return self._unknown_key()
        if denied := _DENIED.search(said):
            self._denied(denied[1])
        if "Cannot execute command-line and remote command" in said:
            raise ConfigError(
                words("RemoteCommand in ssh's configuration allows no other command"),
                words("Set RemoteCommand to none for these hosts"),
            )
        if re.search(r"^unix_listener: |^ControlPath too long", said, re.MULTILINE):
            raise ConfigError(
                words("OpenSSH cannot create the socket of ControlPath"),
                words("Check its directory and length; `ControlPath ~/.ssh/%C` is short"),
            )
        if "Could not request local forwarding" in said:
            raise ConfigError(
                words("a port that ssh's configuration forwards is in use"),
                words("End the other ssh, or set ExitOnForwardFailure to no for these hosts"),
            )
        if 0 < ran.status < 255:
            raise ConfigError(
                words(
                    "the login works, but the command `true` ends with exit status {number}",
                    number=ran.status,
                ),
                words("Check the target's login shell and its start-up files"),
            )
        raise ConnectFailed(words("OpenSSH fails: {reason}", reason=_reason(said)), self._by_hand())

    @property
    def _config_ssh(self) -> Words:
        return config_ssh(self._case.ssh_facts, self._case.ssh_config_file)

    def _by_hand(self) -> str:
        return words("Run `{call} -v true` to see details", call=ssh_call(self._case))

    def _unknown_key(self) -> Result:
        """Return a warning about an unknown host key.

        :raises ConfigError: when ssh rejects the key without asking.
        """
        if self._case.ssh_settings.get("stricthostkeychecking") in ("yes", "true"):
            raise ConfigError(
                words(
                    "OpenSSH does not know the host key, and StrictHostKeyChecking rejects new keys"
                ),
                words("Add the key to known_hosts, or set StrictHostKeyChecking to accept-new"),
            )
        text = words("OpenSSH does not know the host key yet, and will ask you to accept it")
        hint = words(
            "Run `{call}` and answer; or run {command}, which accepts new keys",
            call=ssh_call(self._case),
            command=self._config_ssh,
        )
        return Result(text, Status.WARN, hint, {"status": 255, "newHostKey": True})

    def _denied(self, methods: str) -> None:
        """:raises AccessDenied: always, for a login that the SSH server rejected."""
        settings = self._case.ssh_settings
        hint = words(
            "Load your key with `ssh-add`; `{call} -v` shows which keys ssh tries",
            call=ssh_call(self._case),
        )
        if not self._case.ssh_facts.expects(settings.get("user", "")):
            hint = words(
                "Log in as {user}, as {command} sets it",
                user=Harmless(self._case.ssh_facts.user),
                command=self._config_ssh,
            )
        shown = [public.known(method, public.METHODS) for method in methods.split(",")]
        raise AccessDenied(
            words(
                "the SSH server rejects the login of {user} (it accepts {methods})",
                user=shown_user(self._case.ssh_facts, settings),
                methods=joined(", ", [words("{method}", method=method) for method in shown]),
            ),
            hint,
        )


def _reason(said: str) -> str:
    """Return the connector's last line of stderr; if it has none, ssh's first line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    ours = [line.removeprefix("connector: ") for line in lines if line.startswith("connector: ")]
    return next(iter([*ours[-1:], *lines]), words("no reason given"))[:300]


def _remove_socket(path: str) -> None:
    if path:
        for leftover in (path, *glob.glob(f"{glob.escape(path)}.*")):
            with suppress(OSError):  # ssh usually removes it
                os.unlink(leftover)
