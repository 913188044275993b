"""The call of ssh for a target, as ``connector ssh`` and ``connector cp`` make it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..programs import run_program
from ..ssh.check import ANY_HOST, Answer, listed_paths
from ..ssh.client import Call
from ..ssh.facts import is_plain
from ..ssh.offered import key_of_call
from ..targets.registry import kind_of
from .itself import as_proxy_command, first_that_runs, isolated_commands, works_isolated
from .target import query_of

#: Seconds for ssh to print its settings. A ``Match exec`` can run anything.
_ANSWER_TIMEOUT = 10.0

if TYPE_CHECKING:
    from ..ssh.facts import PushedKey, SshFacts
    from ..targets.kind import Target


def call_of(
    options: argparse.Namespace, target: Target, arguments: Sequence[str], *, fdpass: bool
) -> Call:
    """Return the call of ssh for a target.

    :param arguments: the user's own.
    :param fdpass: whether ssh takes its connection as a descriptor.
    :raises ConfigError: when the configuration for ssh cannot be written.
    """
    facts = kind_of(query_of(options)).ssh
    host = facts.host_word(options.host) or target.host_name
    config = _config_file(facts, target.user or facts.user)
    return Call(host, target.host_key_alias, config, arguments, fdpass)


def proxy_command(options: argparse.Namespace, target: Target, ssh: str, call: Call) -> str:
    """Return the connector's command for this very target, which needs no look-up.

    :param ssh: the program that will make the call.
    """
    commands = isolated_commands()
    works = works_isolated(os.environ)
    command = next(commands) if works else first_that_runs(commands)
    words = [*command, "proxy", *target.words, *words_for_another(options)]
    if options.start is not None:
        words.append("--start" if options.start else "--no-start")
    facts = kind_of(query_of(options)).ssh
    told = facts.proxy_options
    tokens = [(name, value) for name, value in told if value.startswith("%")]  # ssh replaces them
    asks = len(tokens) < len(told) or _pushed_key(options, facts)
    asked = asked_by_ssh(options, ssh, call) if asks else {}
    paths = asked.keys() - dict(tokens).keys()
    words += [f"--{name}={asked[name]}" for name in sorted(paths)]
    by_ssh = [word for name, value in tokens for word in (f"--{name}", value)]
    return " ".join([as_proxy_command(words + ["-v"] * options.verbose), *by_ssh])


def words_for_another(options: argparse.Namespace) -> list[str]:
    """Return the options that another process of the connector needs to do as this one does."""
    given = (
        ("--profile", options.profile),
        ("--endpoint-url", options.endpoint_url),
        ("--log-file", options.log_file and os.path.abspath(options.log_file)),
    )
    return [f"{option}={value}" for option, value in given if value]  # it may begin with a dash


def asked_by_ssh(options: argparse.Namespace, ssh: str, call: Call) -> dict[str, str]:
    """Return the options that tell a ProxyCommand what ssh does, with their values."""
    facts = kind_of(query_of(options)).ssh
    told, pushed = facts.proxy_options, _pushed_key(options, facts)
    if not (told or pushed):
        return {}
    try:
        ran = run_program([ssh, "-G", *call.words("none")], _ANSWER_TIMEOUT)
    except OSError:  # which includes TimeoutError
        return {}  # the call of ssh that follows reports its own failure
    answer = Answer(tuple(ran.stdout_text.splitlines()), "")
    values = {"%p": answer.value("port"), "%r": answer.value("user")}
    # ssh stores new keys in the first file.
    keys, *_ = [*listed_paths(answer.value("userknownhostsfile") or "none"), None]
    asked = ((name, values.get(value, keys)) for name, value in told)
    found = {name: value for name, value in asked if value}
    if pushed and not ran.status:
        # Without a key, another one of the user's configuration must not be pushed.
        found[pushed.option] = key_of_call(ran.stdout_text, pushed.types, os.environ) or ""
    return found


def _pushed_key(options: argparse.Namespace, facts: SshFacts) -> PushedKey | None:
    """Return how the user's key is pushed, if the user asks for that."""
    pushed = facts.pushed_key
    return pushed if pushed and query_of(options).flag(pushed.flag) else None


def check_options(ssh: str, options: Sequence[str]) -> None:
    """Let ssh check options of the user, without configuration files.

    :raises ConfigError: when ssh refuses them.
    """
    try:
        ran = run_program([ssh, "-G", "-T", "-F", os.devnull, *options, ANY_HOST], _ANSWER_TIMEOUT)
    except OSError:  # which includes TimeoutError
        return  # the call of ssh that follows reports its own failure
    if ran.status:
        said = ran.stderr_text.strip().partition("\n")[0].strip()
        raise ConfigError(f"OpenSSH refuses an option of -o ({said})")


def _config_file(facts: SshFacts, user: str) -> str:
    """Write the configuration for ssh if it has changed, and return its path.

    Each kind and user has a file, so that calls at the same time do not change each other's.

    :raises ConfigError: when it cannot be written.
    """
    from ..files import FileProblem, make_directory_of, read_text, reason, write_private
    from ..ssh.client import configuration
    from ..ssh.places import user_config
    from ..targets.memory import cache_file

    user = user if is_plain(user) else ""
    of_user = f"{user}_" if user != facts.user else ""
    path = cache_file(os.environ, f"{facts.file_prefix}{of_user}ssh_config")
    system = "/etc/ssh/ssh_config"
    if sys.platform == "win32":
        system = os.path.join(os.environ.get("PROGRAMDATA", r"C:\ProgramData"), "ssh/ssh_config")
    text = configuration(facts, user, user_config(), system)
    with suppress(FileNotFoundError, FileProblem):
        if read_text(path) == text:
            return path
    try:
        make_directory_of(path)
        write_private(path, text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({reason(error)})") from None
    return path
