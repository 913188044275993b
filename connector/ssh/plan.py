"""Planning the changes that make ssh know a kind of target, or forget it again.

Planning writes temporary copies only. ssh judges them before the user's own file is changed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError
from ..files import reason
from . import config
from .change import Change, read_config
from .check import ANY_HOST, NO_FILE, Answer, SshClient
from .command import for_name, quoted_path
from .facts import SshFacts
from .hostlines import MOST_BYTES, MOST_FILES, HostLines
from .include import (
    NamedHost,
    is_written_by_us,
    proxy_command_of,
    records_created_config,
    render,
)
from .places import Places

#: How many named hosts ssh is asked about. One is enough, as all sections are alike.
_ASKED = 1

#: The most Host lines of the user for our hosts that notes mention.
_MOST_NOTES = 10


@dataclass(frozen=True)
class Plan:
    """Changes that belong together.

    :ivar changes: in a safe order: ssh still works if the process is killed after any of them.
    :ivar notes: what the user should know about them.
    """

    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_current(self) -> bool:
        """Whether no file has changed since the plan was made.

        :raises ConfigError: when a file cannot be read any more.
        """
        return all(read_config(change.path) == change.before for change in self.changes)

    def make(self) -> None:
        """Make all changes. If one fails, undo the others.

        :raises ConfigError: when a change cannot be made.
        """
        made: list[Change] = []
        try:
            for change in self.changes:
                if change.differs:
                    change.make()
                    made.append(change)
        except ConfigError:
            for change in reversed(made):
                Change(change.path, change.after, change.before).make()
            raise


def plan_setup(
    facts: SshFacts,
    places: Places,
    proxy_command: str,
    hosts: Sequence[NamedHost] | None,
    ssh: SshClient | None,
    wait: float,
) -> Plan:
    """Plan to write our file and to include it from the user's.

    Only hosts that match one of our patterns can be affected: all lines of our file stand in Host
    sections, and a section ends with its file (readconf.c). So ssh is asked about hosts of ours,
    about hosts in the user's Host lines that match our patterns by accident, and about one
    host that no file names. The last one proves that this version of ssh follows these rules.

    :param hosts: the targets with a name; ``None`` if they are unknown: the sections stay.
    :param ssh: judges the change; ``None``: it is not checked.
    :param wait: the seconds in which a target has to start, see :func:`render`.
    :raises ConfigError: when a file cannot be changed; or when ssh shows that the change would have
        no effect or would affect other hosts, or does not answer.
    """
    before, previous = _read(facts, places)
    rendered = render(
        facts, proxy_command, hosts, previous, created_config=before is None, wait=wait
    )
    if ssh is None:
        # Unchecked, only the last candidate is certain to work: our line at the top.
        *_, text = _candidates(before or b"", places)
        changes = (Change(places.ours, previous, rendered), Change(places.config, before, text))
        return Plan(changes, tuple(_notes(facts, HostLines(text, places), {})))
    original = NO_FILE if before is None else Path(os.path.realpath(places.config))
    other = ssh.require_readable(original, places.config)
    if places.is_default and before is not None:
        # Without -F, ssh also checks that no other user may write to the file.
        ssh.require_readable(None, places.config)
    wanted = _wanted(facts, proxy_command, hosts or ())
    theirs = HostLines(before or b"", places)
    like_ours = (host for host in theirs.literal_in(facts.patterns) if not facts.is_name(host))
    asked = [ANY_HOST, *like_ours]
    with _candidate_files(rendered) as (candidate, ours):
        for text in _candidates(before or b"", places):
            candidate.write_bytes(config.redirected(text, places.is_ours, quoted_path(ours)))
            checked = ssh.check(candidate, wanted)
            if not checked.problem:
                break
        else:
            raise ConfigError(
                f"{places.config} is left as it is: with the Include line, {checked.problem}"
            )
        changes = (Change(places.ours, previous, rendered), Change(places.config, before, text))
        notes = [*_notes(facts, theirs, checked.answers)]
        if not any(change.differs for change in changes):
            return Plan(changes, tuple(notes))
        difference = ssh.compare(original, candidate, asked, {ANY_HOST: other})
    for host in difference.hosts:
        raise ConfigError(
            f"{places.config} is left as it is: the Include line would change the settings "
            f"of {host}"
        )
    if not difference.compared:
        raise ConfigError(
            f"{places.config} is left as it is: ssh takes too long to show the effect on other "
            "hosts",
            "Look for a slow Match exec, or use --unchecked, which skips the check by ssh",
        )
    if difference.compared < len(asked):
        notes.append(
            f"Checked only {difference.compared - 1} of {len(asked) - 1} other hosts: ssh is slow"
        )
    return Plan(changes, tuple(notes))


def _wanted(
    facts: SshFacts, proxy_command: str, hosts: Sequence[NamedHost]
) -> dict[str, dict[str, str]]:
    """Return the settings that ssh has to show, by host name: for an example of each form."""
    every = {"user": facts.user, "proxyusefdpass": "no", "canonicalizehostname": "false"}
    wanted = {name: {**every, "proxycommand": proxy_command} for name in facts.examples}
    for host in [host for host in hosts if not facts.is_service_name(host.name)][:_ASKED]:
        wanted[host.name] = {
            **every,
            "proxycommand": for_name(proxy_command, host.name),
            "hostkeyalias": host.host_key_alias,
        }
    return wanted


@contextmanager
def _candidate_files(ours: bytes) -> Iterator[tuple[Path, Path]]:
    """Provide a path for a copy of the user's file, and a copy of ours with the given content.

    :raises ConfigError: when no temporary file can be written.
    """
    try:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "ours")
            path.write_bytes(ours)
            path.chmod(0o600)  # ssh refuses an included file that others may write to
            yield Path(directory, "config"), path
    except OSError as error:
        raise ConfigError(f"No temporary file can be written ({reason(error)})") from None


def plan_removal(facts: SshFacts, places: Places) -> Plan:
    """Plan to remove our line from the user's file, and to delete our file.

    :raises ConfigError: when a file cannot be changed.
    """
    before, previous = _read(facts, places)
    after = before
    if before is not None:
        lines = config.includes(before, places.is_ours)
        for line in lines:
            if len(line.words) > 1:
                raise ConfigError(
                    f"Line {line.number} of {places.config} includes {places.ours} and other files",
                    f"Remove {places.ours.name} from that line, and run the command again",
                )
        after = config.without(before, lines)
        if not after and records_created_config(previous) and not places.config.is_symlink():
            after = None
    return Plan((Change(places.config, before, after), Change(places.ours, previous, None)))


def current_proxy_command(facts: SshFacts, places: Places) -> str:
    """Return the ProxyCommand in our file as it is now; empty if there is none."""
    return proxy_command_of(_read(facts, places)[1])


def _read(facts: SshFacts, places: Places) -> tuple[bytes | None, bytes | None]:
    """Return the content of the user's file and of ours."""
    before, previous = read_config(places.config), read_config(places.ours)
    if previous is not None and not is_written_by_us(facts, previous):
        raise ConfigError(
            f"{places.ours} was not written by the connector, and is left as it is",
            "Rename it: the connector needs this name for its own file",
        )
    return before, previous


