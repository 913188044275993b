"""``connector doctor``: check each leg of the way to a target, and say how to fix it."""

from __future__ import annotations

import argparse
import os
import signal
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

from ..errors import ConfigError
from ..targets.model import COMMAND, SSH_SESSION, SessionRequest
from ..targets.registry import KINDS, SESSION, STREAM, WAY, names_target, row_of
from ..transport.probe import HELLO
from . import proxy
from .boundary import INTERRUPTED
from .kinds import kind_named
from .output.doctorview import exit_code, open_view
from .settings import add_logging_options, settle
from .target import (
    NAMES,
    add_host,
    add_target_options,
    query_of,
    start_settings,
)

if TYPE_CHECKING:
    from ..doctor.case import Case
    from ..doctor.plan import Plan
    from ..doctor.words import Words
    from ..targets.model import Query
    from ..targets.registry import KindRow

DESCRIPTION = f"""\
Check each leg of the way to a target by itself: versions, ssh and its configuration, login,
network, API, the state of the target, and the gateway. Then start a session, wait for the
greeting of the SSH server, and stop the session. doctor changes nothing else: it does not
start a stopped target. Without TARGET it checks your AWS keys, the login, and the login's API;
with --kind it checks what this kind needs. It takes at most 40 s, and longer if a
credential_process waits for you. Where targets have no SSH server as a rule, a command is run
instead, and ssh is left out.

{NAMES}
doctor takes missing options from the ProxyCommand that ssh's configuration has for TARGET.
TARGET may also be a host name of your own from that configuration.
"""

EPILOG = """\
Exit code: 0 if nothing failed (warnings are allowed), else that of the first failure.

--json prints one object: ok, exitCode, seconds, and legs, a list of objects with name, status
(ok, warn, fail, skip), text, hint, seconds and facts. The names: versions, ssh-client,
ssh-config, aws-config, ca, profile, token, api, api-dns, api-proxy, api-tls, clock, identity,
environment, session, gateway, gateway-dns, gateway-proxy, gateway-tls, greeting, session-end,
ssh-login. With AWS keys there are also keys, keys-identity, region and target.

examples:
  connector doctor                              # check all legs that need no target
  connector doctor my-env
  connector doctor my-env --report              # for an issue: without your names
"""

#: Seconds for ssh to print its settings. A ``Match exec`` can run anything.
_SSH_TIMEOUT = 10.0

