"""ssh itself, called as the user calls it, for a command that does nothing.

All else that is examined are parts of the way. This is the way: the user's configuration, the
shell, the ProxyCommand, host key and login. It differs from a call of the user's only where an
examination must not change anything or wait for a person:

- It asks for nothing (BatchMode), and has no terminal.
- It does not start a Dev Environment, and is ended after RUN_TIMEOUT with all that it has started.
- No shared connection answers in place of a new one, which would hide what is wrong with new ones,
  and none is left behind. The socket of a shared connection is made where the user's would be,
  under another name of the same length, since its place may be what is wrong.
- A new host key is kept in a temporary file, which ssh reads before the user's own.
- No agent and no display are forwarded, no key is given to an agent, no local command is run.
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
from . import public
from .case import Case
from .findings import Facts, Result, Status
from .installed import DRAIN_TIMEOUT, MAX_OUTPUT
from .sshsettings import control_path, file_options, has_master, shown_user
from .words import Harmless, joined, words

#: Seconds for ssh, and for what it has started to end: a connector stops its session.
RUN_TIMEOUT = 12.0
END_TIMEOUT = 4.0

#: Characters of a socket's name that make it one of ours.
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


def listed_paths(printed: str) -> list[str]:
    """Return the paths of a setting as ``ssh -G`` prints it: one after another, without quotes.

    A word that begins no absolute path belongs to the path before it, which has a blank.
    """
    paths: list[str] = []
    for word in printed.split(" ") if printed != "none" else ():
        if paths and not (word.startswith(("/", "~")) or word[1:2] == ":"):
            paths[-1] += f" {word}"
        else:
            paths.append(word)
    return paths


class Login:
    """:meth:`run` is a leg; :meth:`close` ends what it has left, from another thread."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._program: Program | None = None
        self._closed = False
        self._lock = threading.Lock()

    def run(self) -> Result:
        """:raises ConnectorError: when ssh does not run the command."""
        case = self._case
        if case.ssh_starts:
            text = words(
                "Not tried: the ProxyCommand has --start or sets CONNECTOR_START, and would start "
                "it if it stops"
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
        with self._lock:
            self._closed = True
        if self._program:
            self._program.end()

    def _call(self, options: list[str]) -> Ran:
        case = self._case
        command = [case.ssh, *file_options(case), "-T", "-a", "-x", *options]
        # The Dev Environment ran a moment ago; should it stop now, it is left so.
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
            program.end()  # ssh may have put a part of itself into the background

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
        """A path beside the user's ControlPath, as long as that; empty where there is none."""
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
        text = words("`ssh {host} true` runs; its host key is new, and was not kept", host=host)
        return Result(text, facts=facts)

    def _failed(self, ran: Ran) -> Result:
        """:raises ConnectorError: unless a person would only be asked."""
        said, host = ran.stderr_text, self._case.ssh_host
        if "REMOTE HOST IDENTIFICATION HAS CHANGED" in said:
            raise AccessDenied(
                words("the host key of the Dev Environment has changed"),
                words(
                    "If it was rebuilt, remove the old key as `ssh {host}` says; if not, do not "
                    "log in",
                    host=host,
                ),
            )
        if "Host key verification failed" in said:
            return self._unknown_key()
        if denied := _DENIED.search(said):
            self._denied(denied[1])
        if "Cannot execute command-line and remote command" in said:
            raise ConfigError(
                words("RemoteCommand of ssh's configuration leaves no room for another command"),
                words("Set RemoteCommand to none for these hosts"),
            )
        if re.search(r"^unix_listener: |^ControlPath too long", said, re.MULTILINE):
            raise ConfigError(
                words("OpenSSH cannot make the socket of ControlPath"),
                words("Look at its directory and length; `ControlPath ~/.ssh/%C` is short"),
            )
        if "Could not request local forwarding" in said:
            raise ConfigError(
                words("a port that ssh's configuration forwards is in use"),
                words("End the other ssh, or set ExitOnForwardFailure to no for these hosts"),
            )
        if 0 < ran.status < 255:
            raise ConfigError(
                words(
                    "the SSH server lets you in, but `true` ends there with exit status {number}",
                    number=ran.status,
                ),
                words("Look at the login shell there and its start-up files"),
            )
        raise ConnectFailed(words("OpenSSH fails: {reason}", reason=_reason(said)), self._by_hand())

    def _by_hand(self) -> str:
        return words("Run `ssh -v {host} true` to see more", host=self._case.ssh_host)

    def _unknown_key(self) -> Result:
        """:raises ConfigError: when ssh would not ask, but refuse."""
        host = self._case.ssh_host
        if self._case.ssh_settings.get("stricthostkeychecking") in ("yes", "true"):
            raise ConfigError(
                words(
                    "OpenSSH does not know the host key, and StrictHostKeyChecking refuses new ones"
                ),
                words("Add the key to known_hosts, or set StrictHostKeyChecking to accept-new"),
            )
        text = words("OpenSSH does not know the host key yet, and asks whether it is right")
        hint = words(
            "Run `ssh {host}` and answer; `connector config-ssh` has new ones accepted", host=host
        )
        return Result(text, Status.WARN, hint, {"status": 255, "newHostKey": True})

    def _denied(self, methods: str) -> None:
        settings = self._case.ssh_settings
        hint = words(
            "Load your key by `ssh-add`; `ssh -v {host}` shows which ones are tried",
            host=self._case.ssh_host,
        )
        if settings.get("user") != self._case.ssh_facts.user:
            hint = words(
                "Log in as {user}, as `connector config-ssh` has it",
                user=Harmless(self._case.ssh_facts.user),
            )
        shown = [public.known(method, public.METHODS) for method in methods.split(",")]
        raise AccessDenied(
            words(
                "the SSH server does not let {user} in (it takes {methods})",
                user=shown_user(self._case.ssh_facts, settings),
                methods=joined(", ", [words("{method}", method=method) for method in shown]),
            ),
            hint,
        )


def _reason(said: str) -> str:
    """The connector's line where it says why, else ssh's first."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    ours = [line.removeprefix("connector: ") for line in lines if line.startswith("connector: ")]
    return next(iter([*ours[-1:], *lines]), words("it does not say why"))[:300]


def _remove_socket(path: str) -> None:
    if path:
        for leftover in (path, *glob.glob(f"{glob.escape(path)}.*")):
            with suppress(OSError):  # gone with ssh, as a rule
                os.unlink(leftover)
