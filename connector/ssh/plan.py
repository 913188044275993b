"""What is to change so that ssh knows Dev Environments, or knows them no more.

Nothing is written here but copies, for ssh to judge before the user's own file is touched.
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
from ..targets.codecatalyst.hosts import host_key_alias, is_aws_name
from ..targets.codecatalyst.names import SUFFIX
from . import config
from .change import Change, read_config
from .check import ANY_HOST, NO_FILE, Answer, SshClient
from .command import for_name, quoted_path
from .hostlines import MOST_BYTES, MOST_FILES, HostLines
from .include import (
    PATTERNS,
    USER,
    KnownHost,
    is_written_by_us,
    made_its_config,
    proxy_command_of,
    render,
)
from .places import Places

#: Literal hosts of ours that ssh is asked about; they are all made alike.
_ASKED = 1

#: Host lines of others for our hosts that are named to the user.
_MOST_NOTES = 10

_NO_ID = "00000000-0000-0000-0000-000000000000"
_EXAMPLES = ("a.b.codecatalyst", f"codecatalyst-dev-env=Aa=b.c={_NO_ID}", f"aws-devenv-{_NO_ID}")


@dataclass(frozen=True)
class Plan:
    """:ivar changes: in the order in which they are safe to make, of which each may be the last.
    :ivar notes: what the user should know of them.
    """

    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_current(self) -> bool:
        """Whether the files are as they were when the plan was made.

        :raises ConfigError: when one cannot be read any more.
        """
        return all(read_config(change.path) == change.before for change in self.changes)

    def make(self) -> None:
        """Make all the changes, or when one cannot be made, none.

        :raises ConfigError: when one cannot be made.
        """
        made: list[Change] = []
        try:
            for change in self.changes:
                if change.is_one:
                    change.make()
                    made.append(change)
        except ConfigError:
            for change in reversed(made):
                Change(change.path, change.after, change.before).make()
            raise


def plan_setup(
    places: Places,
    proxy_command: str,
    hosts: Sequence[KnownHost] | None,
    ssh: SshClient | None,
    wait: float,
) -> Plan:
    """Our file written, and included by the user's.

    The hosts that can change are the ones that a pattern of ours matches: all lines of our file
    stand in Host sections, and a section ends with the file that it is in (readconf.c). So ssh is
    asked about our hosts, about literal hosts of the user's that look like ours, and about one
    that no file names, which shows that this ssh reads Include and Host so.

    :param hosts: the Dev Environments; ``None`` when they are not known: none goes away.
    :param ssh: judges the change; ``None``: nothing does.
    :param wait: see :func:`render`.
    :raises ConfigError: when a file cannot be changed, or ssh says that it would not help,
        or would do harm, or does not answer.
    """
    before, previous = _read(places)
    rendered = render(proxy_command, hosts, previous, made_config=before is None, wait=wait)
    if ssh is None:
        *_, text = _candidates(before or b"", places)  # at the top, where nothing comes first
        changes = (Change(places.ours, previous, rendered), Change(places.config, before, text))
        return Plan(changes, tuple(_notes(HostLines(text, places), {})))
    original = NO_FILE if before is None else Path(os.path.realpath(places.config))
    stranger = ssh.require_readable(original, places.config)
    if places.is_default and before is not None:
        ssh.require_readable(None, places.config)  # it also looks who else may write to it
    wanted = _wanted(proxy_command, hosts or ())
    theirs = HostLines(before or b"", places)
    like_ours = (host for host in theirs.literal_in(PATTERNS) if not _is_ours(host))
    asked = [ANY_HOST, *like_ours]
    with _candidate_files(rendered) as (candidate, ours):
        for text in _candidates(before or b"", places):
            candidate.write_bytes(config.redirected(text, places.is_ours, quoted_path(ours)))
            checked = ssh.check(candidate, wanted)
            if not checked.missed:
                break
        else:
            raise ConfigError(
                f"{places.config} is left as it is: with the Include line, {checked.missed}"
            )
        changes = (Change(places.ours, previous, rendered), Change(places.config, before, text))
        notes = [*_notes(theirs, checked.answers)]
        if not any(change.is_one for change in changes):
            return Plan(changes, tuple(notes))
        difference = ssh.compare(original, candidate, asked, {ANY_HOST: stranger})
    for host in difference.hosts:
        raise ConfigError(
            f"{places.config} is left as it is: with the Include line, ssh would do something "
            f"else for {host}"
        )
    if not difference.compared:
        raise ConfigError(
            f"{places.config} is left as it is: ssh is too slow to say what changes for other "
            "hosts",
            "Look for a Match exec that takes long, or give --unchecked, which does not ask ssh",
        )
    if difference.compared < len(asked):
        notes.append(
            f"ssh was asked about {difference.compared - 1} of {len(asked) - 1} hosts only, "
            "for the sake of time"
        )
    return Plan(changes, tuple(notes))


def _wanted(proxy_command: str, hosts: Sequence[KnownHost]) -> dict[str, dict[str, str]]:
    """What ssh has to answer: host name to its settings, for some names of each kind."""
    every = {"user": USER, "proxyusefdpass": "no", "canonicalizehostname": "false"}
    wanted = {name: {**every, "proxycommand": proxy_command} for name in _EXAMPLES}
    for host in [host for host in hosts if not is_aws_name(host.name)][:_ASKED]:
        wanted[host.name] = {
            **every,
            "proxycommand": for_name(proxy_command, host.name),
            "hostkeyalias": host_key_alias(host.id),
        }
    return wanted


def _is_ours(host: str) -> bool:
    """Whether it is a name of a Dev Environment, which is to change."""
    return host.endswith(SUFFIX) or is_aws_name(host)


@contextmanager
def _candidate_files(ours: bytes) -> Iterator[tuple[Path, Path]]:
    """Where a candidate for the user's file can be written, and our file, which is there.

    :raises ConfigError: when nothing can be written where temporary files go.
    """
    try:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "ours")
            path.write_bytes(ours)
            path.chmod(0o600)  # as ssh wants what is included
            yield Path(directory, "config"), path
    except OSError as error:
        raise ConfigError(f"Nothing temporary can be written ({reason(error)})") from None


def plan_removal(places: Places) -> Plan:
    """No trace of us: the user's file as it was, and ours gone.

    :raises ConfigError: when a file cannot be changed.
    """
    before, previous = _read(places)
    after = before
    if before is not None:
        lines = config.includes(before, places.is_ours)
        for line in lines:
            if len(line.words) > 1:
                raise ConfigError(
                    f"Line {line.number} of {places.config} includes {places.ours} and others",
                    f"Take {places.ours.name} out of it by hand, and run it again",
                )
        after = config.without(before, lines)
        if not after and made_its_config(previous) and not places.config.is_symlink():
            after = None
    return Plan((Change(places.config, before, after), Change(places.ours, previous, None)))


def current_proxy_command(places: Places) -> str:
    """The ProxyCommand that our file has now; empty when there is none."""
    return proxy_command_of(_read(places)[1])


def _read(places: Places) -> tuple[bytes | None, bytes | None]:
    """The user's file, and ours."""
    before, previous = read_config(places.config), read_config(places.ours)
    if previous is not None and not is_written_by_us(previous):
        raise ConfigError(
            f"{places.ours} is not of the connector, and is left as it is",
            "Give it another name: this is where the connector's own settings go",
        )
    return before, previous


