"""What ssh's configuration makes of the host name: does it lead here, and well?"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
from collections.abc import Sequence
from importlib.metadata import version

from ..errors import ConfigError
from ..ssh.include import USER, WAIT_MARGIN
from ..ssh.names import SUFFIX, bare, is_plain
from .case import Case
from .findings import Facts, Result, Status
from .sshclient import run

_CURE = "Run `connector config-ssh`"

#: The connector in a shell's command line, or behind another program.
_WRAPPED = re.compile(r"\bconnector(\.exe)?\b.*\bproxy\b")

#: Options of ``connector proxy`` that say which Dev Environment, and by which login.
_NAMING = ("space", "project", "id", "profile", "endpoint_url")


class _Remarks:
    """What is not as it should be, and what to do about each."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._hints: list[str] = []

    def add(self, problem: str, hint: str = _CURE) -> None:
        self.problems.append(problem)
        if hint not in self._hints:
            self._hints.append(hint)

    @property
    def hint(self) -> str:
        return ". ".join(self._hints)


def ssh_config(case: Case) -> Result:
    """:raises ConfigError: when ssh does not come to the connector."""
    host, settings = _host_of_ssh(case)
    command = settings.get("proxycommand", "none")
    facts: Facts = {
        "user": settings.get("user"),
        "connectTimeout": settings.get("connecttimeout"),
        "controlPersist": settings.get("controlpersist"),
    }
    if command == "none":
        raise ConfigError(
            f"there is no ProxyCommand for {host} in ssh's configuration",
            f"{_CURE}; or call `connector ssh`, which needs none",
        )
    words = _words(command)
    for word in filter(os.path.isabs, words):
        case.private.hide("path", word)
    launcher = _launcher(words)
    if not launcher and _WRAPPED.search(command):
        text = f"The ProxyCommand runs the connector by way of {words[0]}, which hides the rest"
        return Result(text, Status.WARN, _CURE, facts)
    if not launcher:
        raise ConfigError(
            f"the ProxyCommand of ssh's configuration runs {words[0]}, and not the connector",
            f"{_CURE}, and remove the section that names the other one",
        )
    remarks = _Remarks()
    facts["connector"] = _check_launcher(launcher, remarks)
    arguments = words[len(launcher) + 1 :]
    proxy = _proxy_options(case, arguments, host, settings.get("user", ""))
    _check_name(arguments, proxy, host, remarks)
    _check_settings(settings, proxy, remarks)
    _adopt(case, proxy)
    if remarks.problems:
        text = "; ".join(remarks.problems)
        return Result(text[:1].upper() + text[1:], Status.WARN, remarks.hint, facts)
    return Result(f"ssh {host} leads to this connector, as user {USER}", facts=facts)


def _host_of_ssh(case: Case) -> tuple[str, dict[str, str]]:
    """The name that ssh is called with for ENV, which may leave its suffix out; its settings."""
    host = case.options.host
    settings = _settings(case, host)
    whole = f"{bare(host)}{SUFFIX}"
    if settings.get("proxycommand", "none") == "none" and is_plain(whole):
        of_whole = _settings(case, whole)
        if of_whole.get("proxycommand", "none") != "none":
            return whole, of_whole
    return host, settings


def _settings(case: Case, host: str) -> dict[str, str]:
    """All that ``ssh -G`` says of a host, by the names of the settings in lower case."""
    name = case.ssh_config_file
    file = ["-F", name] if name else []
    if name and name.lower() != "none" and not os.path.exists(name):  # for ssh, "none" is no file
        raise ConfigError("the file that -F names does not exist", "Name one that ssh is to read")
    hint = "A `Match exec` there may be waiting for something"
    done = run([case.ssh, *file, "-G", "--", host], hint)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        raise ConfigError(f"the configuration of ssh is not usable: {said[:200]}", "Mend that line")
    pairs = (line.partition(" ") for line in done.stdout.splitlines())
    return {name.lower(): value for name, _, value in pairs}


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command, posix=os.name != "nt")
    except ValueError:
        words = []
    if words[:1] == ["exec"]:  # which ssh's shell understands
        del words[0]
    if not words:
        raise ConfigError("the ProxyCommand of ssh's configuration is no command line", _CURE)
    return [word.strip('"') for word in words] if os.name == "nt" else words


