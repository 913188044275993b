"""``connector attach``: connect stdin and stdout to a session that another program started."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ..errors import ConfigError
from ..sessions import SessionAccess, SessionSource, StartProgress
from ..transport.address import StreamSettings
from ..transport.loop import Loop
from ..transport.trust import Trust
from .interactive import ESCAPES, PORT, SIGNALS, Interaction
from .streaming import STREAM_SIGNALS, add_stream_options, run_stream

VARIABLE = "CONNECTOR_SESSION"

DESCRIPTION = f"""\
Connect stdin and stdout to a session that another program started. Describe the session
by JSON: {{"streamUrl": …, "tokenValue": …, "sessionId": …}}, or the whole answer of
StartDevEnvironmentSession or ssm:StartSession. Upper and lower case do not matter in the
keys. The JSON is a secret: give it in a file or in the variable {VARIABLE}.

A session that runs a command or a shell ends with it. The exit code is that of the command
if the agent reports it, otherwise 0. If both ends have a terminal, all keys go to the far
end, and its window follows the size of yours. Otherwise the end of stdin is sent as Ctrl-D.
A command without a terminal gets no stdin.

A session to a port carries bytes. After the end of stdin it stays open until no output has
come for 2 seconds, because the protocol has no half-close.

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
        "--session-file",
        metavar="PATH",
        help=f"the file with the JSON (default: the variable {VARIABLE})",
    )
    parser.add_argument(
        "--profile",
        help="sign the WebSocket request with the AWS credentials of this profile; gateways may "
        "demand that for sessions of EC2 and ECS (default: do not sign)",
    )
    add_stream_options(parser)


def run(options: argparse.Namespace) -> int:
    # As a ProxyCommand, attach is ended by ssh with SIGHUP, which is no failure.
    signals = SIGNALS if os.isatty(0) else STREAM_SIGNALS
    return run_stream(options, _prepare, Attachment, signals)


def _prepare(options: argparse.Namespace) -> tuple[SessionSource, StreamSettings]:
    from ..aws.profile import load_profile
    from ..aws.trust import ca_bundle
    from ..targets.memory import anchor_memory

    # Remove the secret from the environment before other code can see it.
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
            f"Name the file with its JSON by --session-file, or set {VARIABLE}",
        )
    profile = load_profile(options.profile, os.environ)
    bundle = ca_bundle(os.environ, profile)
    trust = Trust(bundle, anchor_memory(os.environ, bundle))
    if options.profile:
        from ..aws.signing import profile_signer

        signer = profile_signer(profile, os.environ, trust.connect)
        access = access._replace(signer=signer)
    return GivenSession(access), StreamSettings(
        trust,
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
    """The interaction of a user or a program with a session of any type.

    The agent may not report the type. A program gets no messages about lost links: ssh prints
    its own.
    """

    def __init__(self, loop: Loop, stdin: int, stdout: int) -> None:
        # Within a line, a shell takes Ctrl-D for "delete": the line is finished first.
        super().__init__(loop, stdin, stdout, finish_line=b"\n", may_be_silent=False, pipeline=True)
        self._tells_outages = os.isatty(stdin)

    def session_opened(self, session_type: str | None) -> None:
        # A command may print nothing; an SSH server always sends a greeting.
        self.may_be_silent = session_type != PORT
        super().session_opened(session_type)

    def link_lost(self) -> None:
        if self._tells_outages:
            super().link_lost()


class GivenSession:
    """A session source with exactly one session, which another program started."""

    def __init__(self, access: SessionAccess) -> None:
        self._access = access

    def start(self, progress: StartProgress) -> SessionAccess:
        return self._access

    def resume(self, access: SessionAccess) -> None:
        """Do nothing: only the program that started the session can resume it."""

    def stop(self, access: SessionAccess, timeout: float) -> None:
        """Do nothing: the TerminateSession flag has ended the session; its service is unknown."""

    def tidy(self) -> None:
        """Do nothing: this source starts no sessions that it could leave behind."""
