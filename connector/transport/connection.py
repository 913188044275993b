"""Connection: the links of one session to the gateway, one after the other.

A lost link is not a lost session: the agent keeps the session for a while, and the channel
keeps what was not acked. So the connection reconnects and backs off between the attempts,
until the gateway accepts a link, refuses one, or :data:`RECONNECT_TIMEOUT` has passed. A raw
stream has one link and is over with it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

from ..errors import (
    NETWORK_HINT,
    ConfigError,
    ConnectFailed,
    ConnectorError,
    CredentialsError,
    LinkClosed,
    LinkLost,
    MessageRefused,
    RemoteProtocolError,
    ServiceError,
    ServiceThrottled,
    UpgradeRejected,
)
from ..fast.logs import Logger
from ..fast.typed import TYPE_CHECKING, Any
from .address import StreamAddress, StreamSettings
from .dialler import DIAL_TIMEOUT, Dialler
from .loop import Alarm, Loop
from .session import Session

if TYPE_CHECKING:
    from .roles import ConnectionOwner
    from .websocket import Link

#: Seconds until the connection gives up reconnecting. With ServerAliveInterval, ssh may give
#: up earlier.
RECONNECT_TIMEOUT = 120.0

#: Seconds before the first attempt to reconnect, and between two attempts at most.
FIRST_DELAY = 0.1
LONGEST_DELAY = 5.0

#: Seconds for the upgrade of a connected socket to a WebSocket.
UPGRADE_TIMEOUT = 6.0

#: Seconds for a call to the source or the signer: new access, or a signature.
ANSWER_TIMEOUT = 8.0

#: Seconds after which a silent link counts as accepted. A gateway that refuses the token
#: closes the link at once.
ACCEPTED_AFTER = 3.0

#: Errors that another attempt may not meet.
_TRANSIENT = (ConnectFailed, LinkLost, ServiceError, ServiceThrottled)

_SMALLER = "Unset --payload-size and CONNECTOR_PAYLOAD_SIZE"

#: The level below DEBUG at which the dialogue is logged: a line for each frame.
DIALOGUE = 5

logger = Logger(__name__)
dialogue_logger = Logger("connector.dialogue")


def _random_fraction() -> float:
    """Return a uniform random number in [0, 1). Few sessions need one, so the import waits."""
    import random

    return random.random()


class Connection:
    """Makes the links of one session, and reconnects when one is lost.

    :param rand: returns a random number in [0, 1). It spreads the attempts of many connectors
        that lose the network at the same moment.
    """

    def __init__(
        self,
        loop: Loop,
        session: Session,
        settings: StreamSettings,
        owner: ConnectionOwner,
        rand: Callable[[], float] = _random_fraction,
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
        self._accepted = False  # the present link; the gateway took its token
        self._message_refused = False
        self._upgrade_refused = False  # a signed one, in the present outage
        self._cause: BaseException | None = None  # the error that began the present outage
        self._outage_began = 0.0
        self._delay = FIRST_DELAY
        # Look this up once, not for each frame.
        self._logs_dialogue = dialogue_logger.isEnabledFor(DIALOGUE)

    @property
    def up(self) -> bool:
        """Whether there is a link that frames can be sent on."""
        return self._up

    @property
    def write_paused(self) -> bool:
        return self._link is not None and self._link.write_paused

    @property
    def is_raw(self) -> bool:
        """Whether the session's stream is raw; False until there is a session."""
        access = self._session.access
        return access is not None and access.raw

    def prepare(self) -> None:
        """Do what needs no session, while the session is being started.

        Dial the likely gateway, and import the modules of a link.
        """
        if self._settings.likely_gateway:
            self._dialler.dial_ahead()
        from . import websocket  # noqa: F401

    def open(self, timeout: float) -> None:
        """Make the first link, whose dial may take ``timeout`` seconds."""
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

    def end_rest(self) -> None:
        """Read now, if the link rests from reading."""
        if self._link:
            self._link.end_rest()

    def close(self, timeout: float) -> None:
        """Close the link in order, within ``timeout`` seconds. Make no other link."""
        self._stop()
        if self._link:
            self._link.close(timeout)

    def abort(self) -> None:
        """Close the link at once. Make no other link."""
        self._stop()
        if self._link:
            self._link.abort()
            self._link = None

    def give_up_reconnecting(self) -> None:
        """Stop reconnecting. A link that is up stays up."""
        self._closed = True
        if self._link is None:
            self._stop()

    # Dialling.

    def _dial(self, deadline: float | None = None) -> None:
        """Dial the gateway.

        :param deadline: the time limit; ``None`` for DIAL_TIMEOUT from the start of the dial.
        """
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
        late = ConnectFailed("AWS credentials could not be loaded in time", "Check the profile")
        sign, refused = self._session.sign, self._upgrade_refused
        self._ask(lambda done, failed: sign(done, failed, refused), signed, self._dial_failed, late)

    def _ask(
        self,
        call: Callable[[Callable[[Any], None], Callable[[BaseException], None]], None],
        done: Callable[[Any], None],
        failed: Callable[[BaseException], None],
        late: ConnectorError,
    ) -> None:
        """Make a call that reports its outcome later. After ANSWER_TIMEOUT it has failed."""
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
        from .pace import CALM
        from .websocket import Link

        self._owner.connection_dialled()
        interval = self._settings.ping_interval
        calm = CALM if self._accepted_once else 0
        self._link = Link(self._loop, sock, address, self, interval, headers, calm)
        self._alarm.set(self._loop.time() + UPGRADE_TIMEOUT, self._upgrade_timed_out)

    def _upgrade_timed_out(self) -> None:
        if self._link:
            self._link.abort()
        self._link = None
        from .reasons import gateway_silent

        self._dial_failed(gateway_silent())

    def _dial_failed(self, error: BaseException) -> None:
        # The provider of the keys may be out of reach while the network is down.
        of_keys = isinstance(error, (ConfigError, CredentialsError)) and not self._upgrade_refused
        if self._accepted_once and (of_keys or isinstance(error, _TRANSIENT)):
            self._retry(error)
        else:
            self._fail(error)

    # What the link calls (LinkOwner).

    def link_opened(self) -> None:
        access = self._session.access
        if access is None or self._link is None:
            raise RuntimeError("a link opened without a session")
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
        link, self._link = self._link, None
        self._alarm.cancel()
        if self.is_raw and link and link.ended_in_order:
            self._stop()
            self._owner.connection_ended(link.pending_bytes)
            error = None
        if was_up:
            self._owner.connection_lost()
        if error is None:
            return  # close() ended it, or the peer did in order
        if self._dialler.ahead and not was_up and isinstance(error, _TRANSIENT):
            self._dial()  # the gateway dropped the socket that was dialled ahead
        elif self.is_raw:
            self._fail(_raw_lost(error) if was_up else self._explained(error))
        elif not self._accepted_once:
            self._fail(_first_link_lost(error) if was_up else error)
        elif isinstance(error, RemoteProtocolError):
            self._fail(error)
        elif isinstance(error, MessageRefused) and not self._message_refused:
            # The channel has probed a larger payload, and now knows that it is too large.
            self._message_refused = True
            self._retry(error)
        elif isinstance(error, MessageRefused):
            self._fail(
                LinkLost(
                    f"the connection broke ({_words(error)}): the messages are too large for "
                    "this gateway",
                    _SMALLER,
                )
            )
        elif self._may_have_old_keys(error):
            self._upgrade_refused = True
            self._retry(error)
        elif self._is_refusal(error, was_up):
            self._fail(
                LinkLost(
                    f"the connection broke ({_words(self._cause or error)}), and the gateway "
                    "refused to resume the session",
                    _SMALLER if isinstance(self._cause, MessageRefused) else "Connect again",
                )
            )
        else:
            self._retry(error)

    def _explained(self, error: ConnectorError) -> ConnectorError:
        """Return the error of a refused upgrade with the hint that the session brought."""
        access = self._session.access
        if access and access.refusal_hint and isinstance(error, UpgradeRejected):
            error.hint = access.refusal_hint
        return error

    def _may_have_old_keys(self, error: ConnectorError) -> bool:
        # Keys of a file have no known end: a refusal may be the first sign that they have expired.
        access = self._session.access
        signed = access is not None and access.signer is not None
        return signed and isinstance(error, UpgradeRejected) and not self._upgrade_refused

    def _is_refusal(self, error: ConnectorError, was_up: bool) -> bool:
        if isinstance(error, UpgradeRejected):
            return True
        # The gateway accepted the upgrade, read the token, and then closed the link.
        return was_up and not self._accepted and isinstance(error, LinkClosed)

    def _accept(self) -> None:
        if self._accepted:
            return
        self._alarm.cancel()
        if self._cause is not None:
            logger.info("reconnected after %.1f s", self._loop.time() - self._outage_began)
        self._accepted = self._accepted_once = True
        self._upgrade_refused = False
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

    # Reconnecting.

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
                    f"the connection broke ({_words(self._cause)}) and could not be restored "
                    f"within {RECONNECT_TIMEOUT:.0f} s ({_words(error)})",
                    "Check the network and connect again",
                )
            )
            return
        self._alarm.set(now + self._delay * (0.5 + self._rand() / 2), self._resume)
        self._delay = min(LONGEST_DELAY, 2 * self._delay)

    def _resume(self) -> None:
        late = ConnectFailed(
            "the service did not give access to the session again in time", NETWORK_HINT
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
        "the gateway closed the connection without a message",
        "It may have refused the session's token: the session may be over, try again",
    )


def _raw_lost(error: ConnectorError) -> ConnectorError:
    if not isinstance(error, LinkLost):
        return error
    return LinkLost(
        f"the connection broke ({_words(error)})",
        "A stream of this kind cannot be resumed: connect again",
    )


def _words(error: BaseException) -> str:
    return error.message if isinstance(error, ConnectorError) else str(error)