def _launcher(words: Sequence[str]) -> list[str]:
    """The words that start the connector, before its command ``proxy``; none: others do."""
    launcher = list(words[: words.index("proxy")]) if "proxy" in words else []
    program = os.path.basename(launcher[-1]).lower() if launcher else ""
    module = launcher[-2:] == ["-m", "connector"]
    return launcher if module or program in ("connector", "connector.exe") else []


def _check_launcher(launcher: list[str], remarks: _Remarks) -> str:
    """Its version; to ask for that shows that it runs.

    :raises ConfigError: when it does not.
    """
    program = os.path.expanduser(launcher[0])  # ssh leaves that to a shell
    if shutil.which(program) is None:
        raise ConfigError(
            f"the ProxyCommand runs {launcher[0]}, which is no executable"
            + ("" if os.path.dirname(program) else " on the PATH"),
            _CURE,
        )
    said = run([program, *launcher[1:], "--version"], _CURE).stdout.split()
    if said[:1] != ["connector"] or len(said) != 2:
        raise ConfigError(f"the ProxyCommand runs {launcher[0]}, which is no connector", _CURE)
    if said[1] != version("devenv-connector"):
        remarks.add(f"the ProxyCommand runs another connector: version {said[1]}, {launcher[0]}")
    return said[1]


def _proxy_options(
    case: Case, arguments: Sequence[str], host: str, user: str
) -> argparse.Namespace:
    """What ``connector proxy`` will make of its arguments."""
    values = {"n": host, "h": host.lower(), "r": user, "p": "22", "%": "%"}
    expanded = []
    for argument in arguments:
        pieces = argument.replace("%%", "\0").split("%")
        rest = (values.get(piece[:1], f"%{piece[:1]}") + piece[1:] for piece in pieces[1:])
        expanded.append("".join((pieces[0], *rest)).replace("\0", "%"))
    return case.commands.read_proxy_options(expanded)


def _check_name(
    arguments: Sequence[str], proxy: argparse.Namespace, host: str, remarks: _Remarks
) -> None:
    """:raises ConfigError: when the name is lost on the way."""
    if any("%h" in argument for argument in arguments):
        if "=" in host and host != host.lower():  # a friendly name means the same in any case
            raise ConfigError(
                "the ProxyCommand passes %h, which ssh writes in lower case: the name has capitals",
                f"Write %n there. {_CURE}, which does",
            )
        remarks.add("the ProxyCommand passes %h, which loses the capitals of a name: write %n")
    if not proxy.host and not proxy.id:
        raise ConfigError("the ProxyCommand passes no host name: %n is missing", _CURE)


def _check_settings(settings: dict[str, str], proxy: argparse.Namespace, remarks: _Remarks) -> None:
    user = settings.get("user", "")
    if user != USER:
        remarks.add(f"the user is {user}, where a Dev Environment knows {USER}")
    limit = settings.get("connecttimeout", "none")
    if proxy.start and limit.isdigit() and int(limit) < proxy.wait + WAIT_MARGIN:
        wanted = proxy.wait + WAIT_MARGIN
        remarks.add(
            f"ConnectTimeout {limit} ends ssh before a stopped environment has started",
            f"Set ConnectTimeout to {wanted:.0f}, or run `connector start` first",
        )
    if settings.get("proxyusefdpass", "no") == "yes":
        remarks.add(
            "ProxyUseFdpass has ssh wait for a connection that the ProxyCommand makes and leaves",
            "Set ProxyUseFdpass to no for these hosts",
        )
    if settings.get("controlpersist", "no") not in ("no", "none") and (
        settings.get("controlpath", "none") != "none"
    ):
        remarks.add("ControlPersist hides what the connector says", "Run ssh with -v to see it")


def _adopt(case: Case, proxy: argparse.Namespace) -> None:
    """Go on with what ssh would use, as far as the user has not said otherwise."""
    options = argparse.Namespace(**vars(case.options))
    options.host = proxy.host
    for name in _NAMING:
        setattr(options, name, getattr(options, name) or getattr(proxy, name))
    case.take(options)
