"""The settings that ``ssh -G`` prints for a host, and which of them cause problems."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping

from ..errors import ConfigError
from ..ssh.facts import SshFacts
from ..ssh.include import WAIT_MARGIN
from ..targets.registry import KINDS
from . import public
from .case import Case
from .installed import run
from .words import Harmless, Words, joined, words

_AS_NAMED = words("Set CanonicalizeHostname to no for these hosts, as `connector config-ssh` does")

#: The size of ``sun_path`` with its final zero: on Linux (unix(7)), and on the BSDs and macOS.
_SOCKET_PATH = 108 if sys.platform == "linux" else 104

#: Bytes that ssh adds to a ControlPath while it creates the socket: a dot and 16 characters
#: (muxserver_listen of OpenSSH's mux.c).
_SOCKET_SUFFIX = 17

#: What ``-F`` names where ssh reads no file.
_NO_FILE = "none"

_FORWARDS = ("localforward", "remoteforward", "dynamicforward")


class Remarks:
    """The problems of a configuration, each with a hint.

    :ivar cure: the hint of problems that have no other: see :func:`cure_of`.
    """

    def __init__(self, cure: Words) -> None:
        self.cure = cure
        self._problems: list[Words] = []
        self._hints: list[Words] = []

    def __bool__(self) -> bool:
        return bool(self._problems)

    def add(self, problem: Words, hint: Words | None = None) -> None:
        self._problems.append(problem)
        hint = hint or self.cure
        if hint not in self._hints:
            self._hints.append(hint)

    @property
    def text(self) -> Words:
        """All problems as one text."""
        return joined("; ", self._problems).capitalised

    @property
    def hint(self) -> Words:
        """All hints as one text, each of them once."""
        return joined(". ", self._hints)


def config_ssh(facts: SshFacts, file: str = "") -> Words:
    """Return the command that writes the section of a kind, for hints.

    :param file: the file of ssh's ``-F``; empty: ssh's default.
    """
    row = next((row for row in KINDS if facts.suffix in row.suffixes), KINDS[0])
    kind = words("")
    if row is not KINDS[0]:  # the one that config-ssh sets up without --kind
        kind = words(" --kind {kind}", kind=Harmless(row.name))
    return words("`connector config-ssh{kind}{file}`", kind=kind, file=_file_option(file))


def cure_of(facts: SshFacts, file: str = "") -> Words:
    """Return the hint to let ``config-ssh`` write the section of a kind."""
    return words("Run {command}", command=config_ssh(facts, file))


def ssh_call(case: Case) -> Words:
    """Return the user's call of ssh for the host, for hints. An option can follow the host."""
    file = _file_option(case.ssh_config_file)
    return words("ssh{file} {host}", file=file, host=case.ssh_host)


def _file_option(file: str) -> Words:
    if not file or file.lower() == _NO_FILE:
        return words("")
    return words(" -F {path}", path=shlex.quote(file))


def file_options(case: Case) -> list[str]:
    """Return the options of ssh for the configuration file that the user named.

    :raises ConfigError: when the file does not exist.
    """
    name = case.ssh_config_file
    if name and name.lower() != _NO_FILE and not os.path.exists(name):
        raise ConfigError(
            words("the file that -F names does not exist"),
            words("Name an ssh configuration file"),
        )
    return ["-F", name] if name else []


def settings_of(case: Case, host: str) -> dict[str, str]:
    """Return the settings that ``ssh -G`` prints for a host, by keywords in lower case.

    :raises ConfigError: when ssh cannot read its configuration, or rejects the host.
    """
    command = [case.ssh, *file_options(case), "-G", "-T"]
    hint = words("A `Match exec` in ssh's configuration may be hanging")
    ran = run([*command, "--", host], hint)
    if ran.status:
        # Names of targets are not in DNS. With CanonicalizeHostname, ssh rejects them for that.
        if run([*command, "-o", "CanonicalizeHostname=no", "--", host], hint).status == 0:
            raise ConfigError(
                words(
                    "CanonicalizeHostname makes ssh search DNS for {host}, which is not there",
                    host=host,
                ),
                _AS_NAMED,
            )
        said = (ran.stderr_text.strip().splitlines() or [""])[0][:200] or words("no reason given")
        raise ConfigError(
            words("ssh rejects its configuration: {reason}", reason=said), words("Fix that line")
        )
    pairs = (line.partition(" ") for line in ran.stdout_text.splitlines())
    return {name.lower(): value for name, _, value in pairs}


def takes_descriptor(settings: Mapping[str, str]) -> bool:
    """Return whether ssh wants its connection from the ProxyCommand as a descriptor."""
    return settings.get("proxyusefdpass", "no") == "yes"


