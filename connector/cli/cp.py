"""``connector cp``: copy files over several connections at once."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import ConfigError, ConnectorError, InternalError, LinkLost
from ..settings.table import SETTINGS
from ..targets.model import COMMAND, SSH, Query
from ..targets.registry import PLACE, SESSION, START, WAY, row_of
from .output.lines import say
from .settings import add_logging_options, add_setting
from .start import start_target
from .target import (
    NAMES,
    add_kind_options,
    add_service_options,
    open_target,
    query_of,
    start_settings,
)

if TYPE_CHECKING:
    from ..copy.copying import Copy
    from ..copy.links import Way
    from ..copy.names import Wish
    from ..copy.tarcopy import TarCopy
    from ..targets.kind import Target

DESCRIPTION = f"""\
Copy files to or from a target over several ssh connections at once. The agent of a target sends
about 0.8 MB/s over each session, so a large download over eight is several times as fast as scp.

A word TARGET:PATH is at the target; PATH is relative to the home directory there. Any other word
is a file of this machine: write ./a:b if its name has a colon. - is stdin or stdout.

{NAMES}
Some kinds of target have no SSH server as a rule: there one command runs tar instead. It needs
sh, base64, dd, tr and tar at the target, and stty for an upload; --resume, -j and -o have no use.

A file gets its name when it is whole. Both ends compare SHA-256 digests where the target has
sha256sum, shasum or, for tar, cksum. Your ssh configuration applies, as with `connector ssh`.
"""

EPILOG = """\
exit code: 0 if all is copied; 1 if some files are not, each with a line on stderr; see
docs/exit-codes.md for the others.

examples:
  connector cp my-env:/projects/app/build.tar .
  connector cp -r -p src my-env:/projects/
  connector cp --resume my-env:big.img .      # resume an interrupted copy
  connector cp my-env:log.txt - | grep ERROR
"""

#: Connections by default: down, where the agent sets the pace, and up, where it does not.
_DOWN, _UP, _MOST = 8, 4, 32


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    parser.usage = "%(prog)s [options] SOURCE ... DESTINATION"
    parser.add_argument(
        "words",
        nargs="+",
        metavar="SOURCE ... DESTINATION",
        help="the files, and where they go",
    )
    parser.add_argument("-r", "--recursive", action="store_true", help="copy directories")
    parser.add_argument("-p", "--preserve", action="store_true", help="keep times and modes")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="resume an interrupted copy: files and parts that are there are checked and kept",
    )
    parser.add_argument(
        "-j",
        "--connections",
        type=_count,
        metavar="N",
        help=f"connections at most, 1 to {_MOST} ({_DOWN} down, {_UP} up)",
    )
    parser.add_argument("--json", action="store_true", help="print events in JSON on stdout")
    parser.add_argument(
        "-o",
        dest="ssh_options",
        action="append",
        default=[],
        metavar="OPTION",
        help="an option of ssh, as in ssh_config, such as -o IdentityFile=PATH",
    )
    add_kind_options(parser, PLACE, START, WAY, SESSION)
    add_service_options(parser)
    add_setting(parser, "start")
    add_setting(parser, "wait")
    add_logging_options(parser)
    parser.set_defaults(
        id=None,
        ping_interval=SETTINGS["ping-interval"],
        payload_size=SETTINGS["payload-size"],
    )


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {_MOST}")
    return int(text)


def run(options: argparse.Namespace) -> int:
    from ..copy.names import wish_of
    from ..copy.plan import check_here, hopeless_here
    from ..ssh.places import find_ssh
    from .sshcall import check_options

    if sys.platform == "win32":
        raise ConfigError("`connector cp` does not run on Windows", "Use scp, or run it in WSL")
    if len(options.words) < 2:
        raise ConfigError("the destination is missing", "Write a source and a destination")
    wish = wish_of(options.words)
    if options.json and wish.target.is_stream:
        raise ConfigError("--json does not go with stdout as the destination", "Leave one out")
    # Where a stream is closed, its descriptor may be another file by now.
    if wish.target.is_stream and sys.stdout is None:
        raise LinkLost("stdout cannot be written: it is closed")
    if wish.sources[0].is_stream and sys.stdin is None:
        raise ConfigError("stdin is closed")
    check_here(wish)
    options.host = wish.far.host
    by_tar = row_of(query_of(options)).copies_by_tar
    if by_tar:
        _refuse_options_of_ssh(options, wish)
    ssh = "" if by_tar else find_ssh()  # fail before the target is started
    if options.ssh_options:
        check_options(ssh, _ssh_options(options))
    if problems := hopeless_here(wish, recursive=options.recursive):
        return _tell_nothing_is_copied(options, problems)
    target = open_target(options, COMMAND if by_tar else SSH)
    target, _ = start_target(options, target, start_settings(options))
    _end_on_signals()
    try:
        if by_tar:
            return _copy(options, _tar_copy(options, wish, target))
        with _private_directory() as directory:
            return _copy(options, _ssh_copy(options, wish, target, ssh, directory))
    except _Ended as ended:
        return ended.exit_code


def _copy(options: argparse.Namespace, copy: Copy | TarCopy) -> int:
    from ..copy.command import CommandFailed
    from .output.copyview import Outcome, view_of

    with view_of(as_json=options.json) as view:
        exit_code = InternalError.exit_code
        try:
            copy.run(view.show)
            exit_code = 1 if copy.problems else 0
        except CommandFailed as failed:  # it has told the user why
            exit_code = failed.exit_code
        except (ConnectorError, _Ended) as error:
            exit_code = error.exit_code
            raise
        finally:
            problems = [(os.fsdecode(name), problem) for name, problem in copy.problems]
            view.end(Outcome(copy.progress(), problems, copy.unchecked, exit_code))
            if copy.can_resume:
                say(f"To go on later, run `{_command_to_resume(options)}`")
    return exit_code


def _tell_nothing_is_copied(
    options: argparse.Namespace, problems: Sequence[tuple[bytes, str]]
) -> int:
    """Show why no source can be copied, and return the exit code."""
    from ..copy.copying import Progress
    from .output.copyview import Outcome, view_of

    named = [(os.fsdecode(name), problem) for name, problem in problems]
    with view_of(as_json=options.json) as view:
        view.end(Outcome(Progress(0, 0, 0, 0, 0, 0), named, (0, ""), 1))
    return 1


def _command_to_resume(options: argparse.Namespace) -> str:
    """Return the command that goes on with this copy."""
    query = query_of(options)._replace(name="")
    words = ["connector", "cp", "--resume", *query.words]
    words += ["-r"] * options.recursive + ["-p"] * options.preserve
    if options.connections:
        words += ["-j", str(options.connections)]
    words += _ssh_options(options)
    dashed = any(word.startswith("-") for word in options.words)
    return shlex.join([*words, *(["--"] if dashed else []), *options.words])


def _ssh_copy(
    options: argparse.Namespace, wish: Wish, target: Target, ssh: str, directory: str
) -> Copy:
    """Return the copy by SFTP over several connections of the user's ssh."""
    from ..copy.copying import Copy

    return Copy(
        wish,
        _way(options, wish, target, ssh, directory),
        options.connections or (_DOWN if wish.downloads else _UP),
        recursive=options.recursive,
        preserve=options.preserve,
        resume=options.resume,
        report=say,
        before_end=_ignore_signals,
    )


