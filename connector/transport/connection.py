"""Connection: a channel's way to the gateway, over as many links as it takes.

A lost link is not a lost session: the far end keeps it for a while, and the channel keeps
what was not acknowledged. So a broken link is dialled anew, with growing pauses, until the
gateway takes us back, refuses us, or :data:`RECONNECT_TIMEOUT` is over.
"""

from __future__ import annotations

import logging
import random
import socket
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import (
    NETWORK_HINT,
    ConnectFailed,
    ConnectorError,
    LinkClosed,
    LinkLost,
    MessageRefused,
    RemoteProtocolError,
    ServiceError,
    ServiceThrottled,
    UpgradeRejected,
)
from .address import StreamAddress, StreamSettings
from .dialler import DIAL_TIMEOUT, Dialler
from .loop import Alarm, Loop
from .session import Session

if TYPE_CHECKING:
    from .roles import ConnectionOwner
    from .websocket import Link

#: Seconds that a broken link may take to be made again. ssh itself gives up earlier where
#: ServerAliveInterval says so.
RECONNECT_TIMEOUT = 120.0

#: Seconds before the first new dial, and between two of them at most.
FIRST_DELAY = 0.1
LONGEST_DELAY = 5.0

#: Seconds for the upgrade of a connected socket to a WebSocket.
UPGRADE_TIMEOUT = 6.0

#: Seconds for whoever is asked for a fresh key, or for a signature.
ANSWER_TIMEOUT = 8.0

#: Seconds after which a link that nobody closed counts as accepted, though all is quiet.
ACCEPTED_AFTER = 3.0

#: What another try may mend.
_TRANSIENT = (ConnectFailed, LinkLost, ServiceError, ServiceThrottled)

_SMALLER = "Leave --payload-size and CONNECTOR_PAYLOAD_SIZE out"

#: The level below DEBUG at which the dialogue is logged: a line for each frame.
DIALOGUE = 5

logger = logging.getLogger(__name__)
dialogue_logger = logging.getLogger("connector.dialogue")


