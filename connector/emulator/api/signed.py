"""The APIs whose requests are signed: authentication, permissions, and the words of refusals.

``SignedApi`` makes endpoints of functions that answer a :class:`Call`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..sessions import Form, Origin, Session
from .account import Account, Identity, Refusal
from .errors import ApiError
from .protocols.protocol import JSON_RPC, Answer, Operation, Protocol, Received
from .rest import Endpoint
from .shapes import Structure

Item = TypeVar("Item")

_INVALID_TOKEN = "The security token included in the request is invalid."
_EXPIRED_TOKEN = "The security token included in the request is expired"


@dataclass(frozen=True)
class Dialect:
    """How a family of services words its refusals: the code, the status and the sentence.

    An empty sentence means AWS's explanation of the case.

    :ivar denied_prefix: what stands in front of IAM's sentence.
    :ivar invalid: the code for a request that breaks its shape.
    :ivar invalid_page: the code for a token of another list; empty means ``invalid``.
    """

    refusals: Mapping[str, tuple[str, int, str]]
    denied: tuple[str, int] = ("AccessDeniedException", 400)
    denied_prefix: str = ""
    invalid: str = "ValidationException"
    invalid_page: str = ""

    def refuse(self, refusal: Refusal) -> ApiError:
        """Return the error of a request that is not authenticated."""
        code, status, text = self.refusals[refusal.code]
        return ApiError(text or refusal.text, code, status)

    def deny(self, sentence: str) -> ApiError:
        """Return the error of a request that is not allowed."""
        code, status = self.denied
        return ApiError(self.denied_prefix + sentence, code, status)


#: JSON 1.1 and CBOR.
JSON = Dialect(
    {
        Refusal.MISSING: (
            "MissingAuthenticationTokenException",
            400,
            "Missing Authentication Token",
        ),
        Refusal.UNKNOWN_KEY: ("UnrecognizedClientException", 400, _INVALID_TOKEN),
        Refusal.MISMATCH: ("InvalidSignatureException", 400, ""),
        Refusal.SKEW: ("InvalidSignatureException", 400, ""),
        Refusal.EXPIRED: ("ExpiredTokenException", 400, _EXPIRED_TOKEN),
    }
)
#: REST with JSON.
REST = Dialect(
    {code: (name, 403, text) for code, (name, _, text) in JSON.refusals.items()},
    denied=("AccessDeniedException", 403),
)
_EC2_INVALID = "AWS was not able to validate the provided access credentials"
EC2 = Dialect(
    {
        Refusal.MISSING: ("AuthFailure", 401, _EC2_INVALID),
        Refusal.UNKNOWN_KEY: ("AuthFailure", 401, _EC2_INVALID),
        Refusal.MISMATCH: ("AuthFailure", 401, _EC2_INVALID),
        Refusal.SKEW: ("RequestExpired", 400, "Request has expired."),
        Refusal.EXPIRED: ("RequestExpired", 400, "Request has expired."),
    },
    denied=("UnauthorizedOperation", 403),
    denied_prefix="You are not authorized to perform this operation. ",
    invalid="InvalidParameterValue",
    invalid_page="InvalidNextToken",
)
STS = Dialect(
    {
        Refusal.MISSING: (
            "MissingAuthenticationToken",
            403,
            "Request is missing Authentication Token",
        ),
        Refusal.UNKNOWN_KEY: ("InvalidClientTokenId", 403, _INVALID_TOKEN),
        Refusal.MISMATCH: ("SignatureDoesNotMatch", 403, ""),
        Refusal.SKEW: ("SignatureDoesNotMatch", 403, ""),
        Refusal.EXPIRED: ("ExpiredToken", 403, _EXPIRED_TOKEN),
    },
    denied=("AccessDenied", 403),
    invalid="ValidationError",
)


@dataclass(frozen=True)
class Call:
    """One authenticated request of an operation."""

    api: SignedApi
    operation: str
    caller: Identity
    region: str
    members: Mapping[str, Any]

    @property
    def account(self) -> Account:
        return self.api.account

    def __getitem__(self, name: str) -> Any:
        """Return a required member."""
        return self.members[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return an optional member."""
        return self.members.get(name, default)

    def arn(self, resource: str, service: str = "") -> str:
        """Return the ARN of a resource in the request's Region, such as ``instance/i-…``."""
        return self.account.arn(service or self.api.service, self.region, resource)

    def name_of(self, text: str, resource: str) -> str | None:
        """Return the name in an ARN; text that is no ARN is a name itself.

        :param resource: what stands before the name in the ARN, such as ``task/prod/``.
        :returns: ``None`` for an ARN of another Region, account or sort of resource.
        """
        arn = self.arn(resource)
        if text.startswith("arn:"):
            return text[len(arn) :] if text.startswith(arn) else None
        return text

    def page(self, member: str, items: Sequence[Any], size: int) -> Answer:
        """Return the answer with one page of items, and the token of the next page.

        A token is good for the same request only: the same caller, Region and other members.

        :param member: the name of the list; the names of the token and the size have its case.
        :param size: of a page, when the request names none.
        """
        members = {name.lower(): value for name, value in self.members.items()}
        token, size = members.pop("nexttoken", None), members.pop("maxresults", size)
        request = repr((self.operation, self.caller.arn, self.region, sorted(members.items())))
        code = self.api.dialect.invalid_page or self.api.dialect.invalid
        found, token = page(items, size, token, code, request)
        return {member: found, "NextToken" if member[0].isupper() else "nextToken": token}

    def open_session(
        self,
        machine_id: str,
        target: str,
        form: Form = Form.SSH,
        command: tuple[str, ...] = (),
        *,
        port: int | None = None,
        document: str = "",
        reason: str = "",
        owner: Identity | None = None,
        name: str = "",
        listed: bool = True,
    ) -> Session:
        """Return a new session.

        :param target: as ssm:DescribeSessions shows it.
        :param owner: by default the caller.
        :param name: what the session's id begins with; by default the owner's name.
        :param listed: whether Systems Manager knows the session in this account.
        """
        owner = owner or self.caller
        origin = Origin(target, self.region, owner.arn, document, reason, listed)
        return self.account.open_session(
            machine_id, origin, form, command, name=name or owner.name, port=port
        )

    def access(self, session: Session) -> Answer:
        """Return what opens a session's data channel."""
        return {
            "SessionId": session.id,
            "TokenValue": session.token_value,
            "StreamUrl": self.account.stream_url(session),
        }

    def lower_access(self, session: Session) -> Answer:
        """Return the same with members in lower camel case."""
        access = self.access(session).items()
        return {f"{name[0].lower()}{name[1:]}": value for name, value in access}


