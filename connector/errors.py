"""One tree of errors: what happened, what to do next, and the exit code.

Every failure that a user can meet is a :class:`ConnectorError`. It is raised where the failure is
understood, and printed once, by ``connector.cli``. Any other exception that reaches the command
line is a bug of the connector and exits with 70.

Exit codes are those of sysexits(3). 2 is a usage error of argparse, 128 + n a signal.
"""

from __future__ import annotations

#: The hint of a failure to reach a host.
NETWORK_HINT = "Check the network, VPN and proxy"

#: The hint of an answer that another host than the service has given.
_WRONG_PEER_HINT = "Check the endpoint URL and the proxy"

# X509_V_ERR_* of OpenSSL's x509_vfy.h
_NOT_YET_VALID, _EXPIRED, _UNKNOWN_ISSUERS, _WRONG_NAMES = 9, 10, (18, 19, 20, 21), (62, 64)


def quoted(text: str) -> str:
    """Return text of unknown content in a form fit for one line of a terminal."""
    return ascii(text if len(text) <= 80 else text[:77] + "...")


def capitalised(text: str) -> str:
    """Return a message with a capital at its beginning, unless an id of AWS stands there."""
    if ":" in text.partition(" ")[0][:-1]:  # it has no other spelling
        return text
    return text[:1].upper() + text[1:]


def one_line(text: str) -> str:
    """Return text of a service on one line, without control characters."""
    text = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(text.split())


class ConnectorError(Exception):
    """A failure, with one line for the user and a hint where it helps.

    :param message: what happened, without a final full stop and without secrets.
    :param hint: what to do next; ``None`` when nothing helps.
    """

    exit_code = 70  # EX_SOFTWARE

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return the line that the user reads."""
        text = f"{self.message}. {self.hint}" if self.hint else self.message
        return capitalised(" ".join(text.split()))


class ConfigError(ConnectorError):
    """A name, option, variable or file of the user is not usable."""

    exit_code = 78  # EX_CONFIG


class NoRegion(ConfigError):
    """Nothing names a Region of AWS. Kinds of other services can be listed all the same."""


class CredentialsError(ConnectorError):
    """No usable bearer token or AWS keys: none, corrupt, expired, or refused by the service."""

    exit_code = 77  # EX_NOPERM


class NoLogin(CredentialsError):
    """There is no bearer token, and no login to take one from; not one that has expired."""


class NoKeys(CredentialsError):
    """No source has any AWS keys. Expired, refused and incomplete ones are other errors."""


class AccessDenied(ConnectorError):
    """The service denies access to this user (AccessDeniedException, 403)."""

    exit_code = 77  # EX_NOPERM


class TargetNotFound(ConnectorError):
    """The service knows no such target (ResourceNotFoundException, 404)."""

    exit_code = 68  # EX_NOHOST


class SessionNotFound(ConnectorError):
    """The target has no such session (ResourceNotFoundException, 404)."""

    exit_code = 68  # EX_NOHOST


class TargetNotReady(ConnectorError):
    """The target is not running, or busy with a change (ConflictException, 409)."""

    exit_code = 75  # EX_TEMPFAIL


class ConsentNeeded(TargetNotReady):
    """A start would change more than the target's state, so the user has to agree first.

    :ivar flag: the option by which the user agrees, without its dashes.
    :ivar question: asks a user at a terminal the same.
    """

    def __init__(self, message: str, hint: str, flag: str, question: str) -> None:
        super().__init__(message, hint)
        self.flag = flag
        self.question = question


class StartAbandoned(ConnectorError):
    """The caller has left while the session was started. No user reads this."""

    def __init__(self) -> None:
        super().__init__("the caller has left")


class ServiceThrottled(ConnectorError):
    """The service asks us to slow down (ThrottlingException, 429)."""

    exit_code = 75  # EX_TEMPFAIL


class QuotaExceeded(ConnectorError):
    """A limit of the account or its billing tier (ServiceQuotaExceededException, 402)."""

    exit_code = 73  # EX_CANTCREAT


class RequestRefused(ConnectorError):
    """The service finds the request invalid (ValidationException, 400)."""

    exit_code = 65  # EX_DATAERR


class ServiceMissing(RequestRefused):
    """The endpoint does not serve this API at all, as where it is one of other services."""


class ServiceError(ConnectorError):
    """The service failed, or its answer cannot be understood."""

    exit_code = 69  # EX_UNAVAILABLE


class ConnectFailed(ConnectorError):
    """A host could not be reached (DNS, TCP), or did not answer in time."""

    exit_code = 69  # EX_UNAVAILABLE


class TLSFailed(ConnectFailed):
    """A TLS handshake failed: certificate, name or protocol.

    :ivar of_certificate: whether the certificate is refused.
    """

    exit_code = 76  # EX_PROTOCOL
    of_certificate = False

    @classmethod
    def certificate(cls, host: str, code: int, words: str) -> TLSFailed:
        """Return the error of a certificate that is refused.

        :param code: one of OpenSSL's X509_V_ERR_*; ``words`` are OpenSSL's own.
        """
        error = cls._refusal(f"the certificate of {host}", code, words)
        error.of_certificate = True
        return error

    @classmethod
    def _refusal(cls, whose: str, code: int, words: str) -> TLSFailed:
        if code in (_EXPIRED, _NOT_YET_VALID):
            when = "has expired" if code == _EXPIRED else "is not valid yet"
            return cls(f"{whose} {when}", "Check the clock of this machine")
        if code in _WRONG_NAMES:
            return cls(f"{whose} is for another name", _WRONG_PEER_HINT)
        if code in _UNKNOWN_ISSUERS:
            return cls(
                f"{whose} is signed by an unknown CA",
                "If a proxy of your company opens TLS, AWS_CA_BUNDLE has to name a file with "
                "its CA",
            )
        return cls(f"{whose} is refused ({words})", _WRONG_PEER_HINT)

    @classmethod
    def handshake(cls, host: str, words: str) -> TLSFailed:
        """Return the error of a handshake that fails; ``words`` are OpenSSL's own."""
        return cls(f"TLS with {host} failed ({words})", _WRONG_PEER_HINT)


