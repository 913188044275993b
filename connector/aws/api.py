"""One call of an AWS API: what a client takes, what it returns, and how it fails.

Two clients implement :class:`Api`. :mod:`.light` needs no botocore, so it starts a quarter of a
second earlier, and covers the common settings. :mod:`.sdk` calls through botocore and covers all.
"""

from __future__ import annotations

from ..fast.records import NamedTuple
from ..fast.typed import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..errors import ConnectorError
    from .responses import Shape


class Operation(NamedTuple):
    """One operation of a JSON-REST API.

    :param path: below the endpoint; ``{name}`` stands for a member of the input.
    :param response: the members of the response that we read.
    :param has_body: whether the input has members besides those in the path. botocore then
        sends an object even if it is empty.
    """

    method: str
    path: str
    response: Shape
    has_body: bool = False


class Api(Protocol):
    """A client that makes each call once."""

    def call(
        self,
        operation: str,
        token: str,
        *,
        connect_timeout: float,
        read_timeout: float,
        **members: Any,
    ) -> dict[str, Any]:
        """Call an operation and return the checked members of its response.

        :param operation: the name of the botocore client's method, such as ``list_spaces``.
        :param token: the bearer token.
        :param connect_timeout: seconds until TLS is established.
        :param read_timeout: seconds for the request and the whole response.
        :param members: the members of the operation's input.
        :raises Refused: when the service answered with an error.
        :raises CallFailed: when there was no response, or a malformed one.
        :raises ConfigError: when a setting is not usable.
        """


#: The status that an error code stands for. Not every service sends it: SSO-OIDC, for one,
#: answers 400 to most errors.
_STATUS_OF_CODE = {
    "ValidationException": 400,
    "UnauthorizedException": 401,
    "ExpiredToken": 401,
    "ExpiredTokenException": 401,
    "ServiceQuotaExceededException": 402,
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
    "ConflictException": 409,
    "ThrottlingException": 429,
    "Throttling": 429,
    "RequestLimitExceeded": 429,
}


#: Codes of an API that has no such operation, in AWS's JSON protocols and in those of queries.
_UNSERVED = ("UnknownOperationException", "InvalidAction")


class Refused(Exception):
    """The service answered with an error.

    The text of the exception is the status on the wire and the code; both are safe to print.

    :ivar status: the HTTP status that the code stands for; for other codes, that on the wire.
    :ivar message: the service's own words. Neither cut nor stripped of control characters.
    :ivar keys_error: the error to show to the user, where AWS keys are the reason.
    """

    keys_error: ConnectorError | None = None

    def __init__(self, status: int, code: str, message: str) -> None:
        code = "".join(character for character in code if character.isalnum())[:80]
        super().__init__(f"{status} {code}".rstrip())
        self.status = _STATUS_OF_CODE.get(code, status)
        self.code = code
        self.message = message

    @property
    def is_unserved(self) -> bool:
        """Whether the host has no such operation: it may be the endpoint of other services."""
        bare = self.status == 404 and self.code == "404"  # a web server that knows no API
        return bare or self.code in _UNSERVED


class CallFailed(Exception):
    """There was no response, or a malformed one.

    :ivar error: the error to show to the user.
    :ivar transient: whether the request was certainly not sent and another try may succeed.
    """

    status = 0  # no response, so no HTTP status

    def __init__(self, error: ConnectorError, *, transient: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.transient = transient