def check_settings(
    facts: SshFacts,
    settings: Mapping[str, str],
    *,
    starts: bool,
    wait: float,
    passes_descriptors: Callable[[], bool],
    remarks: Remarks,
) -> None:
    """Remark on settings that break ssh or hide messages.

    :param starts: whether the ProxyCommand starts a stopped target, within ``wait`` seconds.
    :param passes_descriptors: returns whether this ssh can take its connection as a descriptor.
    :raises ConfigError: when ssh cannot connect at all with these settings.
    """
    _check_control_path(settings)
    user = settings.get("user", "")
    if not facts.expects(user):
        remarks.add(
            words(
                "the user is {user}, but the target expects {known}",
                user=user,
                known=Harmless(facts.user),
            )
        )
    limit = settings.get("connecttimeout", "none")
    wanted = wait + WAIT_MARGIN
    if takes_descriptor(settings):
        if not passes_descriptors():
            remarks.add(
                words("ProxyUseFdpass is yes, but this ssh takes no connection from a program"),
                words("Set ProxyUseFdpass to no for these hosts"),
            )
    elif starts and limit.isdigit() and int(limit) < wanted:
        better = words("ProxyUseFdpass to yes, or ") if passes_descriptors() else words("")
        remarks.add(
            words(
                "ConnectTimeout {limit} ends ssh before a stopped target has started",
                limit=int(limit),
            ),
            words(
                "Set {better}ConnectTimeout to {wanted:.0f}, or start the target first",
                better=better,
                wanted=wanted,
            ),
        )
    if settings.get("canonicalizehostname", "no") not in ("no", "false"):
        remarks.add(
            words(
                "CanonicalizeHostname makes ssh search DNS for the name, and apply the settings of "
                "other hosts"
            ),
            _AS_NAMED,
        )
    _check_session(settings, remarks)
    if _persists(settings):
        remarks.add(
            words("ControlPersist hides the connector's messages"),
            words("Run ssh with -v to see them"),
        )


def _check_session(settings: Mapping[str, str], remarks: Remarks) -> None:
    if settings.get("remotecommand", "none") != "none":
        remarks.add(
            words("RemoteCommand is set, which breaks `ssh HOST COMMAND`, scp, git and VS Code"),
            words("Set RemoteCommand to none for these hosts"),
        )
    if settings.get("sessiontype", "default") != "default":
        remarks.add(
            words("SessionType is set, so that ssh runs no commands"),
            words("Set SessionType to default for these hosts"),
        )
    if settings.get("exitonforwardfailure", "no") == "yes" and any(map(settings.get, _FORWARDS)):
        remarks.add(
            words("ExitOnForwardFailure ends a second ssh, because the first one uses the port"),
            words("Set ExitOnForwardFailure to no, or ClearAllForwardings to yes, for these hosts"),
        )


def has_master(settings: Mapping[str, str]) -> bool:
    """Return whether ssh makes a connection that other calls may share."""
    return settings.get("controlmaster", "no") not in ("no", "false")


def control_path(settings: Mapping[str, str]) -> str:
    """Return the path of the socket of a shared connection; empty if there is none."""
    path = settings.get("controlpath", "none")
    return "" if path.lower() == "none" else path


def _persists(settings: Mapping[str, str]) -> bool:
    return bool(control_path(settings)) and settings.get("controlpersist", "no") not in (
        "no",
        "none",
    )


def _check_control_path(settings: Mapping[str, str]) -> None:
    """Check that ssh can create the socket of a shared connection; otherwise it ends at once.

    :raises ConfigError: when it cannot.
    """
    path, master = control_path(settings), has_master(settings)
    if not path:
        return
    length = len(os.fsencode(path)) + (_SOCKET_SUFFIX if master else 0)
    if length >= _SOCKET_PATH:
        raise ConfigError(
            words(
                "the ControlPath in ssh's configuration is {number} bytes too long for a socket",
                number=length - _SOCKET_PATH + 1,
            ),
            words("Use `ControlPath ~/.ssh/%C`, which has the same length for every host"),
        )
    directory = os.path.dirname(path)
    if master and not os.path.isdir(directory):
        raise ConfigError(
            words(
                "the ControlPath in ssh's configuration is in {directory}, which does not exist",
                directory=directory,
            ),
            words("Create that directory with `mkdir -m 700`"),
        )


def shown_user(facts: SshFacts, settings: Mapping[str, str]) -> str:
    """Return the user of the login, marked as harmless if the target expects this user."""
    return public.known(settings.get("user", ""), (facts.user,))
