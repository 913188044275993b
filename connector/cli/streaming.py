"""What ``proxy`` and ``attach`` share: standard streams, signals, and a tunnel."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable

from ..sessions import SessionSource
from ..transport.dialler import DialSettings
from ..transport.loop import Loop
from ..transport.stdio import open_input, open_output, take_standard_streams
from ..transport.tunnel import Tunnel
from .boundary import (
    add_logging_options,
    guarded,
    say,
    set_up_logging,
    write_error,
)
from .progress import SSH_HINT, WaitDisplay
from .settings import add_setting

#: Signal -> exit code. ssh ends its ProxyCommand by SIGHUP: that is the normal end.
_SIGNALS = {"SIGHUP": 0, "SIGTERM": 143, "SIGINT": 130}

Prepare = Callable[[argparse.Namespace], tuple[SessionSource, DialSettings]]


def add_stream_options(parser: argparse.ArgumentParser) -> None:
    add_setting(parser, "ping-interval")
    add_setting(parser, "payload-size")
    add_logging_options(parser)


def run_stream(options: argparse.Namespace, prepare: Prepare) -> int:
    """Carry stdin and stdout to the session of the source that ``prepare`` makes.

    From the first line on, file descriptor 1 is out of reach of anything that prints.
    """

    def body() -> int:
        stream_in, stream_out = take_standard_streams()
        set_up_logging(options)
        source, settings = prepare(options)
        loop = Loop()
        try:
            tunnel = Tunnel(
                loop,
                source,
                open_input(loop, stream_in),
                open_output(loop, stream_out),
                settings,
                say,
                WaitDisplay(SSH_HINT).show,
                write_error,
            )
            handled = _end_on_signals(loop, tunnel)
            try:
                return tunnel.run()
            finally:
                signal.set_wakeup_fd(-1)
                # All is done: what comes now must not replace the exit code.
                for number in handled:
                    signal.signal(number, signal.SIG_IGN)
        finally:
            loop.close()

    return guarded(body)


def _end_on_signals(loop: Loop, tunnel: Tunnel) -> list[signal.Signals]:
    """Let signals end the tunnel; returns which."""
    handled: list[signal.Signals] = []
    # Python runs a handler only between two steps of its own: this ends a wait at once.
    signal.set_wakeup_fd(loop.wake_writer.fileno(), warn_on_full_buffer=False)
    for name, exit_code in _SIGNALS.items():
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        # What our parent ignores stays ignored: sftp lets Ctrl-C interrupt a transfer
        # and keeps the connection, nohup keeps it beyond the terminal.
        if number is None or signal.getsignal(number) is signal.SIG_IGN:
            continue
        signal.signal(number, lambda *_, exit_code=exit_code: loop.call_soon(tunnel.end, exit_code))
        handled.append(number)
    return handled