#: Answers a call with members in their names on the wire. May raise ApiError.
Handle = Callable[[Call], Answer]


@dataclass(frozen=True)
class SignedApi:
    """One service.

    :ivar service: its name in signatures, in ARNs and in front of IAM's actions: ``ssm``.
    :ivar target: the prefix of X-Amz-Target in JSON 1.1: ``AmazonSSM``.
    """

    account: Account
    service: str
    target: str = ""
    protocols: tuple[Protocol, ...] = (JSON_RPC,)
    dialect: Dialect = field(default=JSON)

    def endpoint(
        self,
        name: str,
        input: Structure,
        handle: Handle,
        *,
        resources: Callable[[Call], Iterable[str]] | None = None,
        method: str = "POST",
        path: str = "/",
        query: tuple[str | tuple[str, str], ...] = (),
    ) -> Endpoint:
        """Return the endpoint of an operation.

        :param resources: returns the ARNs of IAM's action for a call; without it the action is
            denied or allowed as a whole.
        :param method: of REST with JSON; ``path`` and ``query`` likewise.
        """
        operation = Operation(
            name,
            method,
            path,
            input,
            query,
            target=f"{self.target}.{name}" if self.target else "",
            service=self.service,
            protocols=self.protocols,
        )

        def carry_out(caller: tuple[Identity, str], members: Mapping[str, Any]) -> Answer:
            call = Call(self, name, *caller, members)
            for resource in resources(call) if resources else ("",):
                sentence = self.account.denied(call.caller, operation.full_name, resource)
                if sentence is not None:
                    raise self.dialect.deny(sentence)
            return handle(call)

        return Endpoint(operation, self._authenticate, carry_out, self._invalid)

    def _authenticate(self, received: Received) -> tuple[Identity, str]:
        try:
            return self.account.authenticate(
                self.service, received.method, received.target, received.headers, received.content
            )
        except Refusal as refusal:
            raise self.dialect.refuse(refusal) from None

    def _invalid(self, rule: str) -> ApiError:
        return ApiError(f"1 validation error detected: {rule}", self.dialect.invalid)


def page(
    items: Sequence[Item], size: int, token: str | None, code: str, request: str = ""
) -> tuple[list[Item], str | None]:
    """Return a page of items and the token of the next one.

    The token says how many items the pages before had, so the items keep their order.

    :param code: of the error for a token that no page of this request gave.
    :param request: tells this request from others.
    """
    owner = hashlib.sha256(request.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    start = 0
    if token is not None:
        try:
            number, _, of = base64.b64decode(token, validate=True).decode("ascii").partition(" ")
            start = int(number) if of == owner else -1
        except ValueError:
            start = -1
    if not 0 <= start <= len(items):
        raise ApiError("The specified token is not valid.", code)
    end = start + size
    if end >= len(items):
        return list(items[start:]), None
    return list(items[start:end]), base64.b64encode(f"{end} {owner}".encode()).decode()
