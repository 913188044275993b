"""``connector attach``: join a session that something else has started."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ..errors import ConfigError
from ..sessions import SessionAccess, SessionSource, StartProgress
from ..transport.address import StreamSettings
from ..transport.dial import Trust
from ..transport.loop import Loop
from .interactive import ESCAPES, PORT, SIGNALS, Interaction
from .streaming import STREAM_SIGNALS, add_stream_options, run_stream

VARIABLE = "CONNECTOR_SESSION"

DESCRIPTION = f"""\
Carry stdin and stdout to a session that something else has started. The session is
described by JSON: {{"streamUrl": …, "tokenValue": …, "sessionId": …}}, or by the whole
answer of StartDevEnvironmentSession or ssm:StartSession; the keys in any case. It is a
secret, so it comes from a file or from the variable {VARIABLE}, never from an argument.

A session that runs a command or a shell ends when that does, with the exit code of the
command if the agent tells it, otherwise 0. If stdin is a terminal and the far end has one, keys
go there as they are and the size of the window follows; the end of other input is Ctrl-D there.
A command without a terminal has no stdin.

A session that leads to a port is a stream of bytes. After the end of stdin it goes on until
nothing has come for 2 seconds: the protocol has no half-close by which the far end could say
that it is done.

{ESCAPES}"""


EPILOG = """\
examples:
  connector attach --session-file session.json
  CONNECTOR_SESSION="$(./start-session i-0123456789abcdef0)" connector attach --profile my-account
  ssh -o 'ProxyCommand connector attach --session-file session.json' user@any-name
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    parser.add_argument(
        "--session-file", metavar="PATH", help=f"a file of the JSON (otherwise: {VARIABLE})"
    )
    parser.add_argument(
        "--profile",
        help="the AWS profile whose credentials sign the upgrade, as the gateway may want it "
        "for sessions of EC2 and ECS; without it, it is not signed",
    )
    add_stream_options(parser)


def run(options: argparse.Namespace) -> int:
    # ssh ends its ProxyCommand by SIGHUP, which is no failure.
    signals = SIGNALS if os.isatty(0) else STREAM_SIGNALS
    return run_stream(options, _prepare, Attachment, signals)


def _prepare(options: argparse.Namespace) -> tuple[SessionSource, StreamSettings]:
    from ..aws.profile import load_profile
    from ..aws.trust import ca_bundle

    # Out of the environment at once: what we import or start need not see it.
    given = os.environ.pop(VARIABLE, None)
    if options.session_file is not None:
        access = SessionAccess.from_json(
            _read(options.session_file), f"the session file {options.session_file}"
        )
    elif given:
        access = SessionAccess.from_json(given, f"the variable {VARIABLE}")
    else:
        raise ConfigError(
            "there is no session to attach to",
            f"Name a file of its JSON by --session-file, or set {VARIABLE}",
        )
    profile = load_profile(options.profile, os.environ)
    if options.profile:
        from ..aws.signing import UpgradeSigner
        from ..transport.address import gateway_region

        access = access._replace(signer=UpgradeSigner(options.profile, gateway_region))
    return GivenSession(access), StreamSettings(
        Trust(ca_bundle(os.environ, profile)),
        ping_interval=options.ping_interval,
        payload_size=options.payload_size,
        url_given=True,
    )


def _read(name: str) -> str:
    from ..files import FileProblem, read_text

    if name == "-":
        raise ConfigError(
            "the session cannot be read from stdin, which is the stream",
            f"Give a file, or set {VARIABLE}",
        )
    shown = f"the session file {name}"
    try:
        return read_text(Path(name))
    except FileNotFoundError:
        raise ConfigError(f"{shown} does not exist", "Check --session-file") from None
    except FileProblem as problem:
        raise ConfigError(f"{shown} {problem}") from None


class Attachment(Interaction):
    """A user or a program at a session of any type. The agent need not tell the type.

    A program gets no lines about lost links: ssh has words of its own for them.
    """

    def __init__(self, loop: Loop, stdin: int, stdout: int) -> None:
        # The far end may be a shell, which takes Ctrl-D within a line for "delete".
        super().__init__(loop, stdin, stdout, finish_line=b"\n", may_be_silent=False, pipeline=True)
        self._tells_outages = os.isatty(stdin)

    def session_opened(self, session_type: str | None) -> None:
        # A command need not say anything; an SSH server does.
        self.may_be_silent = session_type != PORT
        super().session_opened(session_type)

    def link_lost(self) -> None:
        if self._tells_outages:
            super().link_lost()


class GivenSession:
    """A session source that has exactly one session, started by somebody else."""

    def __init__(self, access: SessionAccess) -> None:
        self._access = access

    def start(self, progress: StartProgress) -> SessionAccess:
        return self._access

    def resume(self, access: SessionAccess) -> None:
        """Only whoever started it could."""

    def stop(self, access: SessionAccess, timeout: float) -> None:
        """The TerminateSession flag has ended it; its service is not known here."""

    def tidy(self) -> None:
        """Do nothing: this source starts no session that could be left behind."""