class Connection:
    """The links of one session, one after the other.

    :param rand: uniform in [0, 1), for the pauses: many windows lose their network at once.
    """

    def __init__(
        self,
        loop: Loop,
        session: Session,
        settings: StreamSettings,
        owner: ConnectionOwner,
        rand: Callable[[], float] = random.random,
    ) -> None:
        self._loop = loop
        self._session = session
        self._settings = settings
        self._owner = owner
        self._rand = rand
        self._dialler = Dialler(loop, settings)
        self._alarm = Alarm(loop)
        self._link: Link | None = None
        self._up = False
        self._reading = True
        self._closed = False
        self._accepted_once = False
        self._accepted = False  # on the present link
        self._message_refused = False
        self._cause: BaseException | None = None  # of the present outage
        self._outage_began = 0.0
        self._delay = FIRST_DELAY
        # Looked up once, since every frame would ask.
        self._logs_dialogue = dialogue_logger.isEnabledFor(DIALOGUE)

    @property
    def up(self) -> bool:
        """Whether there is a link that frames can be sent on."""
        return self._up

    @property
    def write_paused(self) -> bool:
        return self._link is not None and self._link.write_paused

    def prepare(self) -> None:
        """The session is being started: do what needs no session.

        Connect to where it will probably lead, and import what a link is made of.
        """
        if self._settings.likely_gateway:
            self._dialler.dial_ahead()
        from . import websocket  # noqa: F401

    def open(self, timeout: float) -> None:
        """Make the first link; ``timeout`` is for its dial, in seconds."""
        self._dial(self._loop.time() + timeout)

    def send_text(self, text: str) -> None:
        if self._link:
            if self._logs_dialogue:
                self._log_text(">", text)
            self._link.send_text(text)

    def send_messages(self, messages: list[bytes]) -> None:
        if self._link:
            if self._logs_dialogue:
                self._log_messages(">", messages)
            self._link.send_messages(messages)

    def set_reading(self, reading: bool) -> None:
        self._reading = reading
        if self._link:
            self._link.set_reading(reading)

    def close(self, timeout: float) -> None:
        """Close in order, within ``timeout`` seconds; no link is made any more."""
        self._stop()
        if self._link:
            self._link.close(timeout)

    def abort(self) -> None:
        """Close at once."""
        self._stop()
        if self._link:
            self._link.abort()
            self._link = None

    def give_up_reconnecting(self) -> None:
        """The end is near: what breaks now stays broken."""
        self._closed = True
        if self._link is None:
            self._stop()

    # Dialling.

    def _dial(self, deadline: float | None = None) -> None:
        """:param deadline: by when; otherwise DIAL_TIMEOUT from the moment that it begins."""
        access = self._session.access
        if access is None:
            raise RuntimeError("there is no session to connect to")
        try:
            address = self._settings.check(access.stream_url)
        except ConnectorError as error:
            self._fail(error)
            return

        def signed(headers: Mapping[str, str]) -> None:
            def connected(sock: socket.socket) -> None:
                self._connected(address, sock, headers)

            timeout = DIAL_TIMEOUT if deadline is None else deadline - self._loop.time()
            self._dialler.dial(address, timeout, connected, self._dial_failed)

        if access.signer is None:
            signed({})
            return
        late = ConnectFailed("the AWS credentials do not come in time", "Check the profile")
        self._ask(self._session.sign, signed, self._sign_failed, late)

    def _sign_failed(self, error: BaseException) -> None:
        # What gives credentials may be away with the network.
        if self._accepted_once and isinstance(error, ConnectorError):
            self._retry(error)
        else:
            self._fail(error)

    def _ask(
        self,
        call: Callable[[Callable[[Any], None], Callable[[BaseException], None]], None],
        done: Callable[[Any], None],
        failed: Callable[[BaseException], None],
        late: ConnectorError,
    ) -> None:
        """Make a call that reports once, later; after ANSWER_TIMEOUT it has failed."""
        pending = True

        def settle(report: Callable[[Any], None], outcome: Any) -> None:
            nonlocal pending
            if pending and not self._closed:
                pending = False
                self._alarm.cancel()
                report(outcome)

        self._alarm.set(self._loop.time() + ANSWER_TIMEOUT, lambda: settle(failed, late))
        call(lambda result: settle(done, result), lambda error: settle(failed, error))

    def _connected(
        self, address: StreamAddress, sock: socket.socket, headers: Mapping[str, str]
    ) -> None:
        from .websocket import Link

        self._owner.connection_dialled()
        interval = self._settings.ping_interval
        self._link = Link(self._loop, sock, address, self, interval, headers)
        self._alarm.set(self._loop.time() + UPGRADE_TIMEOUT, self._upgrade_timed_out)

    def _upgrade_timed_out(self) -> None:
        if self._link:
            self._link.abort()
        self._link = None
        from .reasons import gateway_silent

        self._dial_failed(gateway_silent())

    def _dial_failed(self, error: BaseException) -> None:
        if self._accepted_once and isinstance(error, _TRANSIENT):
            self._retry(error)
        else:
            self._fail(error)

    # What the link tells (LinkOwner).

    def link_opened(self) -> None:
        access = self._session.access
        if access is None or self._link is None:
            raise RuntimeError("a link opened that nobody dialled")
        self._alarm.cancel()
        if self._accepted_once:
            self._alarm.set(self._loop.time() + ACCEPTED_AFTER, self._accept)
        self._accepted = False
        self._up = True
        self._link.set_reading(self._reading)
        self._owner.connection_made(access.token_value)

    def link_messages(self, messages: list[bytes]) -> None:
        self._accept()
        if self._logs_dialogue:
            self._log_messages("<", messages)
        self._owner.connection_messages(messages)

    def link_text(self, text: str) -> None:
        self._accept()
        if self._logs_dialogue:
            self._log_text("<", text)
        self._owner.connection_text(text)

    def link_writable(self) -> None:
        self._owner.connection_writable()

    def link_lost(self, error: ConnectorError | None) -> None:
        was_up, self._up = self._up, False
        self._link = None
        self._alarm.cancel()
        if was_up:
            self._owner.connection_lost()
        if error is None:
            return  # closed by us
        if self._dialler.ahead and not was_up and isinstance(error, _TRANSIENT):
            self._dial()  # it has waited too long for us
        elif not self._accepted_once:
            self._fail(_first_link_lost(error) if was_up else error)
        elif isinstance(error, RemoteProtocolError):
            self._fail(error)
        elif isinstance(error, MessageRefused) and not self._message_refused:
            # The channel has tried how large its messages may be, and knows now.
            self._message_refused = True
            self._retry(error)
        elif isinstance(error, MessageRefused):
            self._fail(
                LinkLost(
                    f"the connection broke ({_words(error)}): our messages are too large for "
                    "this gateway",
                    _SMALLER,
                )
            )
        elif self._is_refusal(error, was_up):
            self._fail(
                LinkLost(
                    f"the connection broke ({_words(self._cause or error)}), and the gateway "
                    "does not let us join the session again",
                    _SMALLER if isinstance(self._cause, MessageRefused) else "Connect anew",
                )
            )
        else:
            self._retry(error)

    def _is_refusal(self, error: ConnectorError, was_up: bool) -> bool:
        if isinstance(error, UpgradeRejected):
            return True
        # It took the upgrade and saw the token; then it hung up on us, on purpose.
        return was_up and not self._accepted and isinstance(error, LinkClosed)

    def _accept(self) -> None:
        if self._accepted:
            return
        self._alarm.cancel()
        if self._cause is not None:
            logger.info("connected again after %.1f s", self._loop.time() - self._outage_began)
        self._accepted = self._accepted_once = True
        self._cause = None
        self._delay = FIRST_DELAY

    # The dialogue.

    def _log_messages(self, direction: str, messages: list[bytes]) -> None:
        from ..datachannel.dialogue import describe

        for message in messages:
            dialogue_logger.log(DIALOGUE, "%s", describe(direction, message))

    def _log_text(self, direction: str, text: str) -> None:
        from ..datachannel.dialogue import describe_text

        dialogue_logger.log(DIALOGUE, "%s", describe_text(direction, text))

    # Making a new link.

    def _retry(self, error: BaseException) -> None:
        if self._closed:
            self._fail(error)
            return
        now = self._loop.time()
        if self._cause is None:
            self._cause, self._outage_began = error, now
        logger.info("no connection: %s", error)
        if now - self._outage_began + self._delay > RECONNECT_TIMEOUT:
            self._fail(
                LinkLost(
                    f"the connection broke ({_words(self._cause)}) and could not be made "
                    f"again within {RECONNECT_TIMEOUT:.0f} s ({_words(error)})",
                    "Check the network and connect anew",
                )
            )
            return
        self._alarm.set(now + self._delay * (0.5 + self._rand() / 2), self._resume)
        self._delay = min(LONGEST_DELAY, 2 * self._delay)

    def _resume(self) -> None:
        late = ConnectFailed(
            "the service does not say in time how to join the session again", NETWORK_HINT
        )
        self._ask(self._session.resume, lambda _: self._dial(), self._dial_failed, late)

    def _stop(self) -> None:
        self._closed = True
        self._alarm.cancel()
        self._dialler.cancel()

    def _fail(self, error: BaseException) -> None:
        self._stop()
        self._owner.connection_failed(error)


def _first_link_lost(error: ConnectorError) -> ConnectorError:
    if not isinstance(error, LinkLost):
        return error
    return UpgradeRejected(
        "the gateway closed the connection before a word",
        "It refuses the session's token: the session may be over, try again",
    )


def _words(error: BaseException) -> str:
    return error.message if isinstance(error, ConnectorError) else str(error)
