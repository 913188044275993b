"""``connector config-ssh``: set up ssh and the programs that read its configuration."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, ConnectorError
from ..settings.table import SETTINGS
from ..targets.model import GONE, RUNNING, Query
from ..targets.registry import KINDS
from .output.lines import agreed, can_ask, say, tell
from .settings import add_logging_options

if TYPE_CHECKING:
    from ..ssh.facts import SshFacts
    from ..ssh.include import NamedHost
    from ..ssh.places import Places
    from ..ssh.plan import Plan
    from ..targets.kind import Kind
    from ..targets.model import Row
    from ..targets.registry import KindRow

DESCRIPTION = """\
Set up ssh, scp, rsync, git and VS Code to reach targets by name. This writes a file beside
~/.ssh/config, and adds one line at the top of ~/.ssh/config that includes it. config-ssh
first shows the changes and asks you. Run it again for new targets, or after the connector
has moved. --remove undoes all changes.

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
    _end_what_runs_with_us()
    # The file of the first kind records that the user's file was created: it is removed last.
    for row in reversed(KINDS) if options.remove else KINDS:
        _configure(options, row)
    return 0


def _configure(options: argparse.Namespace, row: KindRow) -> None:
    """Change the configuration for one kind of target, in a file of its own."""
    from ..ssh.include import WAIT_MARGIN
    from ..ssh.places import find_places

    kind = row.load()
    places = find_places(kind.ssh, options.ssh_config)
    if places.is_default and places.config != Path(os.path.expanduser("~/.ssh/config")):
        say(f"ssh reads {places.config} and ignores HOME")
    if options.remove:
        plan_again, outcome = _removal(kind.ssh, places)
    else:
        plan_again, outcome = _setup(options, places, row, kind)
    plan = plan_again()
    changes = [change for change in plan.changes if change.differs]
    tell(*(line for change in changes for line in change.diff()))
    for note in plan.notes:
        say(note)
    if not changes:
        tell(f"Nothing to change. {outcome}")
    elif options.dry_run:
        tell("Nothing was written (--dry-run).")
    elif options.yes or _agreed():
        _make(plan, plan_again, options.yes)
        tell(f"Done. {outcome}")
        if not options.remove:
            tell(
                "VS Code waits 15 s for ssh. To let stopped targets start, set "
                f'"remote.SSH.connectTimeout": {options.wait + WAIT_MARGIN:.0f} in VS Code.'
            )
    else:
        tell("Nothing was written.")


def _end_what_runs_with_us() -> None:
    """Let SIGTERM and SIGHUP end ssh and its children too, as Ctrl-C does."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def _removal(facts: SshFacts, places: Places) -> tuple[Callable[[], Plan], str]:
    from ..ssh.plan import plan_removal

    outcome = f"{places.config} contains nothing of connector."
    if os.path.exists(places.setting(facts.known_hosts)):
        outcome += f" The host keys of your {facts.nouns} stay in {facts.known_hosts}."
    return lambda: plan_removal(facts, places), outcome


def _setup(
    options: argparse.Namespace, places: Places, row: KindRow, kind: Kind
) -> tuple[Callable[[], Plan], str]:
    """Return a function that plans the set-up, and a line about what to do next."""
    from ..programs import run_program
    from ..ssh.check import SshClient
    from ..ssh.command import is_temporary, proxy_command
    from ..ssh.places import find_ssh
    from ..ssh.plan import plan_setup
    from .itself import first_that_runs, isolated_commands

    program = find_ssh()
    command = first_that_runs(isolated_commands())
    profile = _profile(options.profile, kind.ssh, places)
    line = proxy_command(command, profile)
    temporary = next(filter(is_temporary, filter(os.path.isabs, command)), None)
    if temporary:
        say(
            f"{temporary} is in a temporary directory: ssh fails when it is removed. "
            "Install connector (pipx install), and run this again"
        )
    hosts = _known_hosts(profile, row, kind)
    ssh = "ssh" if places.is_default else f"ssh -F {places.config}"
    example = hosts[0].name if hosts else f"<name>{kind.ssh.suffix}"
    client = None if options.unchecked else SshClient(program, run_program)

    def plan() -> Plan:
        return plan_setup(kind.ssh, places, line, hosts, client, options.wait)

    return plan, f"Try: {ssh} {example}"


def _known_hosts(profile: str | None, row: KindRow, kind: Kind) -> Sequence[NamedHost] | None:
    """Return all targets, those first that make good examples.

    Return None if the list is incomplete: then a name may not be unique.
    """
    from ..ssh.include import NamedHost

    try:
        listing = kind.list_targets(Query(profile=profile), os.environ, _LIST_TIMEOUT)
        if not listing.is_whole:
            raise next(each.error for each in listing.problems if not each.is_refusal)
        if listing.malformed:
            raise listing.malformed
    except ConnectorError as error:
        say(
            "IDEs will not show your targets in their lists, but ssh reaches them by name. "
            f"{str(error).rstrip('.')}; then run this again"
        )
        return None
    usable = [each for each in listing.rows if each.state.phase != GONE]
    return [
        NamedHost(each.name, each.host_key_alias, each.about)
        for each in sorted(usable, key=_best_first)
    ]


def _best_first(row: Row) -> tuple[bool, bool, str, str]:
    """Sort those first that make a good example: one that runs, and has an alias."""
    return row.state.phase != RUNNING, not row.alias, row.alias, row.host_key_alias


def _profile(named: str | None, facts: SshFacts, places: Places) -> str | None:
    """Return the profile for ssh, or None to leave it to the environment of ssh."""
    from ..ssh.command import profile_of
    from ..ssh.plan import current_proxy_command

    named = named or profile_of(current_proxy_command(facts, places))
    return named or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or None


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
