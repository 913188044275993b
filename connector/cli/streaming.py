"""What ``proxy``, ``attach``, ``shell`` and ``exec`` share: streams, signals and the tunnel."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from ..fast import collector
from ..fast.typed import TYPE_CHECKING
from ..transport.stdio import (
    open_input,
    open_output,
    open_shared_output,
    take_standard_streams,
)
from .dialer import get_dialer
from .settings import add_logging_options, add_setting

if TYPE_CHECKING:
    import argparse
    import signal

    from ..sessions import SessionSource, Waiting
    from ..transport.address import StreamSettings
    from ..transport.loop import Loop
    from ..transport.roles import Input, Output
    from ..transport.tunnel import Observer
    from .dialer import Dialer
    from .interactive import Interaction
    from .output.progress import WaitDisplay

#: Seconds to end a session that got no tunnel, such as for a lack of open files.
_ABANDON_TIMEOUT = 3.0

#: Seconds after which the start is over and the garbage collector resumes.
_START_TIME = 1.0

#: Signal -> exit code. SIGHUP is the normal end: ssh ends its ProxyCommand with it.
STREAM_SIGNALS = {"SIGHUP": 0, "SIGTERM": 143, "SIGINT": 130}

Prepare = Callable[["argparse.Namespace"], "tuple[SessionSource, StreamSettings]"]

#: Makes the interaction of a user with the session, from the descriptors of the stream.
Seat = Callable[["Loop", int, int], "Interaction"]


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
    """Carry stdin and stdout to a session, and return the exit code.

    The function first replaces file descriptor 1, so that nothing can print into the stream.

    :param prepare: makes the source of the session.
    :param seat: makes the interaction, for a session that a user may type in.
    :param signals: name -> exit code, of the signals that end the session.
    """
    report: Callable[[str], None] = options.report_line
    display: WaitDisplay | None = None

    def show_wait(waiting: Waiting | None) -> None:
        nonlocal display
        if display is None:
            from .output.progress import SSH_HINT, WaitDisplay  # most targets run already

            hint = SSH_HINT if sys.platform == "win32" and not seat else ""
            display = WaitDisplay(options.host or "", hint, report=report)
        display.show(waiting)

    def end(exit_code: int) -> None:
        if display is not None:
            from .target import start_command

            by_ssh = not seat and not dialer and exit_code == STREAM_SIGNALS["SIGHUP"]
            display.leave(start_command(options) if by_ssh else "")
        tunnel.end(exit_code)

    dialer = get_dialer()
    stream_in, stream_out = take_standard_streams()
    source, settings = prepare(options)
    # The connections are made meanwhile.
    import signal
    from contextlib import closing

    from ..transport.loop import Loop
    from ..transport.session import Session

    with closing(Loop()) as loop:
        user = seat(loop, stream_in, stream_out) if seat else None
        session = Session(loop, source)
        handled = _end_on_signals(loop, end, signals)
        try:
            session.begin()
            try:
                from ..transport.tunnel import Tunnel  # takes no longer than the service

                stdin, stdout, observer = _open_streams(
                    loop, (stream_in, stream_out), dialer, lambda: end(0)
                )
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
                    user or observer,
                )
                if user:
                    user.sit_down(tunnel)
            except BaseException:
                session.abandon(_ABANDON_TIMEOUT)  # there is no tunnel that would end it
                raise
            return tunnel.run()
        finally:
            if user:
                user.get_up()
            signal.set_wakeup_fd(-1)
            # The exit code is known: a later signal must not replace it.
            for number in handled:
                signal.signal(number, signal.SIG_IGN)


def _open_streams(
    loop: Loop, fds: tuple[int, int], dialer: Dialer | None, gone: Callable[[], None]
) -> tuple[Input, Output, Observer | None]:
    """Return the streams of these descriptors, and what hands them to ssh.

    :param dialer: None where ssh does not wait for a descriptor.
    :param gone: called when ssh has ended.
    """
    if dialer is None:
        return open_input(loop, fds[0]), open_output(loop, fds[1]), None
    from ..transport.handover import Handover

    handover = Handover(loop, *fds, dialer.life, dialer.leave, gone)
    return handover.input, handover.output, handover


def _end_on_signals(
    loop: Loop, end: Callable[[int], None], signals: Mapping[str, int]
) -> list[signal.Signals]:
    """Let signals call ``end(exit code)`` in the loop. Return the signals that do."""
    import signal

    handled: list[signal.Signals] = []
    # Python runs a handler only between two bytecodes: this wakes the loop at once.
    signal.set_wakeup_fd(loop.wake_writer.fileno(), warn_on_full_buffer=False)
    for name, exit_code in signals.items():
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        # A signal that our parent ignores stays ignored: sftp keeps the connection when Ctrl-C
        # interrupts a transfer, and nohup keeps it when the terminal closes.
        if number is None or signal.getsignal(number) is signal.SIG_IGN:
            continue
        signal.signal(number, lambda *_, exit_code=exit_code: loop.call_soon(end, exit_code))
        handled.append(number)
    return handled
