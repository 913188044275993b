"""The leg that checks whether ssh's configuration leads a host name to this connector."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import takewhile

from ..errors import ConfigError
from ..programs import run_program
from . import public
from .case import Case
from .findings import Facts, Result, Status
from .installed import DRAIN_TIMEOUT, MAX_OUTPUT, PROGRAM_TIMEOUT, run
from .sshsettings import (
    Remarks,
    check_settings,
    cure_of,
    settings_of,
    shown_user,
    takes_descriptor,
)
from .words import Harmless, Words, joined, words

#: The connector within the command line of a shell or of another program.
_WRAPPED = re.compile(r"\bconnector(\.exe)?\b.*\bproxy\b")

#: Variables that make Python load other modules, use another library or behave differently at its
#: end (https://docs.python.org/3/using/cmdline.html#environment-variables).
_PYTHON_VARIABLES = (
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONPLATLIBDIR",
    "PYTHONUSERBASE",
    "PYTHONNOUSERSITE",
    "PYTHONEXECUTABLE",
    "PYTHONINSPECT",
)

#: An option with which Python ignores these variables.
_ISOLATED = re.compile(r"-[A-Za-z]*[IE][A-Za-z]*")

#: The environment variable for the option ``--start`` of the connector.
_START_VARIABLE = "CONNECTOR_START"

#: ssh puts this word in front of a ProxyCommand. Among the usual shells, only zsh accepts it twice.
_EXEC = "exec"

#: The exit status that a working shell returns in the check of the shell.
_SHELL_STATUS = 7


def ssh_config(case: Case) -> Result:
    """Follow the host name through ssh's configuration to the connector.

    :raises ConfigError: when ssh does not get to the connector.
    """
    host, settings = _host_of_ssh(case)
    case.ssh_host, case.ssh_settings = host, settings
    command = settings.get("proxycommand", "none")
    cure = cure_of(case.ssh_facts, case.ssh_config_file)
    facts: Facts = {
        "user": shown_user(case.ssh_facts, settings),
        "connectTimeout": _number(settings.get("connecttimeout", "none")),
        "proxyUseFdpass": takes_descriptor(settings),
        "controlPersist": _number(settings.get("controlpersist", "no")),
        "pythonVariables": [],
    }
    if command == "none":
        raise ConfigError(
            words("there is no ProxyCommand for {host} in ssh's configuration", host=host),
            words("{cure}; or use `connector ssh {host}`, which needs none", cure=cure, host=host),
        )
    command_line, remarks = _words(command), Remarks(cure)
    if not [word for word in command_line if word != _EXEC]:
        raise ConfigError(
            words("the ProxyCommand in ssh's configuration is not a command line"), cure
        )
    if command_line[0] == _EXEC:
        remarks.add(words("the ProxyCommand begins with exec, which ssh adds itself"))
        del command_line[0]
    launcher = _launcher(command_line)
    program = command_line[0]
    _check_shell(case.environ)
    case.ssh_command = _without_start(command) if launcher else ""
    case.ssh_starts = not case.ssh_command and _START_VARIABLE in command
    if not launcher and _WRAPPED.search(command):
        text = words(
            "The ProxyCommand runs the connector through {program}: its options were not checked",
            program=program,
        )
        return Result(text, Status.WARN, cure, facts)
    if not launcher:
        raise ConfigError(
            words(
                "the ProxyCommand in ssh's configuration runs {program} instead of the connector",
                program=program,
            ),
            words("{cure}, and remove the section with that ProxyCommand", cure=cure),
        )
    variables = facts["pythonVariables"] = list(_python_variables(launcher, case.environ))
    facts["connector"] = _check_launcher(launcher, variables, remarks)
    arguments = command_line[len(launcher) + 1 :]
    proxy = _proxy_options(case, arguments, host, settings.get("user", ""), cure)
    _check_name(arguments, proxy, host, remarks)
    check_settings(
        case.ssh_facts,
        settings,
        starts=proxy.start,
        wait=proxy.wait,
        passes_descriptors=lambda: case.commands.passes_descriptors(case.ssh),
        remarks=remarks,
    )
    if variables:
        remarks.add(
            words(
                "{variables} can break the ProxyCommand, because its Python uses them",
                variables=_listed(variables),
            ),
            words("{cure}: the ProxyCommand that it writes ignores them", cure=cure),
        )
    # From here on, the doctor uses what ssh would use, as far as the user gave nothing else.
    case.ssh_starts = case.ssh_starts or (proxy.start and "start" not in proxy.found)
    case.options = case.commands.completed(case.options, proxy)
    if remarks:
        return Result(remarks.text, Status.WARN, remarks.hint, facts)
    begin = (
        words("begins when the target runs")
        if takes_descriptor(settings)
        else words("includes the start of the target")
    )
    text = words(
        "ssh {host} leads to this connector, as user {user}; ConnectTimeout {begin}",
        host=host,
        user=shown_user(case.ssh_facts, settings),
        begin=begin,
    )
    return Result(text, facts=facts)


def _number(value: str) -> str:
    """Return a number of seconds or a word for none, marked as harmless."""
    return Harmless(value) if value.isdigit() else public.known(value, ("none", "no", "yes"))


def _host_of_ssh(case: Case) -> tuple[str, dict[str, str]]:
    """Return the host name that leads to a ProxyCommand, with or without suffix; its settings."""
    host = case.options.host
    settings = settings_of(case, host)
    whole = case.ssh_facts.host_word(host)
    if settings.get("proxycommand", "none") == "none" and whole and whole != host:
        of_whole = settings_of(case, whole)
        if of_whole.get("proxycommand", "none") != "none":
            return whole, of_whole
    return host, settings


def _words(command: str) -> list[str]:
    """Split a ProxyCommand into its words; none if a shell could not split it."""
    try:
        found = shlex.split(command, posix=os.name != "nt")
    except ValueError:
        return []
    return [word.strip('"') for word in found] if os.name == "nt" else found


def _without_start(command: str) -> str:
    """Return the ProxyCommand with ``--no-start``, which beats every variable that it sets.

    :returns: an empty string if the quotes of the command leave no place for the option.
    """
    changed = re.sub(r"(?<=\s)proxy(?=\s)", "proxy --no-start", command, count=1)
    wanted = _words(command)
    wanted.insert(wanted.index("proxy") + 1, "--no-start")
    return changed if _words(changed) == wanted else ""


def _launcher(words: Sequence[str]) -> list[str]:
    """Return the words before ``proxy`` if they start the connector; otherwise none."""
    launcher = list(words[: words.index("proxy")]) if "proxy" in words else []
    program = os.path.basename(launcher[-1]).lower() if launcher else ""
    module = launcher[-2:] == ["-m", "connector"]
    return launcher if module or program in ("connector", "connector.exe") else []


def _check_shell(environ: Mapping[str, str]) -> None:
    """Check that the shell with which ssh starts a ProxyCommand runs commands.

    :raises ConfigError: when it does not.
    """
    shell = environ.get("SHELL")
    if sys.platform == "win32" or not shell:  # without the variable, ssh uses /bin/sh
        return
    # ssh does not search the PATH for it.
    path = shell if os.path.dirname(shell) else os.path.join(os.curdir, shell)
    try:
        command = [path, "-c", f"exit {_SHELL_STATUS}"]
        ran = run_program(command, PROGRAM_TIMEOUT, limit=MAX_OUTPUT, drain=DRAIN_TIMEOUT)
        works = ran.status == _SHELL_STATUS
    except OSError:  # which includes TimeoutError
        works = False
    if not works:
        raise ConfigError(
            words(
                "OpenSSH starts the ProxyCommand with {shell}, because SHELL names it, but it runs "
                "no commands",
                shell=public.known(shell, public.SHELLS),
            ),
            words("Set SHELL to a shell: `export SHELL=/bin/sh`"),
        )


def _python_variables(launcher: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the variables for Python that are set and that the ProxyCommand's Python uses."""
    isolated = False
    if os.path.basename(launcher[0]).startswith("python"):
        options = takewhile(lambda word: word.startswith("-"), launcher[1:])
        isolated = any(map(_ISOLATED.fullmatch, options))
    if not isolated:
        yield from (Harmless(name) for name in _PYTHON_VARIABLES if environ.get(name))


