"""``connector emulator``: run emulated targets on this machine."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shlex
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..targets.model import COMMAND, SHELL, SSH
from ..targets.registry import KINDS, KindRow
from .itself import own_command
from .settings import add_logging_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..emulator.access import Access, Names
    from ..emulator.api.world import PlannedTarget
    from ..emulator.faults.plans import FaultPlan

DESCRIPTION = """\
Run emulated targets on this machine until Ctrl-C: the services' APIs, the message gateway,
the agent, shells and an SSH server. stdout gets only the lines to evaluate in the shell from
which you connect; stderr explains what to type there. Everything listens on loopback only,
and demands a token or a key that was made for this run.
"""

#: The values of ``emulator.behaviour.ExecuteAs``, which is not imported for a ``--help``.
EXECUTE_AS = ("interactive", "joined", "separate")

EPILOG = """\
examples:
  connector emulator                        # then follow its instructions in another terminal
  (umask 077; connector emulator > exports) # then there: . ./exports
  connector emulator --environment demo --environment Shop/api:stopped:14
  connector emulator --json access.json     # for a program that connects to it
  connector emulator --target 2222          # with your own sshd
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    parser.add_argument(
        "--json", metavar="FILE", help="also write all access data to this file (mode 0600)"
    )
    parser.add_argument(
        "--kind",
        metavar="KIND",
        choices=[row.name for row in KINDS],
        action="append",
        dest="kinds",
        help="run targets of this kind: %(choices)s; repeat it for more kinds; default: "
        f"{KINDS[0].name}",
    )
    parser.add_argument(
        "--environment",
        metavar="[PROJECT/]ALIAS[:STATE[:SECONDS]]",
        type=_environment,
        action="append",
        dest="environments",
        help="run this target of the first kind, in this project or what the kind has instead, "
        "running or stopped, with a start that takes so many seconds; repeat it for more targets; "
        "default: demo",
    )
    parser.add_argument(
        "--target",
        metavar="PORT",
        type=_port,
        help="use this TCP port of this machine as the SSH server, such as that of your sshd",
    )
    parser.add_argument(
        "--faults",
        metavar="FILE",
        type=Path,
        help="a fault plan in JSON or TOML: what goes wrong in each session; see "
        "docs/emulator-for-tests.md",
    )
    parser.add_argument(
        "--unpaced",
        action="store_true",
        help="emulate an agent without the pauses and faults of the real one, for benchmarks",
    )
    parser.add_argument(
        "--execute-as",
        metavar="KIND",
        choices=EXECUTE_AS,
        default=EXECUTE_AS[0],
        help="how to run the commands of `connector exec`: interactive: on a terminal; joined: "
        "output and errors together, sent at the end; separate: output and errors apart, with "
        "the exit status. Which of them the real service does is not known; default: %(default)s",
    )
    add_logging_options(parser)


def check_installed(embedded_server: bool = True) -> None:
    """Check that the emulator can run here.

    :param embedded_server: whether the emulator has to run its own SSH server.
    :raises ConfigError: when it cannot run.
    """
    from ..emulator import missing_packages

    missing = missing_packages()
    if missing:
        raise ConfigError(
            f"the emulator needs {', '.join(missing)}",
            "In the project's folder, run `pipx install --force '.[emulator]'`, or "
            "`pip install '.[emulator]'` in a virtual environment",
        )
    if embedded_server and sys.platform == "win32":
        raise ConfigError(
            "the emulator's own SSH server does not run on Windows",
            "Give the port of another SSH server by --target PORT",
        )


def end_like_interrupt(*_: object) -> None:
    """Handle a signal as Ctrl-C, so that the command cleans up."""
    raise KeyboardInterrupt


def proxy_command(host: str) -> list[str]:
    """Return the ProxyCommand that runs this connector."""
    return [*own_command(), "proxy", host]