def _tar_copy(options: argparse.Namespace, wish: Wish, target: Target) -> TarCopy:
    """Return the copy by tar in a command, which `connector exec` runs on this very target."""
    from ..copy.tarcopy import TarCopy
    from .itself import own_command
    from .sshcall import words_for_another

    words = [*own_command(), "exec", *target.words, *words_for_another(options)]
    return TarCopy(
        wish,
        [*words, "--"],
        recursive=options.recursive,
        preserve=options.preserve,
        report=say,
        before_end=_ignore_signals,
    )


def _refuse_options_of_ssh(options: argparse.Namespace, wish: Wish) -> None:
    """Check that a copy by tar can do what the user asks for.

    :raises ConfigError: when only a copy over ssh can.
    """
    given = (
        ("--resume", options.resume),
        ("-j", options.connections),
        ("-o", options.ssh_options),
        (f"{wish.far.user}@", wish.far.user),
    )
    nouns = row_of(query_of(options)).words.nouns
    for what, value in given:
        if value:
            raise ConfigError(
                f"{what} does not go with {nouns}, where copies go by tar, not over ssh",
                "Leave it out, or use scp if the target has an SSH server",
            )


def _way(options: argparse.Namespace, wish: Wish, target: Target, ssh: str, directory: str) -> Way:
    """Return how the copy connects: through this process where ssh takes descriptors."""
    from ..copy.links import Way
    from ..library.carrier import Options
    from .itself import ssh_passes_descriptors
    from .sshcall import asked_by_ssh, call_of, proxy_command

    user = ("-l", wish.far.user) if wish.far.user else ()
    call = call_of(
        options, target, [*user, *_ssh_options(options)], fdpass=ssh_passes_descriptors(ssh)
    )
    places = [option.name for option in row_of(query_of(options)).options if option.role == PLACE]
    own = [pair for pair in query_of(options).options if pair[0] not in places]
    if call.fdpass:
        own += asked_by_ssh(options, ssh, call).items()
    return Way(
        ssh,
        call,
        "" if call.fdpass else proxy_command(options, target, ssh, call),
        Options(
            Query(target.host_name, tuple(own), options.profile, options.endpoint_url),
            options.start,
            options.wait,
            options.ping_interval,
            options.payload_size,
        ),
        directory,
    )


def _ssh_options(options: argparse.Namespace) -> list[str]:
    return [word for option in options.ssh_options for word in ("-o", option)]


@contextmanager
def _private_directory() -> Iterator[str]:
    """Make a directory for sockets. Their paths must be shorter than 104 bytes."""
    directory = tempfile.mkdtemp(prefix="connector-")
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class _Ended(BaseException):
    """A signal ends the copy.

    :ivar exit_code: of the command.
    """

    def __init__(self, exit_code: int) -> None:
        super().__init__()
        self.exit_code = exit_code


def _signals() -> Iterator[tuple[int, int]]:
    """Yield the signals that end the copy, with their exit codes; but those that are ignored."""
    for name, exit_code in (("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)):
        number = signal.Signals[name]
        if signal.getsignal(number) is not signal.SIG_IGN:
            yield number, exit_code


def _end_on_signals() -> None:
    """Let signals end the copy in order."""
    for number, exit_code in _signals():

        def end(*_: object, exit_code: int = exit_code) -> None:
            raise _Ended(exit_code)

        signal.signal(number, end)


def _ignore_signals() -> None:
    """Ignore signals from now on: the copy ends within seconds, and leaves nothing behind."""
    for number, _ in _signals():
        signal.signal(number, signal.SIG_IGN)