def _listed(names: Sequence[str]) -> Words:
    return joined(", ", (words("{name}", name=name) for name in names))


def _check_launcher(launcher: list[str], variables: Sequence[str], remarks: Remarks) -> str:
    """Run the connector of the ProxyCommand, and return its version.

    :param variables: the variables for Python that it uses.
    :raises ConfigError: when it does not run.
    """
    program = os.path.expanduser(launcher[0])  # the shell of the ProxyCommand does that
    if shutil.which(program) is None:
        where = words("") if os.path.dirname(program) else words(" on the PATH")
        raise ConfigError(
            words(
                "the ProxyCommand runs {program}, which is not an executable file{where}",
                program=launcher[0],
                where=where,
            ),
            remarks.cure,
        )
    cure = remarks.cure
    said = run([program, *launcher[1:], "--version"], cure).stdout_text.split()
    if said[:1] != ["connector"] or len(said) != 2:
        if variables:
            cure = words(
                "{cure}; the cause may be {variables}", cure=cure, variables=_listed(variables)
            )
        raise ConfigError(
            words("the ProxyCommand runs {program}, which is not a connector", program=launcher[0]),
            cure,
        )
    found = public.version(said[1])
    if found != version("devenv-connector"):
        remarks.add(
            words(
                "the ProxyCommand runs another connector: version {version}, {program}",
                version=found,
                program=launcher[0],
            )
        )
    return found


def _proxy_options(
    case: Case, arguments: Sequence[str], host: str, user: str, cure: Words
) -> argparse.Namespace:
    """Return the options that ``connector proxy`` gets when ssh has replaced its tokens.

    :raises ConfigError: when ``connector proxy`` does not accept them.
    """
    values = {"n": host, "h": host.lower(), "r": user, "p": "22", "%": "%"}
    expanded = []
    for argument in arguments:
        pieces = argument.replace("%%", "\0").split("%")
        rest = (values.get(piece[:1], f"%{piece[:1]}") + piece[1:] for piece in pieces[1:])
        expanded.append("".join((pieces[0], *rest)).replace("\0", "%"))
    return case.commands.read_proxy_options(expanded, cure)


def _check_name(
    arguments: Sequence[str], proxy: argparse.Namespace, host: str, remarks: Remarks
) -> None:
    """Check that the ProxyCommand passes the host name as the user typed it.

    :raises ConfigError: when the connector does not get a name that it can resolve.
    """
    if any("%h" in argument for argument in arguments):
        if "=" in host and host != host.lower():  # other names mean the same in any case
            raise ConfigError(
                words(
                    "the ProxyCommand passes %h, which ssh converts to lower case: the name has "
                    "capitals"
                ),
                words("Use %n instead. {cure}, which does", cure=remarks.cure),
            )
        remarks.add(words("the ProxyCommand passes %h, which loses the capitals of a name: use %n"))
    if not proxy.host and not proxy.id:
        raise ConfigError(
            words("the ProxyCommand passes no host name: %n is missing"), remarks.cure
        )
