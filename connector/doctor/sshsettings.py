"""What ``ssh -G`` says of a host, and which of its settings do harm."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from ..errors import ConfigError
from ..ssh.facts import SshFacts
from ..ssh.include import WAIT_MARGIN
from . import public
from .case import Case
from .installed import run
from .words import Harmless, Words, joined, words

CURE = words("Run `connector config-ssh`")

_AS_NAMED = words(
    "Set CanonicalizeHostname to no for these hosts, as `connector config-ssh` writes it"
)

#: Bytes of ``sun_path`` with its final zero: Linux's unix(7), and that of the BSDs and macOS.
_SOCKET_PATH = 108 if sys.platform == "linux" else 104

#: Bytes that ssh adds to a ControlPath while it makes the socket: a dot and 16 characters
#: (muxserver_listen of OpenSSH's mux.c).
_SOCKET_SUFFIX = 17

_FORWARDS = ("localforward", "remoteforward", "dynamicforward")


class Remarks:
    """What is not as it should be, and what to do about each."""

    def __init__(self) -> None:
        self._problems: list[Words] = []
        self._hints: list[Words] = []

    def __bool__(self) -> bool:
        return bool(self._problems)

    def add(self, problem: Words, hint: Words = CURE) -> None:
        self._problems.append(problem)
        if hint not in self._hints:
            self._hints.append(hint)

    @property
    def text(self) -> Words:
        return joined("; ", self._problems).capitalised

    @property
    def hint(self) -> Words:
        return joined(". ", self._hints)


def file_options(case: Case) -> list[str]:
    """The options of ssh for the configuration that the user named.

    :raises ConfigError: when it is not there.
    """
    name = case.ssh_config_file
    if name and name.lower() != "none" and not os.path.exists(name):  # for ssh, "none" is no file
        raise ConfigError(
            words("the file that -F names does not exist"),
            words("Name one that ssh is to read"),
        )
    return ["-F", name] if name else []


def settings_of(case: Case, host: str) -> dict[str, str]:
    """All that ``ssh -G`` says of a host, by the names of the settings in lower case.

    :raises ConfigError: when ssh does not read its configuration, or refuses the host.
    """
    command = [case.ssh, *file_options(case), "-G", "-T"]
    hint = words("A `Match exec` there may be waiting for something")
    ran = run([*command, "--", host], hint)
    if ran.status:
        # Names of Dev Environments are not in DNS, where this setting has ssh look for them.
        if run([*command, "-o", "CanonicalizeHostname=no", "--", host], hint).status == 0:
            raise ConfigError(
                words("CanonicalizeHostname has ssh look for {host} in DNS, in vain", host=host),
                _AS_NAMED,
            )
        said = (ran.stderr_text.strip().splitlines() or [""])[0][:200] or words("no reason given")
        raise ConfigError(
            words("the configuration of ssh is not usable: {reason}", reason=said),
            words("Fix that line"),
        )
    pairs = (line.partition(" ") for line in ran.stdout_text.splitlines())
    return {name.lower(): value for name, _, value in pairs}


def check_settings(
    facts: SshFacts, settings: Mapping[str, str], *, starts: bool, wait: float, remarks: Remarks
) -> None:
    """Remark on settings that break ssh or hide what is wrong.

    :param starts: whether the ProxyCommand starts a Dev Environment, for at most ``wait`` seconds.
    :raises ConfigError: when ssh cannot connect with them at all.
    """
    _check_control_path(settings)
    user = settings.get("user", "")
    if user != facts.user:
        remarks.add(
            words(
                "the user is {user}, where a Dev Environment knows {known}",
                user=user,
                known=Harmless(facts.user),
            )
        )
    limit = settings.get("connecttimeout", "none")
    wanted = wait + WAIT_MARGIN
    if starts and limit.isdigit() and int(limit) < wanted:
        remarks.add(
            words(
                "ConnectTimeout {limit} ends ssh before a stopped environment has started",
                limit=int(limit),
            ),
            words(
                "Set ConnectTimeout to {wanted:.0f}, or run `connector start` first", wanted=wanted
            ),
        )
    if settings.get("proxyusefdpass", "no") == "yes":
        remarks.add(
            words(
                "ProxyUseFdpass has ssh wait for a connection that the ProxyCommand makes and "
                "leaves"
            ),
            words("Set ProxyUseFdpass to no for these hosts"),
        )
    if settings.get("canonicalizehostname", "no") not in ("no", "false"):
        remarks.add(
            words(
                "CanonicalizeHostname has ssh look for the name in DNS, and take over settings of "
                "other hosts"
            ),
            _AS_NAMED,
        )
    _check_session(settings, remarks)
    if _persists(settings):
        remarks.add(
            words("ControlPersist hides what the connector says"),
            words("Run ssh with -v to see it"),
        )


def _check_session(settings: Mapping[str, str], remarks: Remarks) -> None:
    if settings.get("remotecommand", "none") != "none":
        remarks.add(
            words(
                "RemoteCommand holds for it, so that `ssh HOST COMMAND`, scp, git and VS Code fail"
            ),
            words("Set RemoteCommand to none for these hosts"),
        )
    if settings.get("sessiontype", "default") != "default":
        remarks.add(
            words("SessionType has ssh run no commands"),
            words("Set SessionType to default for these hosts"),
        )
    if settings.get("exitonforwardfailure", "no") == "yes" and any(map(settings.get, _FORWARDS)):
        remarks.add(
            words("ExitOnForwardFailure ends a second ssh, since the first one has the port"),
            words("Set ExitOnForwardFailure to no, or ClearAllForwardings to yes, for these hosts"),
        )


def has_master(settings: Mapping[str, str]) -> bool:
    """Return whether ssh makes a connection that others may share."""
    return settings.get("controlmaster", "no") not in ("no", "false")


def control_path(settings: Mapping[str, str]) -> str:
    """The socket of a shared connection, as ssh has expanded it; empty: none."""
    path = settings.get("controlpath", "none")
    return "" if path.lower() == "none" else path


def _persists(settings: Mapping[str, str]) -> bool:
    return bool(control_path(settings)) and settings.get("controlpersist", "no") not in (
        "no",
        "none",
    )


def _check_control_path(settings: Mapping[str, str]) -> None:
    """:raises ConfigError: when no socket can be there, so that ssh ends before it connects."""
    path, master = control_path(settings), has_master(settings)
    if not path:
        return
    length = len(os.fsencode(path)) + (_SOCKET_SUFFIX if master else 0)
    if length >= _SOCKET_PATH:
        raise ConfigError(
            words(
                "the ControlPath of ssh's configuration is {number} bytes too long for a socket",
                number=length - _SOCKET_PATH + 1,
            ),
            words("Write `ControlPath ~/.ssh/%C`, which has the same length for every host"),
        )
    directory = os.path.dirname(path)
    if master and not os.path.isdir(directory):
        raise ConfigError(
            words(
                "the ControlPath of ssh's configuration is in {directory}, which does not exist",
                directory=directory,
            ),
            words("Create that directory, for yourself alone: `mkdir -m 700`"),
        )


def shown_user(facts: SshFacts, settings: Mapping[str, str]) -> str:
    """The user that ssh logs in as."""
    return public.known(settings.get("user", ""), (facts.user,))
