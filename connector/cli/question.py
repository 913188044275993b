"""Ask the user a yes-or-no question on the terminal."""

from __future__ import annotations

import sys


def can_ask() -> bool:
    """Return whether stdin and stdout are both a terminal, so that a user can answer."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def agreed(question: str) -> bool:
    """Ask a question, and return whether the answer is yes.

    Every other answer, and the end of the input, is a no.

    :param question: the question without the possible answers.
    """
    sys.stdout.write(f"{question} [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
