"""Systems Manager's operations for sessions (botocore's model ``ssm/2014-11-06``)."""

from __future__ import annotations

from ...aws.responses import Object, Shape, non_empty, page_of, text
from ...aws.services import Service, SignedOperation
from ...fast.typed import TYPE_CHECKING, Any
from ...sessions import SessionAccess, Signer
from ..model import COMMAND, SSH, SessionRequest

if TYPE_CHECKING:
    from ...aws.cloud import Cloud
    from ...aws.services import SignedApi

#: Access to a session, as Systems Manager spells it and as some other services do. The members are
#: in the order of ``SessionAccess``. A session with an unreadable id could never be ended, so it
#: has to be text.
ACCESS = Object({"StreamUrl": non_empty, "TokenValue": non_empty, "SessionId": text})
_IN_LOWER_CASE = Object({"streamUrl": non_empty, "tokenValue": non_empty, "sessionId": text})


def access_in(member: str) -> Shape:
    """Return the shape of an answer that has the access in one member, spelt in lower case."""
    whole = Object({member: _IN_LOWER_CASE})
    return lambda value: whole(value)[member]


_SESSION = Object({"SessionId": non_empty}, lenient={"StartDate": lambda value: value})

SSM = Service(
    "ssm",
    "ssm",
    "AmazonSSM",
    {
        "start_session": SignedOperation("StartSession", ACCESS),
        # Empty texts stand for a session that has timed out.
        "resume_session": SignedOperation(
            "ResumeSession",
            Object({"SessionId": text}, optional={"TokenValue": text, "StreamUrl": text}),
        ),
        "terminate_session": SignedOperation("TerminateSession", Object()),
        "describe_sessions": SignedOperation("DescribeSessions", page_of("Sessions", _SESSION)),
    },
)


def ssm_of(cloud: Cloud, region: str) -> SignedApi:
    """Return the client of Systems Manager in a Region."""
    return cloud.api(SSM, region)


def start_ssm_session(
    cloud: Cloud,
    region: str,
    target: str,
    request: SessionRequest,
    port: int,
    timeout: float,
) -> SessionAccess:
    """Start a session on a target of Systems Manager by StartSession; one try.

    :param port: of the SSH server, for the form ``SSH``.
    :raises Refused: when the service refuses.
    :raises CallFailed: when there is no answer, or a malformed one.
    """
    members = _document(request, port)
    return open_session(ssm_of(cloud, region), "start_session", timeout, Target=target, **members)


def open_session(
    api: SignedApi, operation: str, timeout: float, /, **members: Any
) -> SessionAccess:
    """Start a session by an operation of any service; one try.

    :param operation: answers with ``ACCESS``, or with :func:`access_in` a member.
    :param members: of the request.
    """
    url, token, session_id = api.call(operation, timeout=timeout, **members).values()
    return SessionAccess(url, token, session_id)


def _document(request: SessionRequest, port: int) -> dict[str, Any]:
    if request.form == SSH:
        parameters = {"portNumber": [str(port)]}
        return {"DocumentName": "AWS-StartSSHSession", "Parameters": parameters}
    if request.form != COMMAND:
        return {}
    import shlex  # ssh has no need of it

    parameters = {"command": [shlex.join(request.words)]}
    return {"DocumentName": "AWS-StartInteractiveCommand", "Parameters": parameters}


def resume(cloud: Cloud, region: str, session_id: str, timeout: float) -> SessionAccess:
    """Return fresh access to a session by ResumeSession; one try.

    Its token is empty if the session has timed out.
    """
    answer = ssm_of(cloud, region).call("resume_session", timeout=timeout, SessionId=session_id)
    url, token = answer.get("StreamUrl", ""), answer.get("TokenValue", "")
    return SessionAccess(url, token, session_id, signer_of(cloud, region))


def terminate(cloud: Cloud, region: str, session_id: str, timeout: float) -> None:
    """End a session by TerminateSession; one try."""
    ssm_of(cloud, region).call("terminate_session", timeout=timeout, SessionId=session_id)


def signer_of(cloud: Cloud, region: str) -> Signer:
    """Return what signs the upgrades of a session's stream."""
    from ...aws.signing import UpgradeSigner

    return UpgradeSigner(cloud.keys, region)
