"""How long the way to an open stream may take, and what the user reads beyond that."""

from __future__ import annotations

from ..errors import ConnectFailed

#: Seconds from the start, or from the end of the wait for a Dev Environment that did not
#: run, until the stream is open. VS Code and many scripts give ssh 15 s for the server's
#: greeting, and ssh gives no reason when they are over: we do, before.
OPEN_TIMEOUT = 12.0

#: While that is waited for: seconds between two signs of progress. The source knows better
#: what it may survive; this is for a resolver, which knows no deadline.
PROGRESS_TIMEOUT = 40.0

#: Seconds of these that may pass after the gateway was reached.
AGENT_TIMEOUT = 8.0


def api_silent() -> ConnectFailed:
    """Whatever the API's call waits for, it is not the service: that has timeouts of its own."""
    return ConnectFailed(
        "the CodeCatalyst API cannot be reached in time", "Check the network and DNS"
    )


def agent_silent(handshake_begun: bool) -> ConnectFailed:
    """Return the error of an agent that did not open the session in time."""
    hint = "It may be starting or overloaded: try again, or restart the environment"
    if handshake_begun:
        return ConnectFailed("the Dev Environment's agent does not complete the handshake", hint)
    return ConnectFailed("the Dev Environment's agent does not answer", hint)


def gateway_silent() -> ConnectFailed:
    return ConnectFailed(
        "the gateway does not answer the upgrade to a WebSocket",
        "Try again; a proxy or firewall on the way may let no WebSocket through",
    )
