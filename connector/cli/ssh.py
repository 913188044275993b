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
from ..targets.model import StartSettings
from ..targets.registry import kind_of
from .environment import (
    NAMES,
    add_place_options,
    add_service_options,
    open_environment,
    query_of,
)
from .output.progress import patience
from .settings import add_logging_options, add_setting

if TYPE_CHECKING:
    from ..ssh.facts import SshFacts
    from ..targets.kind import Target

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

    if options.words[0] == "--" and len(options.words) > 1:  # argparse leaves it
        del options.words[0]
    options.host, *arguments = options.words
    ssh = find_ssh()  # before anything is started for it
    target = open_environment(options)
    with patience(options.host) as progress:
        target.run_until_running(progress, StartSettings(options.start, options.wait))
    facts = kind_of(query_of(options)).ssh
    host = facts.host_word(options.host) or target.host_name
    proxy, alias = _proxy_command(options, target), target.host_key_alias
    words = command_line(host, alias, proxy, _config_file(facts), arguments)
    return _become([ssh, *words])


def _proxy_command(options: argparse.Namespace, target: Target) -> str:
    """Return the connector's command for this very target, which needs no look-up."""
    from .itself import as_proxy_command, isolated_commands, works_isolated

    commands = isolated_commands()
    if works_isolated(os.environ):
        command = next(commands)
    else:
        from .processes import first_that_runs

        command = first_that_runs(commands)
    words = [*command, "proxy", *target.words]
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


def _config_file(facts: SshFacts) -> str:
    """The path of ssh's configuration, which is written where it is not as it should be.

    :raises ConfigError: when it cannot be written.
    """
    from ..files import FileProblem, make_directory_of, read_text, reason, write_private
    from ..ssh.client import configuration
    from ..ssh.places import user_config
    from ..targets.memory import cache_file

    path = cache_file(os.environ, "ssh_config")
    system = "/etc/ssh/ssh_config"
    if sys.platform == "win32":
        system = os.path.join(os.environ.get("PROGRAMDATA", r"C:\ProgramData"), "ssh/ssh_config")
    text = configuration(facts, user_config(), system)
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
