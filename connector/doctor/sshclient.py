"""The ssh of this machine: which one, and what it is too old for."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence

from ..errors import ConfigError, ConnectFailed
from ..ssh.places import find_ssh
from .case import Case
from .findings import Result, Status

#: Seconds that a program may take which only looks at this machine.
PROGRAM_TIMEOUT = 4.0

#: What came with which version, by OpenSSH's release notes; the newest first.
_NEWS = (
    ((7, 6), "StrictHostKeyChecking accept-new"),
    ((7, 3), "Include in ssh_config"),
)


def ssh_client(case: Case) -> Result:
    path = case.ssh = find_ssh(case.environ.get("PATH"))
    said = run([path, "-V"]).stderr.strip()  # it says its version there
    shown = (said.splitlines() or [""])[0]
    facts = {"path": path, "version": shown}
    match = re.match(r"OpenSSH(?:_for_Windows)?_(\d+)\.(\d+)", shown)
    if not match:
        text = f"{path} is not OpenSSH ({shown[:80]})"
        return Result(text, Status.WARN, "OpenSSH is what the connector is tested with", facts)
    number = (int(match[1]), int(match[2]))
    missing = [what for since, what in _NEWS if number < since]
    if missing:
        text = f"{shown}, {path}, is too old for {' and '.join(missing)}"
        return Result(text, Status.WARN, "Install a newer OpenSSH", facts)
    if _hands_on_shell_words(path):
        text = f"{shown}, {path}, hands what is no host name to a shell (CVE-2023-51385)"
        hint = "Update OpenSSH; until then take no host names or git submodules from strangers"
        return Result(text, Status.WARN, hint, facts)
    return Result(f"{shown}, {path}", facts=facts)


def _hands_on_shell_words(path: str) -> bool:
    """Whether it takes ``$(...)`` for a host, which the shell of a ProxyCommand with %n runs.

    OpenSSH refuses it from 9.6 on, and so do older ones that were patched.
    """
    return run([path, "-F", "none", "-G", "--", "$(:)"]).returncode == 0


def run(command: Sequence[str], hint: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program that only looks, with nothing on its stdin.

    :param hint: what to do when it does not end.
    :raises ConfigError: when it cannot be run.
    :raises ConnectFailed: when it does not end in time.
    """
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROGRAM_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ConnectFailed(
            f"{command[0]} does not end within {PROGRAM_TIMEOUT:.0f} s", hint
        ) from None
    except OSError as error:
        raise ConfigError(f"{command[0]} cannot be run ({error.strerror})") from None
