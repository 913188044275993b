"""The errors that end a session, in words.

Most sessions end without one, so callers import this module when they need it.
"""

from __future__ import annotations

from ..errors import ConnectFailed, ConnectorError, LinkLost, SessionEnded
from .lifecycle import Phase

#: The service's words when the agent cannot connect to the port. The agent's worker crashes
#: then, and only the agent's log has the reason.
_PORT_REFUSED = ("document process failed unexpectedly", "connect to specified port")

#: The agent writes this line above a reason.
_TITLE = "----------ERROR-------"

#: Characters of the service's reason that the user reads.
_MAX_REASON = 500


def not_opened(phase: str, connected: bool, handshake_begun: bool) -> ConnectFailed:
    """Return the error of a session that did not open in time."""
    if phase == Phase.STARTING:
        # The API calls have timeouts of their own, so the service is not even reached.
        return ConnectFailed("the API cannot be reached in time", "Check the network and DNS")
    if not connected:
        return gateway_silent()
    hint = "It may be starting or overloaded: try again, or restart the target"
    if handshake_begun:
        return ConnectFailed("the target's agent does not complete the handshake", hint)
    return ConnectFailed("the target's agent does not answer", hint)


def gateway_silent() -> ConnectFailed:
    """Return the error of an upgrade that got no answer."""
    return ConnectFailed(
        "the gateway does not answer the upgrade to a WebSocket",
        "Try again; a proxy or firewall on the way may block WebSockets",
    )


def channel_closed(output: str, output_missing: bool, begun: bool) -> ConnectorError | None:
    """Return the error of a session that the service closed; ``None`` for a normal end.

    :param output: the service's reason, which may be empty.
    :param output_missing: whether there is a gap in the output.
    :param begun: whether the session did what it was for.
    """
    reason = " ".join(output.replace(_TITLE, " ").split())[:_MAX_REASON]
    if output_missing:
        return _output_missing(reason)
    if reason:
        hint = None
        if any(words in reason for words in _PORT_REFUSED):
            hint = "Its SSH server may be starting or missing: try again in a moment"
        return SessionEnded(f"the service closed the session: {reason}", hint)
    if begun:
        return None
    return SessionEnded(
        "the service closed the session before the first byte of output",
        "The target may be stopping: check its state and try again",
    )


def stalled(away: bool, output_missing: bool) -> LinkLost:
    """Return the error of a session that ends after stdin because the agent stalls.

    :param away: whether the agent has left and not returned.
    :param output_missing: whether there is a gap in the output.
    """
    if away:
        return LinkLost("the target's agent left and did not return")
    if output_missing:
        return LinkLost("a part of the output is lost and was not sent again")
    return LinkLost("the last bytes of stdin were not acknowledged")


def lost(output_missing: bool, unwritten: int, unacked: int) -> LinkLost:
    """Return the error of an end that loses data.

    :param output_missing: whether there is a gap in the output.
    :param unwritten: bytes of output that stdout did not take in time.
    :param unacked: bytes of input without an ack. The agent acks what it has written.
    """
    if output_missing:
        return _output_missing("")
    if unwritten:
        return LinkLost(f"the last {unwritten:,} bytes of output could not be written")
    return LinkLost(
        f"the session ended before {unacked:,} bytes of input were acknowledged",
        "They may be lost: check what has arrived",
    )


def _output_missing(reason: str) -> LinkLost:
    ending = f": {reason}" if reason else ""
    return LinkLost(
        f"the session ended before all of its output had arrived{ending}",
        "The output is complete up to the gap: try again",
    )
