"""What a signed API of AWS is: its service, its operations, and what a client of it takes.

Rooms of kinds make tables of these. They are read before the first connection is begun, so this
module imports nothing that connects.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..fast.records import NamedTuple
from ..fast.typed import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .responses import Shape


class SignedOperation(NamedTuple):
    """One operation of a signed API.

    :param name: on the wire: ``StartSession``.
    :param response: the members of the response that we read.
    :param xml_names: for EC2's API, which answers in XML: botocore's names of members by those on
        the wire, besides those that differ in the first letter's case only. None: botocore calls.
    """

    name: str
    response: Shape
    xml_names: Mapping[str, str] | None = None


class Service(NamedTuple):
    """One service of AWS.

    :param name: botocore's name: ``ssm``. Requests are signed for it.
    :param prefix: the first part of its hosts: ``api.sagemaker``. Empty: botocore alone knows
        its hosts.
    :param target: what begins ``X-Amz-Target`` for services that speak JSON 1.1:
        ``AmazonSSM``. Empty: botocore alone speaks the protocol.
    :param operations: by the names of botocore's methods: ``start_session``.
    """

    name: str
    prefix: str
    target: str
    operations: Mapping[str, SignedOperation]


class SignedApi(Protocol):
    """A client that makes each call once, and once more if the keys have expired."""

    def call(self, operation: str, *, timeout: float, **members: Any) -> dict[str, Any]:
        """Call an operation and return the checked members of its response.

        Times in the response are as the service sends them: text or numbers.

        :param operation: the name of the botocore client's method: ``start_session``.
        :param timeout: seconds for the whole call, and for getting keys.
        :param members: the members of the operation's input.
        :raises Refused: when the service answered with an error.
        :raises CallFailed: when there was no response, or a malformed one.
        :raises CredentialsError: when there are no usable keys.
        :raises ConfigError: when a setting is not usable.
        """
