"""The operations of sessions and of the machines that sessions lead to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from ...sessions import Session
from ..account import Account, Machine
from ..errors import ApiError
from ..protocols.protocol import Answer, Instant
from ..rest import Endpoint
from ..shapes import ListOf, MapOf, Structure, Text, Whole
from ..signed import JSON, Call, SignedApi
from .documents import DEFAULT, plan_of

SESSION_ID = Structure({"SessionId": Text(1, 96)}, ("SessionId",))
TARGET = Text(1, 400)
START_SESSION = Structure(
    {
        "Target": TARGET,
        "DocumentName": Text(pattern=r"^[a-zA-Z0-9_\-.:/]{3,128}$"),
        "Reason": Text(1, 256, r"^.{1,256}$"),
        "Parameters": MapOf(Text(1, 255), ListOf(Text(1, 65535))),
    },
    ("Target",),
)
DESCRIBE_SESSIONS = Structure(
    {
        "State": Text(enum=("Active", "History")),
        "MaxResults": Whole(1, 200),
        "NextToken": Text(),
        "Filters": ListOf(
            Structure(
                {
                    "key": Text(
                        enum=(
                            *("InvokedAfter", "InvokedBefore", "Target", "Owner", "Status"),
                            *("SessionId", "AccessType"),
                        )
                    ),
                    "value": Text(1, 400),
                },
                ("key", "value"),
            ),
            6,
            1,
        ),
    },
    ("State",),
)
_VALUES = ListOf(Text(1), 100, 1)
DESCRIBE_INSTANCES = Structure(
    {
        "InstanceInformationFilterList": ListOf(
            Structure(
                {
                    "key": Text(
                        enum=(
                            *("InstanceIds", "AgentVersion", "PingStatus", "PlatformTypes"),
                            *("ActivationIds", "IamRole", "ResourceType", "AssociationStatus"),
                        )
                    ),
                    "valueSet": _VALUES,
                },
                ("key", "valueSet"),
            )
        ),
        "Filters": ListOf(Structure({"Key": Text(1), "Values": _VALUES}, ("Key", "Values"))),
        "MaxResults": Whole(5, 50),
        "NextToken": Text(),
    }
)
CONNECTION_STATUS = Structure({"Target": TARGET}, ("Target",))

#: The members of an instance's information by the keys of filters.
_FILTERED = {
    "InstanceIds": "InstanceId",
    "AgentVersion": "AgentVersion",
    "PingStatus": "PingStatus",
    "PlatformTypes": "PlatformType",
    "ActivationIds": "ActivationId",
    "IamRole": "IamRole",
    "ResourceType": "ResourceType",
    "AssociationStatus": "AssociationStatus",
}


class SessionManagerService:
    """The operations, as endpoints for a ``RestServer``."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._sessions = account.sessions

    def endpoints(self) -> list[Endpoint]:
        """Return all operations."""
        dialect = replace(JSON, invalid_page="InvalidNextToken")
        api = SignedApi(self._account, "ssm", "AmazonSSM", dialect=dialect)
        return [
            api.endpoint("StartSession", START_SESSION, self._start, resources=self._started),
            api.endpoint("ResumeSession", SESSION_ID, self._resume, resources=_session_arn),
            api.endpoint("TerminateSession", SESSION_ID, self._terminate, resources=_session_arn),
            api.endpoint("DescribeSessions", DESCRIBE_SESSIONS, self._describe_sessions),
            api.endpoint("GetConnectionStatus", CONNECTION_STATUS, self._connection_status),
            api.endpoint(
                "DescribeInstanceInformation", DESCRIBE_INSTANCES, self._describe_instances
            ),
        ]

    # Sessions

    def _started(self, call: Call) -> list[str]:
        """Return the ARNs that ssm:StartSession needs: the machine's, and the document's."""
        target, document = call["Target"], call.get("DocumentName")
        machine = self._account.machine_of(target, call.region)
        # A document of AWS's own belongs to no account.
        named = [f"arn:aws:ssm:{call.region}::document/{document}"] if document else []
        return [machine.arn if machine else call.arn(f"managed-instance/{target}"), *named]

    def _start(self, call: Call) -> Answer:
        target = call["Target"]
        document = call.get("DocumentName") or DEFAULT
        form, command, port = plan_of(document, call.get("Parameters") or {})
        machine = self._account.machine_of(target, call.region)
        if machine is None or not machine.connected():
            raise ApiError(f"{target} is not connected.", "TargetNotConnected")
        session = call.open_session(
            machine.id,
            target,
            form,
            command,
            port=port,
            document=document,
            reason=call.get("Reason") or "",
        )
        return call.access(session)

    def _resume(self, call: Call) -> Answer:
        session = self._session(call)
        if session.end_reason is not None:
            # The published client reads an empty answer as a session that has timed out.
            return {"SessionId": session.id, "TokenValue": "", "StreamUrl": ""}
        self._sessions.renew_token(session)
        return call.access(session)

    def _terminate(self, call: Call) -> Answer:
        session = self._session(call)
        self._sessions.end(session, "TerminateSession was called")
        return {"SessionId": session.id}

    def _session(self, call: Call) -> Session:
        session = self._sessions.find(call["SessionId"])
        if session is None or not _is_known(session, call.region):
            raise ApiError("The requested session does not exist", "DoesNotExistException")
        return session

    def _describe_sessions(self, call: Call) -> Answer:
        active = call["State"] == "Active"
        found = [
            described
            for session in reversed(self._sessions.opened_by_requests())
            if _is_known(session, call.region)
            if (session.end_reason is None) is active
            for described in [_session(session)]
            if all(_fits(described, rule["key"], rule["value"]) for rule in call.get("Filters", ()))
        ]
        return call.page("Sessions", found, 200)

    # Machines

    def _connection_status(self, call: Call) -> Answer:
        machine = self._account.machine_of(call["Target"], call.region)
        connected = machine is not None and machine.connected()
        return {"Target": call["Target"], "Status": "connected" if connected else "notconnected"}

    def _describe_instances(self, call: Call) -> Answer:
        rules = [(rule["Key"], rule["Values"]) for rule in call.get("Filters") or ()]
        older = call.get("InstanceInformationFilterList") or ()
        rules += [(rule["key"], rule["valueSet"]) for rule in older]
        if older and call.get("Filters"):
            raise ApiError(
                "Filters and InstanceInformationFilterList exclude each other",
                "ValidationException",
            )
        for key, _ in rules:
            if key not in _FILTERED:
                raise ApiError(f"The filter key {key} is not valid", "InvalidFilterKey")
        found = [
            information
            for information in self._instances(call.region)
            if all(information.get(_FILTERED[key]) in values for key, values in rules)
        ]
        return call.page("InstanceInformationList", found, 50)

    def _instances(self, region: str) -> Iterable[Mapping[str, Any]]:
        for machine in self._account.machines(region):
            information = machine.information()
            if information is not None:
                yield {**_ping(machine, self._account.now()), **information}


