"""What ``proxy``, ``attach``, ``shell`` and ``exec`` share: standard streams, signals, a tunnel."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from ..fast import collector
from ..fast.lean import import_lightly
from ..sessions import SessionSource, Waiting
from ..transport.address import StreamSettings
from ..transport.loop import Loop
from ..transport.session import Session
from ..transport.stdio import (
    open_input,
    open_output,
    open_shared_output,
    take_standard_streams,
)
from .settings import add_logging_options, add_setting

if TYPE_CHECKING:
    import argparse

    from .interactive import Interaction
    from .output.progress import WaitDisplay

#: Seconds after which the start is over and the garbage collector resumes.
_START_TIME = 1.0

#: Signal -> exit code. ssh ends its ProxyCommand by SIGHUP: that is the normal end.
STREAM_SIGNALS = {"SIGHUP": 0, "SIGTERM": 143, "SIGINT": 130}

Prepare = Callable[["argparse.Namespace"], tuple[SessionSource, StreamSettings]]

#: Puts a user at the two descriptors of the stream.
Seat = Callable[[Loop, int, int], "Interaction"]


def add_stream_options(parser: argparse.ArgumentParser) -> None:
    add_setting(parser, "ping-interval")
    add_setting(parser, "payload-size")
    add_logging_options(parser)


def run_stream(
    options: argparse.Namespace,
    prepare: Prepare,
    seat: Seat | None = None,
    signals: Mapping[str, int] = STREAM_SIGNALS,
) -> int:
    """Carry stdin and stdout to the session of the source that ``prepare`` makes.

    From the first line on, file descriptor 1 is out of reach of anything that prints.

    :param seat: for a session that a user may sit at.
    :param signals: name -> exit code, of those that end it.
    """
    report: Callable[[str], None] = options.report_line
    display: WaitDisplay | None = None

    def show_wait(waiting: Waiting | None) -> None:
        nonlocal display
        if display is None:
            from .output.progress import SSH_HINT, WaitDisplay  # most run already

            hint = SSH_HINT if sys.platform == "win32" and not seat else ""
            display = WaitDisplay(hint, report=report)
        display.show(waiting)

    def end(exit_code: int) -> None:
        if display is not None and seat is None and exit_code == STREAM_SIGNALS["SIGHUP"]:
            from .environment import start_command

            display.cut_off(start_command(options))
        tunnel.end(exit_code)

    stream_in, stream_out = take_standard_streams()
    source, settings = prepare(options)
    with closing(Loop()) as loop:
        user = seat(loop, stream_in, stream_out) if seat else None
        stdin, stdout = open_input(loop, stream_in), open_output(loop, stream_out)
        session = Session(loop, source)
        handled = _end_on_signals(loop, end, signals)
        try:
            import_lightly("uuid", "websockets.version")
            session.begin()
            from ..transport.tunnel import Tunnel  # takes no longer than the service

            loop.call_at(loop.time() + _START_TIME, collector.resume)
            tunnel = Tunnel(
                loop,
                session,
                user.keyboard(stdin) if user else stdin,
                stdout,
                settings,
                report,
                show_wait,
                lambda: open_shared_output(loop, 2),
                user,
            )
            if user:
                user.sit_down(tunnel)
            return tunnel.run()
        finally:
            if user:
                user.get_up()
            signal.set_wakeup_fd(-1)
            # All is done: what comes now must not replace the exit code.
            for number in handled:
                signal.signal(number, signal.SIG_IGN)


def _end_on_signals(
    loop: Loop, end: Callable[[int], None], signals: Mapping[str, int]
) -> list[signal.Signals]:
    """Let signals call ``end(exit code)`` in the loop; returns which."""
    handled: list[signal.Signals] = []
    # Python runs a handler only between two steps of its own: this ends a wait at once.
    signal.set_wakeup_fd(loop.wake_writer.fileno(), warn_on_full_buffer=False)
    for name, exit_code in signals.items():
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        # What our parent ignores stays ignored: sftp lets Ctrl-C interrupt a transfer
        # and keeps the connection, nohup keeps it beyond the terminal.
        if number is None or signal.getsignal(number) is signal.SIG_IGN:
            continue
        signal.signal(number, lambda *_, exit_code=exit_code: loop.call_soon(end, exit_code))
        handled.append(number)
    return handled