#: Signal -> exit code. A closed terminal ends doctor as Ctrl-C does. Windows has no SIGHUP.
_ENDS = {
    getattr(signal, name): exit_code
    for name, exit_code in (("SIGTERM", 143), ("SIGHUP", INTERRUPTED))
    if hasattr(signal, name)
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    add_host(parser)
    parser.add_argument(
        "--kind",
        type=kind_named,
        metavar="KIND",
        help="without TARGET: check the login or the AWS keys, and the API, of this kind: "
        + ", ".join(row.name for row in KINDS),
    )
    add_target_options(parser, WAY, SESSION, STREAM)
    parser.add_argument(
        "-F",
        "--ssh-config",
        metavar="PATH",
        default="",
        help="use this ssh configuration, as `ssh -F` does",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--report",
        action="store_true",
        help="make the output safe to publish: placeholders replace names, paths, addresses and "
        "the output of programs",
    )
    add_logging_options(parser)


def run(options: argparse.Namespace) -> int:
    from ..doctor.plan import Plan

    _end_by_exceptions()
    case = make_case(options, os.environ)
    plan = Plan(case)
    try:
        return _examine(options, case, plan)
    finally:
        for number in (signal.SIGINT, *_ENDS):  # nothing may interrupt the stop of the session
            signal.signal(number, signal.SIG_IGN)
        plan.close()


def make_case(options: argparse.Namespace, environ: Mapping[str, str]) -> Case:
    """Return the case of a user with these options."""
    from ..doctor.case import Case, Commands
    from .itself import ssh_passes_descriptors

    commands = Commands(query_of, _read_proxy_options, _completed, ssh_passes_descriptors)
    query = query_of(options)
    has_target = not options.kind and names_target(query, environ)
    row, request = options.kind or _row(options), SSH_SESSION
    beside = None
    if options.kind:
        _check_options(row, query)
    elif not has_target and not query.options:
        beside = next(each for each in KINDS if not each.login).load()
    # A host name of the user's own stands for a target with an SSH server.
    if row.copies_by_tar and _is_told(query.name):
        request = SessionRequest(COMMAND, ("sh", "-c", f"echo {HELLO}"))
    return Case(
        options,
        options.ssh_config,
        environ,
        commands,
        row.load(),
        request,
        has_target=has_target,
        beside=beside,
    )


def _check_options(row: KindRow, query: Query) -> None:
    """Check what is given beside ``--kind``.

    :raises ConfigError: for a target, and for an option of another kind.
    """
    if query.name:
        raise ConfigError("--kind goes without TARGET, whose name tells the kind", "Leave one out")
    for option, _ in query.options:
        if not row.option(option):
            raise ConfigError(f"--{option} does not go with --kind {row.name}")


def _row(options: argparse.Namespace) -> KindRow:
    """Return the row of the target's kind, which ssh's configuration may tell."""
    query = query_of(options)
    if query.name and not query.options and not _is_told(query.name):
        for name in _names_in_ssh(options):
            if _is_told(name):
                return row_of(query._replace(name=name))
    return row_of(query)


def _is_told(name: str) -> bool:
    return any(row.recognises(name) for row in KINDS)


def _names_in_ssh(options: argparse.Namespace) -> list[str]:
    """Return the names that ssh's configuration has for a host name of the user's own."""
    import shlex
    import shutil

    from ..programs import run_program
    from ..ssh.check import Answer

    ssh = shutil.which("ssh")
    if ssh is None or options.host.startswith("-"):
        return []  # the legs report it
    config = ["-F", options.ssh_config] if options.ssh_config else []
    try:
        ran = run_program([ssh, "-G", *config, options.host], _SSH_TIMEOUT)
        answer = Answer(tuple(ran.stdout_text.splitlines()), "")
        words = shlex.split(answer.value("proxycommand") or "", posix=os.name != "nt")
    except (OSError, ValueError):  # which includes TimeoutError
        return []
    return [*words, answer.value("hostname") or ""]


def _examine(options: argparse.Namespace, case: Case, plan: Plan) -> int:
    from ..doctor.findings import examine
    from ..doctor.words import Report

    began = time.monotonic()
    report = Report(case.kind_legs.states) if options.report else None
    view = open_view(as_json=options.json, report=report)
    findings = []
    try:
        for finding in examine(plan.legs(), view.begin):
            findings.append(finding)
            view.show(finding)
        view.finish(findings, time.monotonic() - began)
    finally:
        view.close()
    return exit_code(findings)


class _ProxyParser(argparse.ArgumentParser):
    cure: Words

    def error(self, message: str) -> NoReturn:
        from ..doctor.words import words

        raise ConfigError(
            words("the ProxyCommand in ssh's configuration is wrong: {message}", message=message),
            self.cure,
        )


def _read_proxy_options(arguments: Sequence[str], cure: Words) -> argparse.Namespace:
    """Parse the arguments of a ProxyCommand.

    :param cure: what to do about wrong ones.
    :raises ConfigError: when ``connector proxy`` would reject them.
    """
    parser = _ProxyParser(add_help=False)
    parser.cure = cure
    proxy.configure(parser)
    options = parser.parse_args(arguments)
    settle(options)
    options.start = start_settings(options).allowed
    return options


def _completed(options: argparse.Namespace, proxy: argparse.Namespace) -> argparse.Namespace:
    """Return the user's options; those of a ProxyCommand take the place of missing ones."""
    completed = argparse.Namespace(**vars(options))
    completed.host = proxy.host
    own = {option.dest for row in KINDS for option in row.options}
    for name in (*own, "profile", "endpoint_url"):
        setattr(completed, name, getattr(options, name, None) or getattr(proxy, name))
    return completed


def _end_by_exceptions() -> None:
    """Let signals raise SystemExit, so that ``finally`` runs, as with Ctrl-C."""

    def end(number: int, _: object) -> None:
        raise SystemExit(_ENDS[signal.Signals(number)])

    for number in _ENDS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)
