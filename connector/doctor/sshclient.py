"""The ssh of this machine: which one, and what it is too old for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import ConfigError, ConnectFailed
from ..ssh.places import find_ssh
from . import public
from .case import Case
from .findings import Result, Status
from .programs import Ran
from .programs import run as run_bounded
from .words import Harmless, joined, words

#: Seconds that a program may take which only looks at this machine.
PROGRAM_TIMEOUT = 4.0

#: What came with which version, by OpenSSH's release notes; the newest first.
_NEWS = (
    ((7, 6), "StrictHostKeyChecking accept-new"),
    ((7, 3), "Include in ssh_config"),
)


def ssh_client(case: Case) -> Result:
    case.ssh = find_ssh(case.environ.get("PATH"))
    path = public.known(case.ssh, public.SSH_PATHS)
    said = run([case.ssh, "-V"]).stderr.strip()  # it says its version there
    first = (said.splitlines() or [""])[0]
    shown = public.ssh_version(first)
    facts = {"path": path, "version": shown}
    match = re.match(r"OpenSSH(?:_for_Windows)?_(\d+)\.(\d+)", first)
    if not match:
        text = words("{path} is not OpenSSH ({version})", path=path, version=first[:80])
        hint = words("OpenSSH is what the connector is tested with")
        return Result(text, Status.WARN, hint, facts)
    number = (int(match[1]), int(match[2]))
    client = words("{version}, {path}", version=shown, path=path)
    missing = [
        words("{feature}", feature=Harmless(what)) for since, what in _NEWS if number < since
    ]
    if missing:
        text = words(
            "{client}, is too old for {features}", client=client, features=joined(" and ", missing)
        )
        return Result(text, Status.WARN, words("Install a newer OpenSSH"), facts)
    if _hands_on_shell_words(case.ssh):
        text = words(
            "{client}, hands what is no host name to a shell (CVE-2023-51385)", client=client
        )
        hint = words(
            "Update OpenSSH; until then take no host names or git submodules from strangers"
        )
        return Result(text, Status.WARN, hint, facts)
    return Result(client, facts=facts)


def _hands_on_shell_words(path: str) -> bool:
    """Whether it takes ``$(...)`` for a host, which the shell of a ProxyCommand with %n runs.

    OpenSSH refuses it from 9.6 on, and so do older ones that were patched.
    """
    return run([path, "-F", "none", "-G", "--", "$(:)"]).status == 0


def run(command: Sequence[str], hint: str | None = None) -> Ran:
    """Run a program that only looks.

    :param hint: what to do when it does not end.
    :raises ConfigError: when it cannot be run.
    :raises ConnectFailed: when it does not end in time; what it has started is ended too.
    """
    program = public.known(command[0], public.SSH_PATHS)
    try:
        ran = run_bounded(command, PROGRAM_TIMEOUT)
    except OSError as error:
        raise ConfigError(
            words("{program} cannot be run ({reason})", program=program, reason=error.strerror)
        ) from None
    if ran.status is None:
        raise ConnectFailed(
            words(
                "{program} does not end within {number:.0f} s",
                program=program,
                number=PROGRAM_TIMEOUT,
            ),
            hint,
        )
    return ran