def as_document(access: Access) -> dict[str, object]:
    """Return the document that ``--json`` writes."""
    return {
        "host": access.host,
        **access.names.members,
        "endpointUrl": access.endpoint_url,
        "gatewayUrl": access.gateway_url,
        "caFile": str(access.ca_file),
        "bearerToken": access.bearer_token,
        "accessKeyId": access.access_key_id,
        "secretAccessKey": access.secret_key,
        "password": access.password,
        "environment": dict(access.environment),
    }


def run(options: argparse.Namespace) -> int:
    check_installed(embedded_server=options.target is None)
    with tempfile.TemporaryDirectory(prefix="connector-emulator-") as directory:
        asyncio.run(_serve(options, Path(directory)))
    return 0


async def _serve(options: argparse.Namespace, directory: Path) -> None:
    from ..emulator.agent.behaviour import (
        CLEAN,
        REAL,
        ExecuteAs,
    )
    from ..emulator.api.world import DEMO
    from ..emulator.app import Emulator

    stop = asyncio.Event()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        with contextlib.suppress(NotImplementedError, AttributeError):  # Windows
            asyncio.get_running_loop().add_signal_handler(getattr(signal, name), stop.set)
    agent = replace(CLEAN if options.unpaced else REAL, execute_as=ExecuteAs(options.execute_as))
    planned: list[PlannedTarget] = options.environments or []
    for project in {each.group for each in planned}:
        aliases = [each.alias.lower() for each in planned if each.group == project]
        if len(set(aliases)) < len(aliases):
            raise ConfigError(f"two targets in the project {project} have the same alias")
    kinds = tuple(dict.fromkeys(options.kinds or [KINDS[0].name]))
    emulator = Emulator(
        directory,
        port=options.target,
        agent=agent,
        faults=_read_faults(options.faults),
        targets=planned or DEMO,
        kinds=kinds,
    )
    rows = {row.name: row for row in KINDS}
    async with emulator as access:
        config = access.write_ssh_config(directory, proxy_command("%n"))
        home = directory / "home"
        home.mkdir()
        if options.json:
            _write_private(Path(options.json), json.dumps(as_document(access), indent=2))
        targets = [(rows[kind], world.targets[0]) for kind, world in emulator.worlds.items()]
        before, exports, after = _instructions(access, targets, config, home)
        for text, stream in ((before, sys.stderr), (exports, sys.stdout), (after, sys.stderr)):
            stream.write(text)
            stream.flush()
        await stop.wait()
        if options.json:  # the emulator is gone
            Path(options.json).unlink(missing_ok=True)


def _instructions(
    access: Access, targets: Sequence[tuple[KindRow, Names]], config: Path, home: Path
) -> tuple[str, str, str]:
    """Return the text before the exports, the exports, and the text after them.

    :param targets: the first target of each kind.
    """
    from ..emulator.access import MISLEADING

    lines = [f"export {name}={shlex.quote(v)}" for name, v in access.environment.items()]
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy")):
        lines.append('export NO_PROXY="127.0.0.1,$NO_PROXY" no_proxy="127.0.0.1,$no_proxy"')
    if "AWS_ACCESS_KEY_ID" in access.environment:
        lines.append(f"unset {' '.join(MISLEADING)}")
    before = "Emulated targets are running on this machine. To connect to them, evaluate "
    if sys.stdout.isatty():
        before += "these lines\nin another terminal:\n\n"
    else:
        before += "the lines\nof stdout in another terminal.\n"
    by_ssh = [
        f"  ssh -F {shlex.quote(str(config))} {names.name}\n"
        for row, names in targets
        if SSH in row.forms
    ]
    parts = []
    if by_ssh:
        parts.append(f"Then connect from there by ssh:\n\n{''.join(by_ssh)}")
    parts.append(
        "Or, if `connector` is on the PATH, without any configuration:\n\n"
        + "".join(f"  connector {line}\n" for line in _commands(targets))
    )
    for row, names in targets:
        if row.login is None:
            continue
        parts.append(
            "Or by the service's own name, from the project's folder, as for real targets:\n\n"
            f"  ssh -F examples/ssh_config {names.host}\n"
        )
        parts.append(
            "To try the login, in a home of its own so that your real login stays unchanged (the\n"
            "browser warns of an unknown certificate):\n\n"
            f"  unset {row.login.token_variables[0]}\n"
            f"  export HOME={shlex.quote(str(home))} AWS_PROFILE={row.login.profile}\n"
            f"  connector login     # the password on its page: {access.password}\n"
            "  connector whoami\n"
        )
    after = "".join(f"\n{part}" for part in [*parts, "Ctrl-C ends it.\n"])
    return before, "".join(f"{line}\n" for line in lines), after


