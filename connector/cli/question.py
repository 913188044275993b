"""A question that the user answers by yes or no, on the terminal."""

from __future__ import annotations

import sys


def can_ask() -> bool:
    """Return whether stdin and stdout are both a terminal, so that a user can answer."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def agreed(question: str) -> bool:
    """Ask, and return whether the user has said yes.

    The end of the input and each other answer are a no.

    :param question: without the choice of answers, which is added.
    """
    sys.stdout.write(f"{question} [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