def _candidates(text: bytes, places: Places) -> Iterator[bytes]:
    """Yield what the user's file could become, the smallest change first. ssh decides."""
    lines = config.includes(text, places.is_ours)
    if len(lines) == 1 and not lines[0].block and any(map(places.finds_ours, lines[0].words)):
        yield text  # the user may have moved our line, or written it in another form
    alone = [line for line in lines if len(line.words) == 1]
    yield config.add(config.without(text, alone), places.include)


def _notes(facts: SshFacts, theirs: HostLines, answers: Mapping[str, Answer]) -> Iterator[str]:
    marks = tuple(pattern.strip("*") for pattern in facts.patterns)
    ours = [each for each in theirs.patterns if any(mark in each for mark in marks)]
    for pattern in ours[:_MOST_NOTES]:
        yield f"Host {pattern} stays as it is, but the connector's settings come first and win"
    if len(ours) > _MOST_NOTES:
        yield f"{len(ours) - _MOST_NOTES} more Host lines for the same names stay as they are"
    if theirs.unread:
        yield (
            f"The configuration includes more than {MOST_FILES} files or "
            f"{MOST_BYTES // (1 << 20)} MiB: Host lines in the other files were not checked"
        )
    if any(map(_shares, answers.values())):
        yield (
            f"ControlPersist applies to {facts.nouns}: ssh then hides the connector's messages, "
            "except the reason of a failure. `ssh -v` shows them all"
        )


def _shares(answer: Answer) -> bool:
    """Return whether ssh keeps a shared connection to a host open in the background."""
    return answer.value("controlpersist") not in (None, "no") and (
        answer.value("controlpath") not in (None, "none")
    )
