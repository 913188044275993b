"""``connector config-ssh``: set up ssh and the programs that read its configuration."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, ConnectorError, NoRegion
from ..settings.table import SETTINGS
from ..targets.model import GONE, RUNNING, Query
from ..targets.registry import KINDS
from .kinds import add_kinds, kinds_of
from .output.lines import agreed, can_ask, say, tell
from .settings import add_logging_options

if TYPE_CHECKING:
    from ..ssh.include import NamedHost
    from ..ssh.places import Places
    from ..ssh.plan import Part, Plan
    from ..targets.kind import Kind
    from ..targets.model import Row
    from ..targets.registry import KindRow

DESCRIPTION = """\
Set up ssh, scp, rsync, git and VS Code to reach targets by name. This writes a file beside
~/.ssh/config, and adds one line at the top of ~/.ssh/config that includes it. config-ssh
first shows the changes and asks you. Run it again for new targets, or after the connector
has moved. --remove undoes all changes, or those of each --kind.

config-ssh checks the result with `ssh -G`, for names of targets and for one other name. Each
check runs the commands of `Match exec` in your configuration, as each ssh does, up to ten
times in all. --unchecked skips the check.
"""

EPILOG = """\
examples:
  connector config-ssh --dry-run                # only show the changes
  connector config-ssh --profile work
  connector config-ssh --remove
"""

#: Seconds to wait for the lock: another run may be checking many hosts.
_LOCK_TIMEOUT = 60.0

#: Seconds for listing all targets. The user waits for it.
_LIST_TIMEOUT = 30.0


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    add_kinds(
        parser,
        "set up this kind of target, besides those of earlier runs (by default the first)",
    )
    parser.add_argument(
        "--profile",
        help="the AWS profile for ssh (default: the one that ssh's configuration has now, else "
        "that of AWS_PROFILE, which IDEs do not pass to ssh)",
    )
    parser.add_argument(
        "-F",
        "--ssh-config",
        metavar="PATH",
        help="change this file instead of ~/.ssh/config: a file for ssh -F, or for VS Code's "
        "remote.SSH.configFile",
    )
    parser.add_argument(
        "--compression",
        action="store_true",
        default=None,
        help="let ssh compress, which speeds up text (the default, unless --no-compression was "
        "given before)",
    )
    parser.add_argument(
        "--no-compression",
        dest="compression",
        action="store_false",
        default=None,
        help="leave compression out, also in later runs: for uploads above some 20 MB/s",
    )
    parser.add_argument("--remove", action="store_true", help="undo the changes of earlier runs")
    parser.add_argument(
        "--unchecked",
        action="store_true",
        help="do not check the result with ssh, for a Match exec that takes too long",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="only show the changes")
    how.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_logging_options(parser)
    # ssh has to wait as long as its ProxyCommand, which reads this setting and no option.
    parser.set_defaults(wait=SETTINGS["wait"])


def run(options: argparse.Namespace) -> int:
    from ..ssh.places import find_places

    _end_what_runs_with_us()
    every = [
        (row, kind, find_places(kind.ssh, options.ssh_config))
        for row in KINDS
        for kind in [row.load()]
    ]
    ours = [each[1:] for each in every if _concerns(options, *each)]
    ours = ours or [every[0][1:]]  # nothing is set up yet
    places = ours[0][1]
    if places.is_default and places.config != Path(os.path.expanduser("~/.ssh/config")):
        say(f"ssh reads {places.config} and ignores HOME")
    plan_again, outcome = _removal(ours) if options.remove else _setup(options, ours)
    plan = plan_again()
    changes = [change for change in plan.changes if change.differs]
    tell(*(line for change in changes for line in change.diff()))
    for note in plan.notes:
        say(note)
    if not changes:
        tell(f"Nothing to change. {outcome[0]}")
    elif options.dry_run:
        tell("Nothing was written (--dry-run).")
    elif options.yes or _agreed():
        _make(plan, plan_again, options.yes)
        tell(f"Done. {outcome[0]}", *outcome[1:])
    else:
        tell("Nothing was written.")
    return 0


def _concerns(options: argparse.Namespace, row: KindRow, kind: Kind, places: Places) -> bool:
    """Return whether to set up or remove a kind.

    Patterns of a kind can match other hosts of the user. So a kind is set up only when the user
    asks for it, and then kept up to date. Another program's file with the name of ours matters
    only for a kind that the user asks for.

    :raises ConfigError: when our file cannot be read.
    """
    from ..ssh.change import read_config
    from ..ssh.include import is_written_by_us

    kinds = kinds_of(options)
    if (kinds and options.remove) or row.name in kinds:
        return row.name in kinds
    content = read_config(places.ours)
    if content is None:
        return bool(options.remove)
    return is_written_by_us(kind.ssh, content) or row is KINDS[0]


def _end_what_runs_with_us() -> None:
    """Let SIGTERM and SIGHUP end ssh and its children too, as Ctrl-C does."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


#: A function that plans anew, and lines for the user after the change. The first one is also
#: printed when there is nothing to change.
_Planned = tuple[Callable[[], "Plan"], list[str]]


def _removal(ours: Sequence[tuple[Kind, Places]]) -> _Planned:
    from ..ssh.plan import plan_removal

    outcome = f"{ours[0][1].config} contains nothing of connector."
    kinds = [(kind.ssh, places) for kind, places in ours]
    files = [(facts.known_hosts, places.setting(facts.known_hosts)) for facts, places in kinds]
    kept = [word for word, file in files if os.path.exists(file)]
    if kept:
        outcome += f" The host keys of targets stay in {', '.join(kept)}."
    return lambda: plan_removal(kinds), [outcome]


