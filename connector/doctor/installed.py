"""What is installed on this machine: versions, and the ssh client."""

from __future__ import annotations

import platform
import re
import ssl
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of

from ..errors import ConfigError, ConnectFailed
from ..programs import Ran, run_program
from ..ssh.places import find_ssh
from . import public
from .case import Case
from .findings import Result, Status
from .words import Harmless, Words, joined, words

_PACKAGES = ("boto3", "botocore", "websockets", "rich")

#: Seconds for a program that uses this machine only.
PROGRAM_TIMEOUT = 4.0

#: Bytes to keep of each output of a program.
MAX_OUTPUT = 64 * 1024

#: Seconds to wait for the output of a program that has ended.
DRAIN_TIMEOUT = 0.5

#: Features that the connector needs, with the OpenSSH version that introduced each (by OpenSSH's
#: release notes). The newest comes first.
_NEWS = (
    ((7, 6), "StrictHostKeyChecking accept-new"),
    ((7, 3), "Include in ssh_config"),
)


def versions() -> Result:
    """Collect the versions of the connector, of its packages, and of the system."""
    system = _system()
    facts = {
        "connector": public.version(version_of("devenv-connector")),
        "python": public.version(platform.python_version()),
        "openssl": public.tls_library(ssl.OPENSSL_VERSION),
        "os": system,
        **{name: _version(name) for name in _PACKAGES},
    }
    texts = [
        words("connector {version}", version=facts["connector"]),
        words("Python {version}", version=facts["python"]),
        words("{openssl}", openssl=facts["openssl"]),
        *(
            words("{package} {version}", package=Harmless(name), version=facts[name])
            for name in _PACKAGES
            if facts[name]
        ),
        system,
    ]
    return Result(joined(", ", texts), facts=dict(facts))


def _version(package: str) -> str | None:
    try:
        return public.version(version_of(package))
    except PackageNotFoundError:
        return None


def _system() -> Words:
    """Return the operating system, without the name of this machine."""
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        name = ""
    return words(
        "{system} ({kernel} {machine})",
        system=public.distribution(name or platform.system()),
        kernel=public.kernel(platform.release()),
        machine=public.known(platform.machine(), public.MACHINES),
    )


def ssh_client(case: Case) -> Result:
    """Find ssh, and check that it has the features that the connector needs.

    :raises ConfigError: when there is no ssh, or it cannot be run.
    """
    case.ssh = find_ssh(case.environ.get("PATH"))
    path = public.known(case.ssh, public.SSH_PATHS)
    said = run([case.ssh, "-V"]).stderr_text.strip()  # ssh prints its version on stderr
    first = (said.splitlines() or [""])[0]
    shown = public.ssh_version(first)
    facts = {"path": path, "version": shown}
    match = re.match(r"OpenSSH(?:_for_Windows)?_(\d+)\.(\d+)", first)
    if not match:
        text = words("{path} is not OpenSSH ({version})", path=path, version=first[:80])
        hint = words("Install OpenSSH: the connector is tested with no other client")
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
    if _passes_shell_syntax(case.ssh):
        text = words(
            "{client}, passes shell syntax in a host name to the shell (CVE-2023-51385)",
            client=client,
        )
        hint = words(
            "Update OpenSSH; until then use no host names or git submodules from strangers"
        )
        return Result(text, Status.WARN, hint, facts)
    return Result(client, facts=facts)


def _passes_shell_syntax(path: str) -> bool:
    """Return whether ssh accepts ``$(...)`` as a host, which a ProxyCommand with %n would run.

    OpenSSH rejects such a host since 9.6, and so do older versions with a patch.
    """
    return run([path, "-F", "none", "-G", "--", "$(:)"]).status == 0


def run(command: Sequence[str], hint: str | None = None) -> Ran:
    """Run a program that changes nothing.

    :param hint: what to do if it does not end.
    :raises ConfigError: when it cannot be run.
    :raises ConnectFailed: when it does not end in time. It is ended, with what it started.
    """
    program = public.known(command[0], public.SSH_PATHS)
    try:
        return run_program(command, PROGRAM_TIMEOUT, limit=MAX_OUTPUT, drain=DRAIN_TIMEOUT)
    except TimeoutError:
        raise ConnectFailed(
            words(
                "{program} does not end within {number:.0f} s",
                program=program,
                number=PROGRAM_TIMEOUT,
            ),
            hint,
        ) from None
    except OSError as error:
        raise ConfigError(
            words("{program} cannot be run ({reason})", program=program, reason=error.strerror)
        ) from None
