"""Planning the changes that make ssh know all kinds of targets, or forget them again.

Each kind has an included file of its own; the user's file is changed once for all of them. Planning
writes temporary copies only. ssh judges them before the user's own file is changed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ..errors import ConfigError
from ..fast.records import NamedTuple
from ..files import reason
from . import config
from .change import Change, read_config
from .check import ANY_HOST, NO_FILE, Answer, SshClient
from .command import for_name, quoted_path
from .facts import SshFacts
from .hostlines import MOST_BYTES, MOST_FILES, HostLines
from .include import (
    Choices,
    NamedHost,
    is_written_by_us,
    records_created_config,
    render,
)
from .places import Places

#: How many named hosts of a kind ssh is asked about. One is enough, as all sections are alike.
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


class Part(NamedTuple):
    """What is written for one kind of target.

    ``places``: the kind's. All parts of a plan have the user's file in common.
    ``hosts``: the targets with a name; ``None`` if they are unknown: the sections stay.
    """

    facts: SshFacts
    places: Places
    choices: Choices
    hosts: Sequence[NamedHost] | None

    @property
    def asked(self) -> list[NamedHost]:
        """The named hosts that ssh is asked about."""
        hosts = self.hosts or ()
        return [host for host in hosts if not self.facts.is_service_name(host.name)][:_ASKED]


def plan_setup(parts: Sequence[Part], ssh: SshClient | None) -> Plan:
    """Plan to write a file for each kind of target, and to include them from the user's.

    Only hosts that match one of our patterns can be affected: all lines of our files stand in Host
    sections, and a section ends with its file (readconf.c). So ssh is asked about hosts of ours,
    about hosts in the user's Host lines that match our patterns by accident, and about one
    host that no file names. The last one proves that this version of ssh follows these rules.

    :param ssh: judges the change; ``None``: it is not checked.
    :raises ConfigError: when a file cannot be changed; or when ssh shows that the change would have
        no effect or would affect other hosts, or does not answer.
    """
    places = [part.places for part in parts]
    user_file, is_default = places[0].config, places[0].is_default
    before = read_config(user_file)
    own = [_own_change(part, creates_config=before is None) for part in parts]

    def changes(text: bytes) -> tuple[Change, ...]:
        return (*own, Change(user_file, before, text))

    if ssh is None:
        # Unchecked, only the last candidate is certain to work: our lines at the top.
        *_, text = _candidates(before or b"", places)
        return Plan(changes(text), tuple(_notes(parts, HostLines(text, places), {})))
    original = NO_FILE if before is None else Path(os.path.realpath(user_file))
    other = ssh.require_readable(original, user_file)
    if is_default and before is not None:
        # Without -F, ssh also checks that no other user may write to the file.
        ssh.require_readable(None, user_file)
    wanted = {name: settings for part in parts for name, settings in _wanted(part).items()}
    theirs = HostLines(before or b"", places)
    asked = [ANY_HOST, *_like_ours(parts, theirs)]
    with _candidate_files([change.after or b"" for change in own]) as (candidate, copies):
        for text in _candidates(before or b"", places):
            candidate.write_bytes(_redirected(text, places, copies))
            checked = ssh.check(candidate, wanted)
            if not checked.problem:
                break
        else:
            raise ConfigError(
                f"{user_file} is left as it is: with the Include line, {checked.problem}"
            )
        notes = [*_notes(parts, theirs, checked.answers)]
        if not any(change.differs for change in changes(text)):
            return Plan(changes(text), tuple(notes))
        difference = ssh.compare(original, candidate, asked, {ANY_HOST: other})
    for host in difference.hosts:
        raise ConfigError(
            f"{user_file} is left as it is: the Include line would change the settings of {host}"
        )
    if not difference.compared:
        raise ConfigError(
            f"{user_file} is left as it is: ssh takes too long to show the effect on other hosts",
            "Look for a slow Match exec, or use --unchecked, which skips the check by ssh",
        )
    if difference.compared < len(asked):
        notes.append(
            f"Checked only {difference.compared - 1} of {len(asked) - 1} other hosts: ssh is slow"
        )
    return Plan(changes(text), tuple(notes))


def _own_change(part: Part, *, creates_config: bool) -> Change:
    previous = read_ours(part.facts, part.places)
    after = render(part.facts, part.choices, part.hosts, previous, created_config=creates_config)
    return Change(part.places.ours, previous, after)


def _like_ours(parts: Sequence[Part], theirs: HostLines) -> list[str]:
    """Return the hosts of the user that match our patterns by accident."""
    patterns = [pattern for part in parts for pattern in part.facts.patterns]
    return [
        host
        for host in theirs.literal_in(patterns)
        if not any(part.facts.is_name(host) for part in parts)
    ]


def _wanted(part: Part) -> dict[str, dict[str, str]]:
    """Return the settings that ssh has to show, by host name: for an example of each form."""
    facts, choices = part.facts, part.choices
    every = {"canonicalizehostname": "false"}
    if facts.user:
        every["user"] = facts.user
    if not choices.fdpass:
        every["proxyusefdpass"] = "no"  # where ssh can use both, the user may choose "no"
    wanted = {name: {**every, "proxycommand": choices.proxy_command} for name in facts.examples}
    for host in part.asked:
        wanted[host.name] = {
            **every,
            "proxycommand": for_name(choices.proxy_command, host.name),
            "hostkeyalias": host.host_key_alias,
            **({"user": host.user} if host.user else {}),
        }
    return wanted


@contextmanager
def _candidate_files(contents: Sequence[bytes]) -> Iterator[tuple[Path, list[Path]]]:
    """Provide a path for a copy of the user's file, and copies of ours with the given contents.

    :raises ConfigError: when no temporary file can be written.
    """
    try:
        with tempfile.TemporaryDirectory() as directory:
            copies = [Path(directory, f"ours{number}") for number in range(len(contents))]
            for path, content in zip(copies, contents, strict=True):
                path.write_bytes(content)
                path.chmod(0o600)  # ssh refuses an included file that others may write to
            yield Path(directory, "config"), copies
    except OSError as error:
        raise ConfigError(f"No temporary file can be written ({reason(error)})") from None


def _redirected(text: bytes, places: Sequence[Places], copies: Sequence[Path]) -> bytes:
    """Return the user's file with copies of our files in place of ours."""
    for each, copy in zip(places, copies, strict=True):
        text = config.redirected(text, each.is_ours, quoted_path(copy))
    return text