def _setup(options: argparse.Namespace, ours: Sequence[tuple[Kind, Places]]) -> _Planned:
    from ..programs import run_program
    from ..ssh.check import SshClient
    from ..ssh.command import is_temporary
    from ..ssh.include import WAIT_MARGIN
    from ..ssh.places import find_ssh
    from ..ssh.plan import plan_setup
    from .itself import first_that_runs, isolated_commands, ssh_passes_descriptors

    program = find_ssh()
    command = first_that_runs(isolated_commands())
    fdpass = ssh_passes_descriptors(program)
    temporary = next(filter(is_temporary, filter(os.path.isabs, command)), None)
    if temporary:
        say(
            f"{temporary} is in a temporary directory: ssh fails when it is removed. "
            "Install connector (pipx install), and run this again"
        )
    unlisted: dict[str, list[str]] = {}
    parts = [
        _part(options, kind, places, command, unlisted, fdpass=fdpass) for kind, places in ours
    ]
    for reason, (*nouns, last) in unlisted.items():
        say(
            f"IDEs will not show new {' or '.join(filter(None, (', '.join(nouns), last)))} in "
            f"their lists, but ssh reaches them by name. {reason}; then run this again"
        )
    asked = {row.suffixes[0] for row in KINDS if row.name in kinds_of(options)}
    likely = [part for part in parts if part.facts.suffix in asked] or parts
    listed = next((part for part in likely if part.hosts), likely[0])
    example = listed.hosts[0].name if listed.hosts else f"<name>{listed.facts.suffix}"
    places = listed.places
    outcome = [f"Try: {'ssh' if places.is_default else f'ssh -F {places.config}'} {example}"]
    if not fdpass:
        outcome.append(
            "VS Code waits 15 s for ssh. To let stopped targets start, set "
            f'"remote.SSH.connectTimeout": {options.wait + WAIT_MARGIN:.0f} in VS Code.'
        )
    client = None if options.unchecked else SshClient(program, run_program)
    return lambda: plan_setup(parts, client), outcome


def _part(
    options: argparse.Namespace,
    kind: Kind,
    places: Places,
    command: Sequence[str],
    unlisted: dict[str, list[str]],
    *,
    fdpass: bool,
) -> Part:
    """Return what to write for one kind. What no option says stays as earlier runs wrote it.

    :param unlisted: takes the kind's nouns, by the reason why its targets are not known.
    """
    from ..ssh.command import profile_of, proxy_command
    from ..ssh.include import Choices, compression_of, proxy_command_of
    from ..ssh.plan import Part, read_ours

    written = read_ours(kind.ssh, places)
    # None leaves the profile to the environment of ssh.
    profile = (
        options.profile
        or profile_of(proxy_command_of(written))
        or os.environ.get("AWS_PROFILE")
        or os.environ.get("AWS_DEFAULT_PROFILE")
        or None
    )
    compression = compression_of(written) if options.compression is None else options.compression
    command_line = proxy_command(command, profile, kind.ssh.proxy_words)
    choices = Choices(command_line, fdpass, compression, options.wait)
    return Part(kind.ssh, places, choices, _known_hosts(profile, kind, unlisted))


def _known_hosts(
    profile: str | None, kind: Kind, unlisted: dict[str, list[str]]
) -> Sequence[NamedHost] | None:
    """Return all targets, those first that make good examples.

    Return None if the list is incomplete: then a name may not be unique.
    """
    from ..ssh.facts import is_plain
    from ..ssh.include import NamedHost

    try:
        listing = kind.list_targets(Query(profile=profile), os.environ, _LIST_TIMEOUT)
        if not listing.is_whole:
            raise next(each.error for each in listing.problems if not each.is_refusal)
        if listing.malformed:
            raise listing.malformed
    except ConnectorError as error:
        if isinstance(error, NoRegion):
            # This command has no --region, and IDEs do not pass AWS_REGION to ssh.
            error.hint = "Add `region` to the profile or to the settings file"
        unlisted.setdefault(str(error).rstrip("."), []).append(kind.ssh.nouns)
        return None
    # A name that is not plain gets no section. The patterns may match it.
    usable = [each for each in listing.rows if each.state.phase != GONE and is_plain(each.name)]
    return [
        NamedHost(
            each.name,
            each.host_key_alias,
            each.about,
            each.user if is_plain(each.user) else "",
        )
        for each in sorted(usable, key=_best_first)
    ]


def _best_first(row: Row) -> tuple[bool, bool, str, str]:
    """Sort those first that make a good example: one that runs, and has an alias."""
    return row.state.phase != RUNNING, not row.alias, row.alias, row.host_key_alias


def _agreed() -> bool:
    """Ask the user whether to write the changes.

    :raises ConfigError: when stdin or stdout is not a terminal.
    """
    if not can_ask():
        raise ConfigError(
            "Nothing was written: there is no terminal to ask on",
            "Give --yes to write the changes",
        )
    return agreed("\nWrite these changes?")


def _make(plan: Plan, plan_again: Callable[[], Plan], unseen: bool) -> None:
    """Make the changes, unless the files have changed since the user saw them.

    :param unseen: whether to make changes that the user has not seen.
    """
    from ..files import file_lock, make_directory_of, reason
    from ..targets.memory import cache_file

    path = cache_file(os.environ, "config-ssh.lock")
    with ExitStack() as lock:
        try:
            make_directory_of(path)
            lock.enter_context(file_lock(path, _LOCK_TIMEOUT))
        except OSError as error:
            raise ConfigError(f"The lock {path} cannot be acquired ({reason(error)})") from None
        fresh = plan if plan.is_current else plan_again()  # ask ssh again only if needed
        if fresh != plan and not unseen:
            raise ConfigError(
                "The files were changed meanwhile: nothing was written", "Run the command again"
            )
        fresh.make()