def _commands(targets: Sequence[tuple[KindRow, Names]]) -> Iterator[str]:
    """Yield commands of the connector: of one kind all forms, of several kinds one each."""
    listed = [row.name for row, _ in targets if row.has_list]
    if listed == [KINDS[0].name]:
        yield "list"
    elif listed:  # other kinds would ask APIs that do not run here
        yield f"list --kind {','.join(listed)}"
    for row, names in targets:
        # A short name means a target of the first kind.
        name = names.alias if row is KINDS[0] else names.name
        forms = {SSH: f"ssh {name}", SHELL: f"shell {name}", COMMAND: f"exec {name} -- uname -a"}
        own = [forms[form] for form in forms if form in row.forms]
        yield from own if len(targets) == 1 else own[-1:]


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, because it contains a token.

    :raises ConfigError: when the file cannot be written.
    """
    from ..files import reason, write_private

    try:
        write_private(path, text + "\n")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({reason(error)})") from None


def _read_faults(path: Path | None) -> FaultPlan:
    """Return the plan of a file, an empty plan without one.

    :raises ConfigError: if the file cannot be read or is not a fault plan.
    """
    from ..emulator.faults.data import PlanError, read_plan
    from ..emulator.faults.plans import NO_FAULTS
    from ..files import reason

    if path is None:
        return NO_FAULTS
    try:
        return read_plan(path)
    except OSError as error:
        raise ConfigError(f"the fault plan {path} cannot be read ({reason(error)})") from None
    except PlanError as error:
        raise ConfigError(f"{path} is not a fault plan: {error}") from None


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() else 0
    if not 0 < port < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65535")
    return port


def _environment(text: str) -> PlannedTarget:
    """Return the target that ``[PROJECT/]ALIAS[:STATE[:SECONDS]]`` describes."""
    from ..emulator.api.world import DEFAULT_GROUP, PlannedTarget

    states = {"running": True, "stopped": False}
    place, *rest = text.split(":")
    project, slash, alias = place.rpartition("/")
    state, seconds = [*rest, "", ""][:2] if rest else ("running", "")
    if len(rest) > 2 or not (_is_name(alias) and (_is_name(project) or not slash)):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not [PROJECT/]ALIAS[:STATE[:SECONDS]], with names of 3 to 63 letters, "
            "digits, '-', '_' and '.'"
        )
    if state.lower() not in states:
        raise argparse.ArgumentTypeError(f"{state!r} is neither running nor stopped")
    if seconds and not (seconds.isascii() and seconds.isdigit() and int(seconds) <= 3600):
        raise argparse.ArgumentTypeError(f"{seconds!r} is not a number of seconds from 0 to 3600")
    return PlannedTarget(
        alias, project or DEFAULT_GROUP, states[state.lower()], float(seconds or 0)
    )


def _is_name(text: str) -> bool:
    """Return whether the service would accept this name for a project or an alias."""
    plain = text.replace("-", "").replace("_", "").replace(".", "")
    return 3 <= len(text) <= 63 and text.isascii() and plain.isalnum() and text[0].isalnum()
