"""What the end of a session has lost, in words. It is imported by sessions that lose something."""

from __future__ import annotations

from ..errors import ConnectorError, LinkLost


def output_missing(reason: str) -> LinkLost:
    """Return the error of a session that the service closed with a gap in its output.

    :param reason: the service's own; may be empty.
    """
    told = f": {reason}" if reason else ""
    return LinkLost(
        f"the session ended before all of its output had arrived{told}",
        "What came is whole up to the gap: try again",
    )


def judge(
    missing: bool, unwritten: int, unacknowledged: int, *, runs_program: bool, reader_gone: bool
) -> tuple[ConnectorError, bool] | None:
    """Return what an end has lost, and whether the user is told; ``None`` if it is good.

    :param missing: whether there is a gap in the output.
    :param unwritten: bytes of output that stdout did not take in time.
    :param unacknowledged: bytes of input that the agent did not acknowledge.
    :param runs_program: whether the session runs a program and does not lead to a port.
    :param reader_gone: whether the reader of stdout has left, and so ended the session.
    """
    if missing and not reader_gone:
        return output_missing(""), True
    if unwritten and not reader_gone:
        return LinkLost(f"the last {unwritten:,} bytes of output could not be written"), True
    if not unacknowledged or runs_program:
        # What of its input a program reads is its business, as in a pipe.
        return None
    # The agent acknowledges what it has written to the port. The rest may be lost.
    error = LinkLost(
        f"the session ended before {unacknowledged:,} bytes of input were acknowledged",
        "They may be lost: check what has arrived",
    )
    # Like a program that SIGPIPE ends, we fail without a word when our reader has left.
    return error, not reader_gone