def plan_removal(kinds: Sequence[tuple[SshFacts, Places]]) -> Plan:
    """Plan to remove our lines from the user's file, and to delete our files.

    :param kinds: the facts and places of each kind. They have the user's file in common.
    :raises ConfigError: when a file cannot be changed.
    """
    user_file = kinds[0][1].config
    before = after = read_config(user_file)
    own = [Change(places.ours, read_ours(facts, places), None) for facts, places in kinds]

    def is_ours(word: str) -> bool:
        return any(places.is_ours(word) for _, places in kinds)

    if before is not None:
        lines = config.includes(before, is_ours)
        for line in lines:
            if not all(map(is_ours, line.words)):
                ours = next(each.ours for _, each in kinds if any(map(each.is_ours, line.words)))
                raise ConfigError(
                    f"Line {line.number} of {user_file} includes {ours} and other files",
                    f"Remove {ours.name} from that line, and run the command again",
                )
        after = config.without(before, lines)
        created = any(records_created_config(change.before) for change in own)
        if not after and created and not user_file.is_symlink():
            after = None
    return Plan((Change(user_file, before, after), *own))


def read_ours(facts: SshFacts, places: Places) -> bytes | None:
    """Return the content of our file for a kind as it is now, or ``None`` when there is none.

    :raises ConfigError: when it cannot be read, or another program wrote it.
    """
    content = read_config(places.ours)
    if content is not None and not is_written_by_us(facts, content):
        raise ConfigError(
            f"{places.ours} was not written by the connector, and is left as it is",
            "Rename it: the connector needs this name for its own file",
        )
    return content


def _candidates(text: bytes, places: Sequence[Places]) -> Iterator[bytes]:
    """Yield what the user's file could become, the smallest change first. ssh decides."""
    # The user may have moved a line of ours, or written it in another form.
    missing = [each for each in places if not _has_usable_line(text, each)]
    if len(missing) < len(places):
        yield _with_lines(text, missing)
    yield _with_lines(text, places)


def _has_usable_line(text: bytes, places: Places) -> bool:
    lines = config.includes(text, places.is_ours)
    return len(lines) == 1 and not lines[0].block and any(map(places.finds_ours, lines[0].words))


def _with_lines(text: bytes, places: Sequence[Places]) -> bytes:
    """Return the user's file with the Include lines of these places at the top."""
    for each in reversed(places):
        lines = config.includes(text, each.is_ours)
        alone = [line for line in lines if len(line.words) == 1]
        text = config.add(config.without(text, alone), each.include)
    return text


def _notes(
    parts: Sequence[Part], theirs: HostLines, answers: Mapping[str, Answer]
) -> Iterator[str]:
    patterns = [pattern for part in parts for pattern in part.facts.patterns]
    ours = [each for each in theirs.patterns if any(_overlap(each, own) for own in patterns)]
    for pattern in ours[:_MOST_NOTES]:
        yield f"Host {pattern} stays as it is, but the connector's settings come first and win"
    if len(ours) > _MOST_NOTES:
        yield f"{len(ours) - _MOST_NOTES} more Host lines for the same names stay as they are"
    if theirs.unread:
        yield (
            f"The configuration includes more than {MOST_FILES} files or "
            f"{MOST_BYTES // (1 << 20)} MiB: Host lines in the other files were not checked"
        )
    sharing = [
        part.facts.nouns
        for part in parts
        if any(_shares(answers[host]) for host in _wanted(part) if host in answers)
    ]
    if sharing:
        yield (
            f"ControlPersist applies to {' and '.join(sharing)}: ssh then hides the connector's "
            "messages, except the reason of a failure. `ssh -v` shows them all"
        )


def _overlap(theirs: str, ours: str) -> bool:
    """Return whether a word of the user's Host lines seems to be about hosts of our pattern."""
    word, fixed = theirs.removeprefix("!"), ours.strip("*?")
    if config.is_literal(word):
        return fnmatchcase(word, ours)
    return word.rstrip("*").endswith(fixed) if ours.startswith("*") else word.startswith(fixed)


def _shares(answer: Answer) -> bool:
    """Return whether ssh keeps a shared connection to a host open in the background."""
    return answer.value("controlpersist") not in (None, "no") and (
        answer.value("controlpath") not in (None, "none")
    )