def _candidates(text: bytes, places: Places) -> Iterator[bytes]:
    """What the user's file could become, the best first; ssh judges."""
    lines = config.includes(text, places.is_ours)
    if len(lines) == 1 and not lines[0].block and any(map(places.finds_ours, lines[0].words)):
        yield text  # the user may have moved it, or written it in another way
    alone = [line for line in lines if len(line.words) == 1]
    yield config.add(config.without(text, alone), places.include)


def _notes(theirs: HostLines, answers: Mapping[str, Answer]) -> Iterator[str]:
    marks = tuple(pattern.strip("*") for pattern in PATTERNS)
    ours = [each for each in theirs.patterns if any(mark in each for mark in marks)]
    for pattern in ours[:_MOST_NOTES]:
        yield (
            f"Host {pattern} stays as it is; what the connector sets comes first, and for "
            "each setting ssh takes the first"
        )
    if len(ours) > _MOST_NOTES:
        yield f"{len(ours) - _MOST_NOTES} more Host lines for the same names stay as they are"
    if theirs.unread:
        yield (
            f"The configuration includes more than {MOST_FILES} files or "
            f"{MOST_BYTES // (1 << 20)} MiB: Host lines in the others were not looked at"
        )
    if any(map(_shares, answers.values())):
        yield (
            "ControlPersist holds for Dev Environments: ssh hides what the connector says, and "
            "only the reason of a failure comes to the terminal. `ssh -v` shows all"
        )


def _shares(answer: Answer) -> bool:
    """Whether ssh keeps a connection in the background for a host."""
    return answer.value("controlpersist") not in (None, "no") and (
        answer.value("controlpath") not in (None, "none")
    )
