"""``connector doctor``: each leg of the way by itself, and what to do where one is broken."""

from __future__ import annotations

import argparse
import os
import signal
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

from ..errors import ConfigError
from ..targets.registry import KINDS, kind_of
from . import proxy
from .boundary import INTERRUPTED
from .environment import (
    LEFT_OUT,
    NAMES,
    add_environment_options,
    add_host,
    query_of,
)
from .output.doctorview import exit_code, open_view
from .settings import add_logging_options, settle

if TYPE_CHECKING:
    from ..doctor.case import Case
    from ..doctor.plan import Plan

DESCRIPTION = f"""\
Look at each leg of the way to a Dev Environment by itself: versions, ssh and its configuration,
login, network, the API, the environment's state, the gateway, and a session as far as the SSH
server's greeting, which is stopped again. Nothing is changed; a Dev Environment that is stopped
is not started. Without ENV it ends with the question who you are. It takes 40 s at most.

{NAMES}{LEFT_OUT}
What is not given is taken from the ProxyCommand that ssh's configuration has for ENV: a name of
your own there is good for ENV, too.
"""

EPILOG = """\
Exit code: 0 if nothing failed (warnings are allowed), else that of the first failure.

--json prints one object: ok, exitCode, seconds, and legs, a list of objects with name, status
(ok, warn, fail, skip), text, hint, seconds and facts. The names: versions, ssh-client,
ssh-config, aws-config, ca, profile, token, api, api-dns, api-proxy, api-tls, clock, identity,
environment, session, gateway, gateway-dns, gateway-proxy, gateway-tls, greeting, session-end,
ssh-login.

examples:
  connector doctor                              everything that needs no Dev Environment
  connector doctor my-env
  connector doctor my-env --report              to paste into an issue: without your names
"""

#: Signal -> exit code. Who closes the terminal ends it as Ctrl-C does. Windows has no SIGHUP.
_ENDS = {
    getattr(signal, name): exit_code
    for name, exit_code in (("SIGTERM", 143), ("SIGHUP", INTERRUPTED))
    if hasattr(signal, name)
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    add_host(parser)
    add_environment_options(parser)
    parser.add_argument(
        "-F",
        "--ssh-config",
        metavar="PATH",
        default="",
        help="another configuration of ssh, as `ssh -F` has it",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--report",
        action="store_true",
        help="leave out all that is yours or the service's, so that it can be shown to others: "
        "placeholders stand for names, paths, addresses and what programs say",
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
        for number in (signal.SIGINT, *_ENDS):  # the session is stopped, whoever hurries
            signal.signal(number, signal.SIG_IGN)
        plan.close()


def make_case(options: argparse.Namespace, environ: Mapping[str, str]) -> Case:
    """The case of a user who gave these options."""
    from ..doctor.case import Case, Commands

    commands = Commands(query_of, _read_proxy_options, _completed)
    return Case(options, options.ssh_config, environ, commands, kind_of(query_of(options)))


def _examine(options: argparse.Namespace, case: Case, plan: Plan) -> int:
    from ..doctor.findings import examine
    from ..doctor.report import Report

    began = time.monotonic()
    view = open_view(as_json=options.json, report=Report() if options.report else None)
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
    def error(self, message: str) -> NoReturn:
        from ..doctor.words import words

        raise ConfigError(
            words("the ProxyCommand in ssh's configuration is wrong: {message}", message=message),
            words("Run `connector config-ssh`"),
        )


def _read_proxy_options(arguments: Sequence[str]) -> argparse.Namespace:
    """:raises ConfigError: when ``connector proxy`` would not take them."""
    parser = _ProxyParser(add_help=False)
    proxy.configure(parser)
    options = parser.parse_args(arguments)
    settle(options)
    return options


def _completed(options: argparse.Namespace, proxy: argparse.Namespace) -> argparse.Namespace:
    """Return the user's options; those of a ProxyCommand take the place of missing ones."""
    completed = argparse.Namespace(**vars(options))
    completed.host = proxy.host
    own = (option.name for row in KINDS for option in row.options)
    for name in (*own, "profile", "endpoint_url"):
        setattr(completed, name, getattr(options, name) or getattr(proxy, name))
    return completed


def _end_by_exceptions() -> None:
    """Let what ends the process pass through ``finally``, as Ctrl-C does by itself."""

    def end(number: int, _: object) -> None:
        raise SystemExit(_ENDS[signal.Signals(number)])

    for number in _ENDS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)
