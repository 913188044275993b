"""Asking OpenSSH what a configuration means: ``ssh -G`` prints settings and does not connect.

The connector can parse the user's file, but only ssh knows its own defaults and how its version
treats Include and Match. So ssh judges a change: its answers before and after are compared.

Every question runs the commands of ``Match exec`` in the configuration. They may be slow or have
effects, such as creating a certificate or asking for a password. So the connector asks as few
questions as possible, one after another, and only about hosts that the change can affect.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError
from ..programs import Ran

#: Seconds for one answer. A ``Match exec`` can run anything.
_ANSWER_TIMEOUT = 10.0

#: Seconds for the comparison of all hosts.
COMPARE_TIME = 10.0

#: Stands for a configuration file that does not exist.
NO_FILE = Path("none")

#: A host that no configuration names. Its settings are those that apply to every host.
ANY_HOST = "any-other-host.invalid"


@dataclass(frozen=True)
class Answer:
    """What ssh said about one host.

    :ivar settings: the lines of ``ssh -G``; empty if ssh reported an error.
    :ivar complaint: the first line of ssh's stderr.
    """

    settings: tuple[str, ...]
    complaint: str

    def value(self, keyword: str) -> str | None:
        """Return the value of the first setting with this keyword, given in lower case."""
        for setting in self.settings:
            name, _, value = setting.partition(" ")
            if name == keyword:
                return value
        return None


def listed_paths(printed: str) -> list[str]:
    """Return the paths in a setting that ``ssh -G`` prints with blanks between them, unquoted.

    A word that does not begin an absolute path continues the path before it, which has a blank.
    """
    paths: list[str] = []
    for word in printed.split(" ") if printed != "none" else ():
        if paths and not (word.startswith(("/", "~")) or word[1:2] == ":"):
            paths[-1] += f" {word}"
        else:
            paths.append(word)
    return paths


@dataclass(frozen=True)
class Difference:
    """The hosts whose settings a change would affect.

    :ivar hosts: their names.
    :ivar compared: how many of the given hosts were compared before time ran out.
    """

    hosts: tuple[str, ...]
    compared: int


@dataclass(frozen=True)
class Checked:
    """The result of a check whether the connector's hosts work.

    :ivar problem: why they would not; empty if they would.
    :ivar answers: the answers of ssh so far, by host name.
    """

    problem: str
    answers: Mapping[str, Answer]


#: Ends the hints of errors that a user can only get around by skipping the check.
_UNCHECKED = "or use --unchecked, which skips the check by ssh"


#: Runs a program for at most so many seconds; raises TimeoutError or OSError.
Run = Callable[[Sequence[str], float], Ran]


class SshClient:
    """Asks one OpenSSH client about configurations.

    :param program: the path of ssh.
    :param run: runs a program. This package starts none itself.
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
        """Return the settings that ssh would use for a host.

        :param config: the file to read instead of the user's and the system's; ``None``: those.
        :param timeout: seconds.
        :param canonicalize: whether CanonicalizeHostname has an effect. With it, ssh may search
            DNS for the name, reject a name that is not found, and read the configuration twice.
        :raises TimeoutError: when ssh does not answer in time.
        :raises ConfigError: when ssh cannot be run.
        """
        # Without -T, ssh may complain that there is no terminal.
        file = [] if config is None else ["-F", str(config)]
        as_named = [] if canonicalize else ["-o", "CanonicalizeHostname=no"]
        command = [self._program, "-G", "-T", *file, *as_named, "--", host]
        try:
            ran = self._run(command, timeout)
        except TimeoutError:
            raise
        except OSError as error:
            raise ConfigError(f"{self._program} cannot be run ({error.strerror})") from None
        complaint = ran.stderr_text.strip().partition("\n")[0].strip()
        if ran.status:
            return Answer((), complaint or f"exit status {ran.status}")
        return Answer(tuple(ran.stdout.decode("utf-8", "surrogateescape").splitlines()), complaint)

    def require_readable(self, config: Path | None, name: Path) -> Answer:
        """Return the answer for ANY_HOST.

        :param name: the path for messages.
        :raises ConfigError: when ssh cannot read the configuration as it is now.
        """
        try:
            answer = self.ask(config, ANY_HOST)
        except TimeoutError:
            raise ConfigError(
                f"OpenSSH takes more than {_ANSWER_TIMEOUT:.0f} s to read {name}, "
                "and it is left as it is",
                f"Look for a Match exec in it that hangs; {_UNCHECKED}",
            ) from None
        if not answer.settings:
            why = answer.complaint.removeprefix(str(config)).lstrip(": ")
            raise ConfigError(
                f"OpenSSH cannot read {name} ({why}), and it is left as it is",
                "Fix that first",
            )
        return answer

    def check(self, config: Path, wanted: Mapping[str, Mapping[str, str]]) -> Checked:
        """Check that ssh uses the wanted settings, up to the first host where it does not.

        :param wanted: the settings of each host, by keywords in lower case.
        """

        answers: dict[str, Answer] = {}

        def problem_of(host: str) -> str:
            try:
                answers[host] = answer = self.ask(config, host, canonicalize=True)
            except TimeoutError:
                return f"ssh does not answer for {host} within {_ANSWER_TIMEOUT:.0f} s"
            if not answer.settings:
                return f"ssh rejects {host} ({answer.complaint})"
            for keyword, value in wanted[host].items():
                if answer.value(keyword) != value:
                    return f"ssh would use another {keyword} for {host}: {answer.value(keyword)}"
            return ""

        return Checked(next(filter(None, map(problem_of, wanted)), ""), answers)

    def compare(
        self,
        before: Path,
        after: Path,
        hosts: Iterable[str],
        known: Mapping[str, Answer] | None = None,
        seconds: float = COMPARE_TIME,
    ) -> Difference:
        """Compare the settings of hosts in two configurations, until time runs out.

        :param known: the answers for ``before`` that are already known, by host name.
        """
        deadline = time.monotonic() + seconds
        changed: list[str] = []
        compared = 0
        for host in dict.fromkeys(hosts):
            try:
                old = (known or {}).get(host) or self._ask_until(before, host, deadline)
                new = self._ask_until(after, host, deadline)
                # A Match exec can give another answer each time. Only answers that are the same
                # twice prove a difference.
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
