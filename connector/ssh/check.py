"""What OpenSSH itself makes of a configuration: ``ssh -G``, which reads it and connects to nobody.

Also a file that we could read ourselves is read by ssh in the end: with Include, Match and
defaults of its version. So a change is judged by what ssh answers before and after it.

Each answer runs the commands of ``Match exec`` in the configuration, and they may be slow, or do
something: mint a certificate, ask for a password. So ssh is asked as seldom as possible, about one
host after the other, and never about a host that the change cannot affect.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError
from ..fast.records import NamedTuple

#: Seconds for one answer. ``Match exec`` may run anything.
_ANSWER_TIMEOUT = 10.0

#: Seconds for all hosts that are compared.
COMPARE_TIME = 10.0

#: In place of a configuration that is not there.
NO_FILE = Path("none")

#: A host that no configuration names: what holds for all.
ANY_HOST = "host.of.nobody.invalid"


@dataclass(frozen=True)
class Answer:
    """:ivar settings: of ``ssh -G``, one in a line; empty where ssh refused."""

    settings: tuple[str, ...]
    complaint: str

    def value(self, keyword: str) -> str | None:
        """Of the first setting of this name, in lower case."""
        for setting in self.settings:
            name, _, value = setting.partition(" ")
            if name == keyword:
                return value
        return None


@dataclass(frozen=True)
class Difference:
    """Hosts whose settings are not what they were.

    :ivar hosts: those.
    :ivar compared: how many there was time for; they are the first ones.
    """

    hosts: tuple[str, ...]
    compared: int


@dataclass(frozen=True)
class Checked:
    """:ivar missed: why our hosts would not be reached; empty when they would.
    :ivar answers: host name to what ssh said of it, as far as it was asked.
    """

    missed: str
    answers: Mapping[str, Answer]


#: How to go on without an answer of ssh.
_UNCHECKED = "or give --unchecked, which does not ask ssh"


class Ran(NamedTuple):
    """What a program that has ended leaves."""

    status: int
    stdout: bytes
    stderr: bytes


#: Runs a program for so many seconds at most; raises TimeoutError, or OSError.
Run = Callable[[Sequence[str], float], Ran]


class SshClient:
    """:param program: the path of ssh.
    :param run: runs it, which nothing in this package does.
    """

    def __init__(self, program: str, run: Run) -> None:
        self._program = program
        self._run = run

    def ask(
        self,
        config: Path | None,
        host: str,
        timeout: float = _ANSWER_TIMEOUT,
        *,
        canonicalize: bool = False,
    ) -> Answer:
        """What ssh would do to reach a host.

        :param config: read in place of the user's and the system's; ``None``: just these.
        :param timeout: seconds.
        :param canonicalize: whether ssh heeds CanonicalizeHostname: it may look names up in DNS
            then, refuse those that it does not find, and read the configuration twice.
        :raises TimeoutError: when it has not answered by then.
        :raises ConfigError: when it cannot be run.
        """
        # -T: it complains of a missing terminal otherwise.
        file = [] if config is None else ["-F", str(config)]
        as_named = [] if canonicalize else ["-o", "CanonicalizeHostname=no"]
        command = [self._program, "-G", "-T", *file, *as_named, "--", host]
        try:
            ran = self._run(command, timeout)
        except TimeoutError:
            raise
        except OSError as error:
            raise ConfigError(f"{self._program} cannot be run ({error.strerror})") from None
        complaint = ran.stderr.decode("utf-8", "replace").strip().partition("\n")[0].strip()
        if ran.status:
            return Answer((), complaint or f"exit status {ran.status}")
        return Answer(tuple(ran.stdout.decode("utf-8", "surrogateescape").splitlines()), complaint)

    def require_readable(self, config: Path | None, name: Path) -> Answer:
        """Return the answer for ANY_HOST.

        :param name: what to call it.
        :raises ConfigError: when ssh makes nothing of it as it is.
        """
        try:
            answer = self.ask(config, ANY_HOST)
        except TimeoutError:
            raise ConfigError(
                f"OpenSSH needs more than {_ANSWER_TIMEOUT:.0f} s for {name}, "
                "and it is left as it is",
                f"Look for a Match exec in it that hangs; {_UNCHECKED}",
            ) from None
        if not answer.settings:
            why = answer.complaint.removeprefix(str(config)).lstrip(": ")
            raise ConfigError(
                f"OpenSSH itself does not read {name} ({why}), and it is left as it is",
                "Fix that first",
            )
        return answer

    def check(self, config: Path, wanted: Mapping[str, Mapping[str, str]]) -> Checked:
        """Ask whether our hosts are reached with a configuration; stop at the first that is not.

        :param wanted: host name to settings, their keywords in lower case.
        """

        answers: dict[str, Answer] = {}

        def missed(host: str) -> str:
            try:
                answers[host] = answer = self.ask(config, host, canonicalize=True)
            except TimeoutError:
                return f"ssh does not answer for {host} within {_ANSWER_TIMEOUT:.0f} s"
            if not answer.settings:
                return f"ssh refuses {host} ({answer.complaint})"
            for keyword, value in wanted[host].items():
                if answer.value(keyword) != value:
                    return f"ssh takes another {keyword} for {host}: {answer.value(keyword)}"
            return ""

        return Checked(next(filter(None, map(missed, wanted)), ""), answers)

    def compare(
        self,
        before: Path,
        after: Path,
        hosts: Iterable[str],
        known: Mapping[str, Answer] | None = None,
        seconds: float = COMPARE_TIME,
    ) -> Difference:
        """Which hosts get other settings, as far as there is time to ask.

        :param known: what ssh has already said of hosts with ``before``.
        """
        deadline = time.monotonic() + seconds
        changed: list[str] = []
        compared = 0
        for host in dict.fromkeys(hosts):
            try:
                old = (known or {}).get(host) or self._ask_until(before, host, deadline)
                new = self._ask_until(after, host, deadline)
                # What changes by itself, as with a Match exec, says nothing.
                if old.settings != new.settings and (
                    new.settings == self._ask_until(after, host, deadline).settings
                    and old.settings == self._ask_until(before, host, deadline).settings
                ):
                    changed.append(host)
            except TimeoutError:
                break
            compared += 1
        return Difference(tuple(changed), compared)

    def _ask_until(self, config: Path, host: str, deadline: float) -> Answer:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return self.ask(config, host, min(left, _ANSWER_TIMEOUT))