def _session_arn(call: Call) -> list[str]:
    return [call.arn(f"session/{call['SessionId']}")]


def _is_known(session: Session, region: str) -> bool:
    """Return whether Systems Manager of the account has a session in a Region."""
    origin = session.origin
    return origin is not None and origin.listed and origin.region == region


def _session(session: Session) -> dict[str, Any]:
    origin = session.origin
    assert origin is not None
    return {
        "SessionId": session.id,
        "Target": origin.target,
        "Status": "Connected" if session.end_reason is None else "Terminated",
        "StartDate": Instant(session.started_time),
        **({} if session.end_time is None else {"EndDate": Instant(session.end_time)}),
        **({"DocumentName": origin.document} if origin.document else {}),
        "Owner": origin.owner,
        **({"Reason": origin.reason} if origin.reason else {}),
        "AccessType": "Standard",
    }


def _fits(session: Mapping[str, Any], key: str, value: str) -> bool:
    if key in ("InvokedAfter", "InvokedBefore"):
        try:
            time = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            raise ApiError(f"{key} needs a time of ISO 8601", "ValidationException") from None
        seconds = (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp()
        started = float(session["StartDate"])
        return started > seconds if key == "InvokedAfter" else started < seconds
    return bool(session[key] == value)


def _ping(machine: Machine, now: float) -> dict[str, Any]:
    status = "Online" if machine.connected() else "ConnectionLost"
    return {"PingStatus": status, "LastPingDateTime": Instant(now)}
