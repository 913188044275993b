"""``connector ssh``: a Dev Environment is started, and ssh called."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from contextlib import suppress
from itertools import takewhile
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..targets.codecatalyst.wiring import durations_of
from .environment import (
    CALL_TIMEOUT,
    NAMES,
    add_place_options,
    add_service_options,
    open_environment,
)
from .output.progress import patience
from .settings import add_logging_options, add_setting

if TYPE_CHECKING:
    from ..targets.codecatalyst.environment import Environment
    from ..targets.codecatalyst.refusals import Target

DESCRIPTION = f"""\
Start a Dev Environment if need be, wait until it runs, and call ssh. No ssh_config is needed,
but yours applies, with <name>.codecatalyst as the host; what it leaves open is set as for
every Dev Environment: the user mde-user, signs of life, and host keys in a file of their own.

{NAMES}
All that follows ENV goes to ssh as it is. The exit status is that of ssh.
"""

EPILOG = """\
examples:
  connector ssh my-env
  connector ssh my-env -L 8080:localhost:8080
  connector ssh my-env -t top
  connector ssh --no-start my-env           # not if it is stopped
  connector ssh --profile work my-env -- ls -l /projects
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    parser.usage = "%(prog)s [OPTION ...] ENV [SSH_ARGUMENT ...]"
    parser.add_argument(
        "words",
        nargs=argparse.PARSER,  # one, and all that follows it as it is: REMAINDER loses a "--"
        action=_Words,
        metavar="ENV",
        help="a name of the Dev Environment; what follows goes to ssh",
    )
    add_place_options(parser)
    add_service_options(parser)
    add_setting(parser, "start")
    add_setting(parser, "wait")
    add_logging_options(parser)
    parser.set_defaults(id=None)


class _Words(argparse.Action):
    """Store the target and the arguments of ssh, and refuse an option that ssh does not have.

    ssh would refuse it too, but only after a target has been started for it.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        options: argparse.Namespace,
        words: object,
        option: str | None = None,
    ) -> None:
        assert isinstance(words, list)
        for word in takewhile(lambda word: word.startswith("-") and word != "--", words[1:]):
            if word.startswith("--"):
                parser.error(f"{word!r} is no option of ssh: those of connector stand before ENV")
        options.words = words


def run(options: argparse.Namespace) -> int:
    from ..ssh.client import command_line
    from ..ssh.places import find_ssh
    from ..targets.codecatalyst.hosts import DevEnvironment, host_key_alias
    from ..targets.codecatalyst.ssh import SSH

    if options.words[0] == "--" and len(options.words) > 1:  # argparse leaves it
        del options.words[0]
    options.host, *arguments = options.words
    ssh = find_ssh()  # before anything is started for it
    environment = open_environment(options)
    _start(environment, options)
    target = environment.target
    named = DevEnvironment(target.space, target.project, target.id)
    host = SSH.host_word(options.host) or named.host_name
    alias = host_key_alias(target.id)
    words = command_line(host, alias, _proxy_command(options, target), _config_file(), arguments)
    return _become([ssh, *words])


def _start(environment: Environment, options: argparse.Namespace) -> None:
    """Return when it runs."""
    from ..targets.codecatalyst.starts import StartSettings
    from ..targets.codecatalyst.startup import Startup

    token = environment.tokens.load(CALL_TIMEOUT)
    with environment.explained(token):
        state = environment.look(token, CALL_TIMEOUT)
    if state.status == "RUNNING":
        return
    settings = StartSettings(allowed=options.start, timeout=options.wait)
    with patience(options.host) as progress:
        startup = Startup(environment, progress, settings, durations_of(environment))
        startup.until_running(state, token)


def _proxy_command(options: argparse.Namespace, target: Target) -> str:
    """The connector for just this Dev Environment: no name has to be looked up again."""
    from .itself import as_proxy_command, isolated_commands, works_isolated

    commands = isolated_commands()
    if works_isolated(os.environ):
        command = next(commands)
    else:
        from .processes import first_that_runs

        command = first_that_runs(commands)
    words = [*command, "proxy", "--space", target.space, "--project", target.project]
    words += ["--id", target.id]
    for option, value in (
        ("--profile", options.profile),
        ("--endpoint-url", options.endpoint_url),
        ("--log-file", options.log_file and os.path.abspath(options.log_file)),
    ):
        if value:
            words.append(f"{option}={value}")  # which may begin with a dash
    if not options.start:
        words.append("--no-start")
    return as_proxy_command(words + ["-v"] * options.verbose)


def _config_file() -> str:
    """The path of ssh's configuration, which is written where it is not as it should be.

    :raises ConfigError: when it cannot be written.
    """
    from ..files import FileProblem, make_directory_of, read_text, reason, write_private
    from ..ssh.client import configuration
    from ..ssh.places import user_config
    from ..targets.codecatalyst.ssh import SSH
    from ..targets.memory import cache_file

    path = cache_file(os.environ, "ssh_config")
    system = "/etc/ssh/ssh_config"
    if sys.platform == "win32":
        system = os.path.join(os.environ.get("PROGRAMDATA", r"C:\ProgramData"), "ssh/ssh_config")
    text = configuration(SSH, user_config(), system)
    with suppress(FileNotFoundError, FileProblem):
        if read_text(path) == text:
            return path
    try:
        make_directory_of(path)
        write_private(path, text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({reason(error)})") from None
    return path


def _become(command: list[str]) -> int:
    """Run a program in our place; returns its exit status only where that cannot be done.

    :raises ConfigError: when it cannot be run.
    """
    try:
        if sys.platform == "win32":
            # Ctrl-C reaches both, and is ssh's to handle.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            return subprocess.call(command)
        # Python ignores these, and so would ssh and what it starts.
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.execv(command[0], command)
    except OSError as error:
        raise ConfigError(f"{command[0]} cannot be run ({error.strerror})") from None
