"""One call through a botocore client, with botocore's many failures made two.

Either the service answered and said no (:class:`Refused`), or there was no answer to
understand (:class:`CallFailed`). Nothing of botocore is in either.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ..errors import (
    ConfigError,
    ConnectorError,
    ServiceError,
)

#: botocore's parsers trust the types of an answer. A list where the model has an object, a time
#: beyond all dates, or JSON that is nested too deeply ends in one of these.
_UNREADABLE = (
    *(AttributeError, TypeError, ValueError, LookupError),
    *(ArithmeticError, RecursionError, OSError),
)


class Refused(Exception):
    """The service answered with an error.

    ``message`` is the service's own, not yet fit to be printed; the text of the exception is.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        code = "".join(character for character in code if character.isalnum())[:80]
        super().__init__(f"{status} {code}".rstrip())
        self.status = status
        self.code = code
        self.message = message


class CallFailed(Exception):
    """There was no answer, or none that can be understood.

    ``error`` is what the user should read. ``transient``: another try may go better, and
    cannot do anything twice, for it is certain that the service has not seen this one.
    """

    def __init__(self, error: ConnectorError, *, transient: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.transient = transient


def call(client: Any, operation: str, **members: Any) -> dict[str, Any]:
    """Do one operation.

    :param operation: the name of the client's method.
    :raises Refused: when the service answered with an error.
    :raises CallFailed: when it did not answer, or not with what can be understood.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    host = urlsplit(client.meta.endpoint_url).hostname or ""
    try:
        answer: dict[str, Any] = getattr(client, operation)(**members)
    except ClientError as error:
        details = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        raise Refused(
            status, str(details.get("Code", "")), str(details.get("Message", ""))
        ) from None
    except BotoCoreError as error:
        raise CallFailed(ConfigError(f"The call to {host} cannot be made: {error}")) from error
    except (ResponseParserError, *_UNREADABLE) as error:
        raise CallFailed(ServiceError(f"The answer of {host} cannot be understood")) from error
    return answer
