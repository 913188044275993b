"""What is to change so that ssh knows Dev Environments, or knows them no more.

Nothing is written here but copies, for ssh to judge before the user's own file is touched.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError
from ..files import FileProblem, read_bytes, reason
from . import config
from .change import Change, read_config
from .check import ANY_HOST, NO_FILE, SshClient
from .command import for_name, quoted_path
from .hosts import host_key_alias, is_aws_name
from .include import (
    PATTERNS,
    USER,
    KnownHost,
    is_written_by_us,
    made_its_config,
    proxy_command_of,
    render,
)
from .names import SUFFIX
from .places import Places

#: Includes in includes, as for OpenSSH (READCONF_MAX_DEPTH of readconf.c).
_MAX_DEPTH = 16

#: Literal hosts of ours that ssh is asked about; they are all made alike.
_ASKED = 5

_NO_ID = "00000000-0000-0000-0000-000000000000"
_EXAMPLES = ("a.b.codecatalyst", f"codecatalyst-dev-env=Aa=b.c={_NO_ID}", f"aws-devenv-{_NO_ID}")


@dataclass(frozen=True)
class Plan:
    """:ivar changes: in the order in which they are safe to make, of which each may be the last.
    :ivar notes: what the user should know of them.
    """

    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()

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
    ssh: SshClient,
    wait: float,
) -> Plan:
    """Our file written, and included by the user's.

    :param hosts: the Dev Environments; ``None`` when they are not known: none goes away.
    :param wait: see :func:`render`.
    :raises ConfigError: when a file cannot be changed, or ssh says that it would not help,
        or would do harm.
    """
    before, previous = _read(places)
    original = NO_FILE if before is None else Path(os.path.realpath(places.config))
    ssh.require_readable(original, places.config)
    if places.is_default and before is not None:
        ssh.require_readable(None, places.config)  # it also looks who else may write to it
    rendered = render(proxy_command, hosts, previous, made_config=before is None, wait=wait)
    wanted = _wanted(proxy_command, hosts or ())
    known = [name for name in _hosts_of(before or b"", places) if config.is_literal(name)]
    with _candidate_files(rendered) as (candidate, ours):
        for text in _candidates(before or b"", places):
            candidate.write_bytes(config.redirected(text, places.is_ours, quoted_path(ours)))
            missed = ssh.misses(candidate, wanted)
            if not missed:
                break
        else:
            raise ConfigError(f"{places.config} is left as it is: with the Include line, {missed}")
        changes = (Change(places.ours, previous, rendered), Change(places.config, before, text))
        if not any(change.is_one for change in changes):
            return Plan(changes)
        difference = ssh.compare(original, candidate, [ANY_HOST, *known])
    for host in difference.hosts:
        if not (host.endswith(SUFFIX) or is_aws_name(host)):
            raise ConfigError(
                f"{places.config} is left as it is: with the Include line, ssh would do something "
                f"else for {host}"
            )
    return Plan(changes, tuple(_notes(text, places, difference.compared - 1, len(set(known)))))


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


def _hosts_of(text: bytes, places: Places, depth: int = _MAX_DEPTH) -> Iterator[str]:
    """What stands in Host lines, also in those of files that are included."""
    yield from config.host_patterns(text)
    for line in config.parse(text):
        if line.keyword != "include" or depth == 0:
            continue
        for path in (path for word in line.words for path in places.included(word)):
            if path == places.ours:
                continue
            try:
                included = read_bytes(path)
            except (OSError, FileProblem):
                continue  # ssh judges whether that is bad
            yield from _hosts_of(included, places, depth - 1)


def _notes(text: bytes, places: Places, compared: int, known: int) -> Iterator[str]:
    marks = tuple(pattern.strip("*") for pattern in PATTERNS)
    for pattern in dict.fromkeys(_hosts_of(text, places)):
        if any(mark in pattern for mark in marks):
            yield (
                f"Host {pattern} stays as it is; what the connector sets comes first, and for "
                "each setting ssh takes the first"
            )
    if compared < known:
        yield f"ssh was asked about {compared} of {known} hosts only, for the sake of time"
