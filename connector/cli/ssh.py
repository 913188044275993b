"""``connector ssh``: start a target, and call ssh."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from itertools import takewhile
from typing import TYPE_CHECKING, NoReturn

from ..errors import ConfigError
from ..targets.model import SSH
from ..targets.registry import PLACE, SESSION, START, WAY, started_if_asked
from .settings import add_logging_options, add_setting
from .start import start_target
from .target import (
    NAMES,
    add_kind_options,
    add_service_options,
    open_target,
    start_settings,
)

if TYPE_CHECKING:
    from ..targets.kind import Target

DESCRIPTION = f"""\
Start a target if it is stopped, wait until it runs, and call ssh. {started_if_asked()} are
started only with --start. This works without `connector config-ssh`. Your ssh configuration
applies; connector adds the user, the keep-alive messages and a separate file of host keys,
unless your configuration sets them.

{NAMES}
All arguments after TARGET go to ssh unchanged. The exit status is that of ssh.
"""

EPILOG = """\
examples:
  connector ssh my-env
  connector ssh my-env -L 8080:localhost:8080
  connector ssh my-env -t top
  connector ssh --no-start my-env           # fail if it is stopped
  connector ssh --profile work my-env -- ls -l /projects
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    parser.usage = "%(prog)s [OPTION ...] TARGET [SSH_ARGUMENT ...]"
    parser.add_argument(
        "words",
        nargs=argparse.PARSER,  # REMAINDER would lose a "--"
        action=_Words,
        metavar="TARGET",
        help="the name of the target; the arguments after it go to ssh",
    )
    add_kind_options(parser, PLACE, START, WAY, SESSION)
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
                parser.error(
                    f"{word!r} is not an option of ssh: put options of connector before TARGET"
                )
        options.words = words


def run(options: argparse.Namespace) -> int:
    from ..ssh.places import find_ssh
    from .itself import ssh_passes_descriptors
    from .sshcall import call_of, proxy_command

    if options.words[0] == "--" and len(options.words) > 1:  # argparse keeps it
        del options.words[0]
    options.host, *arguments = options.words
    ssh = find_ssh()  # fail before the target is started
    target, _ = start_target(options, open_target(options, SSH), start_settings(options))
    call = call_of(options, target, arguments, fdpass=ssh_passes_descriptors(ssh))
    command = [ssh, *call.words(proxy_command(options, target, ssh, call))]
    # On Windows no program replaces another.
    run_ssh = _run if target.billing or sys.platform == "win32" else _become
    return run_ssh(command, options, target)


def _run(command: list[str], options: argparse.Namespace, target: Target) -> int:
    """Run ssh, and offer a stop of a target that is billed. Return the exit status of ssh.

    :raises ConfigError: when ssh cannot be run.
    """
    from .afterwards import offer_stop
    from .child import Child

    child = Child()
    try:
        exit_code = child.run(command)
    except OSError as error:
        raise _not_run(command, error) from None
    offer_stop(options, target, options.host, ask=not child.signalled)
    return exit_code


def _become(command: list[str], options: argparse.Namespace, target: Target) -> NoReturn:
    """Replace this process by ssh.

    :raises ConfigError: when ssh cannot be run.
    """
    # Python ignores these signals. ssh and its children would inherit that.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execv(command[0], command)
    except OSError as error:
        raise _not_run(command, error) from None


def _not_run(command: list[str], error: OSError) -> ConfigError:
    return ConfigError(f"{command[0]} cannot be run ({error.strerror})")