class ProxyFailed(ConnectFailed):
    """The proxy that the environment names refused or could not be reached."""

    exit_code = 78  # EX_CONFIG


class ProxyUnreachable(ProxyFailed):
    """The proxy could not be reached. Nothing was sent, and another try may succeed."""


class UpgradeRejected(ConnectorError):
    """The gateway refused the WebSocket upgrade, or the token sent after it."""

    exit_code = 76  # EX_PROTOCOL


class LinkLost(ConnectorError):
    """The WebSocket broke and the session could not be resumed, or data was lost at the end."""

    exit_code = 74  # EX_IOERR


class LinkClosed(LinkLost):
    """The gateway closed the link on purpose, with a close code for this session."""


class MessageRefused(LinkClosed):
    """The gateway closed the link because a message was too large for it."""


class RemoteProtocolError(ConnectorError):
    """The far end broke the data-channel protocol."""

    exit_code = 76  # EX_PROTOCOL


class SessionEncrypted(ConnectorError):
    """The session's bytes are encrypted with a KMS key, which is not supported yet."""

    exit_code = 76  # EX_PROTOCOL


class ResourcesExhausted(ConnectorError):
    """The system has no more open files, memory or threads."""

    exit_code = 71  # EX_OSERR


class InternalError(ConnectorError):
    """A bug of the connector."""

    exit_code = 70  # EX_SOFTWARE

    @classmethod
    def of(cls, error: BaseException, hint: str | None = None) -> InternalError:
        """Return the error that reports an unexpected exception.

        It names the exception's type only: the text may hold a secret.
        """
        internal = cls(f"internal error ({type(error).__name__}): a bug in the connector", hint)
        internal.__cause__ = error
        return internal


class LocalProtocolError(InternalError):
    """The connector's own code misused the data channel."""


class PortConnectFailed(ConnectorError):
    """The agent could not connect to the port that the session names."""

    exit_code = 69  # EX_UNAVAILABLE


class SessionEnded(ConnectorError):
    """The service ended the session for a reason of its own."""

    exit_code = 69  # EX_UNAVAILABLE
