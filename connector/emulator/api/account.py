"""The account of the services that check AWS's signatures: keys, Regions, denials, machines.

All rooms share one. No I/O; it belongs to the emulator's event loop.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from math import inf
from typing import Any, Protocol

from ..sessions import Form, Origin, Session, Sessions
from ..sigv4 import Signature, date_of, read_presigned, read_signature

ACCOUNT_ID = "111122223333"

#: The name of the user whose key the emulator's access data has.
USER_NAME = "mary"

#: Whether the account has enabled a Region. Those of the second group are to be opted into.
REGIONS = {
    **dict.fromkeys(
        (
            *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1"),
            *("eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3"),
            *("ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1"),
            "ap-southeast-2",
        ),
        True,
    ),
    **dict.fromkeys(("af-south-1", "ap-east-1", "eu-south-1", "me-south-1"), False),
}

#: The Region of planned targets.
HOME_REGION = "us-west-2"

#: The difference between the clocks of a caller and AWS that a signature survives, in seconds.
SKEW_MAX = 300.0


@dataclass(frozen=True)
class Identity:
    """A caller: a user or an assumed role.

    :ivar user_id: as sts:GetCallerIdentity tells it.
    :ivar name: what the ids of its sessions begin with.
    """

    arn: str
    user_id: str
    name: str


@dataclass(frozen=True)
class Key:
    """An access key. Temporary ones have a token and expire.

    :ivar expires_at: seconds since the epoch; ``None`` means never.
    """

    id: str
    secret: str = field(repr=False)
    identity: Identity
    token: str | None = field(default=None, repr=False)
    expires_at: float | None = None


@dataclass(frozen=True)
class Role:
    """A role that callers may assume.

    :ivar mfa_code: the one-time code that a caller has to give with the device's serial number;
        empty for a role without MFA.
    :ivar external_id: likewise.
    """

    arn: str
    mfa_serial: str = ""
    mfa_code: str = ""
    external_id: str = ""

    @property
    def name(self) -> str:
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True)
class Denial:
    """Requests that no policy allows. Both texts may have ``*``.

    :ivar explicit: a policy denies them; otherwise none allows them.
    """

    action: str
    resource: str = "*"
    explicit: bool = False


class Refusal(Exception):
    """Why a signature does not authenticate a request: one of the codes below."""

    MISSING = "missing"
    UNKNOWN_KEY = "unknown key"
    MISMATCH = "mismatch"
    SKEW = "skew"
    EXPIRED = "expired"

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Machine(Protocol):
    """A target of ssm:StartSession, as the room that has it tells it."""

    @property
    def id(self) -> str:
        """What the machine's sessions have as their ``machine_id``. Unique in the emulator."""

    @property
    def arn(self) -> str:
        """The resource of IAM's action."""

    def connected(self) -> bool:
        """Return whether its agent is connected now. If not, StartSession refuses."""

    def information(self) -> Mapping[str, Any] | None:
        """Return the members of its ``InstanceInformation``; ``None`` if SSM does not list it.

        InstanceId, ResourceType, PlatformType … The list adds LastPingDateTime, and PingStatus
        where it is not told.
        """


class Machines(Protocol):
    """The machines of one room."""

    def find(self, target: str, region: str) -> Machine | None:
        """Return the machine of a ``Target``, if it is the room's."""

    def list(self, region: str) -> Iterable[Machine]:
        """Return the machines of a Region."""


class Account:
    """Keys, Regions, denials and machines.

    :param sessions: the table of all sessions, whose clock and chance this uses.
    :param stream_url: returns the URL of a session's data channel.

    :ivar regions: whether a Region is enabled, by name; may be changed at any time.
    :ivar denials: what callers may not do; may be changed at any time.
    :ivar roles: those that can be assumed, by ARN.
    :ivar user_key: the key of the account's user.
    """

    def __init__(self, sessions: Sessions, stream_url: Callable[[Session], str]) -> None:
        self.sessions = sessions
        self.stream_url = stream_url
        self.id = ACCOUNT_ID
        self.regions = dict(REGIONS)
        self.denials: list[Denial] = []
        self.roles: dict[str, Role] = {}
        self._keys: dict[str, Key] = {}
        self._machines: list[Machines] = []
        self.user_key = self.add_user(USER_NAME)

    @property
    def now(self) -> Callable[[], float]:
        """The clock, in seconds since the epoch."""
        return self.sessions.now

    def arn(self, service: str, region: str, resource: str) -> str:
        """Return the ARN of a resource of this account."""
        return f"arn:aws:{service}:{region}:{self.id}:{resource}"

    # Keys

    def add_user(self, name: str) -> Key:
        """Add a user and return a key without an expiry."""
        identity = Identity(self.arn("iam", "", f"user/{name}"), f"AIDA{self._letters(17)}", name)
        return self._add_key(Key(self._key_id("AKIA"), self._secret(30), identity))

    def add_role(self, name: str, mfa_code: str = "", external_id: str = "") -> Role:
        """Add a role that every caller may assume, and return it.

        :param mfa_code: of the user's device, which the role then demands.
        """
        serial = self.arn("iam", "", f"mfa/{USER_NAME}") if mfa_code else ""
        role = Role(self.arn("iam", "", f"role/{name}"), serial, mfa_code, external_id)
        self.roles[role.arn] = role
        return role

    def add_role_key(self, role: Role, session_name: str, seconds: float) -> Key:
        """Return a temporary key of a role's session."""
        arn = self.arn("sts", "", f"assumed-role/{role.name}/{session_name}")
        identity = Identity(arn, f"AROA{self._letters(17)}:{session_name}", session_name)
        return self._add_key(
            Key(
                self._key_id("ASIA"),
                self._secret(30),
                identity,
                token=self._secret(150),
                expires_at=self.now() + seconds,
            )
        )

    def revoke(self, key: Key) -> None:
        """Let no request be signed with this key any more."""
        del self._keys[key.id]

    def authenticate(
        self, service: str, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[Identity, str]:
        """Return the caller of a signed request, and the Region that it is signed for.

        :param service: the name that the signature must have.
        :param target: the request's path and query.
        :raises Refusal: if the request is not signed with a key of this account for a Region
            that is enabled, within five minutes.
        """
        signature = read_signature(headers)
        if signature is None:
            raise Refusal(Refusal.MISSING)
        token = headers.get("X-Amz-Security-Token")
        key = self._key_of(signature, token)
        self._check_date(signature)
        _check(signature, key, service, method, target, headers, body)
        return self._caller(key), signature.region

    def authenticate_presigned(
        self, service: str, method: str, target: str, headers: Mapping[str, str]
    ) -> tuple[Identity, str]:
        """Return the caller of a request that is signed in its query, and the Region.

        It takes and raises what :meth:`authenticate` does. The query says until when it is valid.
        """
        presigned = read_presigned(target)
        if presigned is None:
            raise Refusal(Refusal.MISSING)
        signature, signed, expires_at, token = presigned
        key = self._key_of(signature, token)
        self._check_date(signature, expires_at)
        _check(signature, key, service, method, signed, headers, b"")
        return self._caller(key), signature.region

    def _key_of(self, signature: Signature, token: str | None) -> Key:
        key = self._keys.get(signature.key_id)
        if key is None or not self.regions.get(signature.region) or token != key.token:
            raise Refusal(Refusal.UNKNOWN_KEY)
        return key

    def _caller(self, key: Key) -> Identity:
        if key.expires_at is not None and self.now() >= key.expires_at:
            raise Refusal(Refusal.EXPIRED)
        return key.identity

    def signs_upgrade(self, session: Session, target: str, headers: Mapping[str, str]) -> bool:
        """Return whether an upgrade opens the data channel of a session that a request opened.

        It has to be signed in the session's Region, in its headers or in its query.
        """
        presigned = "X-Amz-Signature=" in target
        authenticate = self.authenticate_presigned if presigned else self.authenticate
        try:
            caller, region = authenticate("ssmmessages", "GET", target, headers)
        except Refusal:
            return False
        arn = self.arn("ssm", region, f"session/{session.id}")
        if self.denied(caller, "ssmmessages:OpenDataChannel", arn) is not None:
            return False
        return session.origin is not None and session.origin.region == region

    def _check_date(self, signature: Signature, expires_at: float = inf) -> None:
        now, date = self.now(), signature.date
        if now >= expires_at:
            text = f"Signature expired: {date_of(expires_at)} is now earlier than {date_of(now)}"
            raise Refusal(Refusal.SKEW, text)
        if expires_at == inf and signature.signed_at < now - SKEW_MAX:
            earliest = f"{date_of(now - SKEW_MAX)} ({date_of(now)} - 5 min.)"
            raise Refusal(Refusal.SKEW, f"Signature expired: {date} is now earlier than {earliest}")
        if signature.signed_at > now + SKEW_MAX:
            latest = f"{date_of(now + SKEW_MAX)} ({date_of(now)} + 5 min.)"
            raise Refusal(
                Refusal.SKEW, f"Signature not yet current: {date} is still later than {latest}"
            )

    def _add_key(self, key: Key) -> Key:
        self._keys[key.id] = key
        return key

    def _key_id(self, prefix: str) -> str:
        """Return a new id of an access key. As at AWS, it tells the account's number."""
        random = int.from_bytes(self.sessions.random_bytes(4), "big")
        number = 1 << 79 | int(self.id) << 39 | random
        return prefix + base64.b32encode(number.to_bytes(10, "big")).decode()

    def _letters(self, count: int) -> str:
        return base64.b32encode(self.sessions.random_bytes(count)).decode()[:count]

    def _secret(self, size: int) -> str:
        return base64.b64encode(self.sessions.random_bytes(size)).decode()

    # Permissions

    def deny(self, action: str, resource: str = "*", *, explicit: bool = False) -> Denial:
        """Let no caller carry out ``action`` on ``resource``. Both may have ``*``."""
        denial = Denial(action, resource, explicit)
        self.denials.append(denial)
        return denial

    def denied(self, caller: Identity, action: str, resource: str = "") -> str | None:
        """Return AWS's sentence about why a caller may not do this; ``None`` if it may."""
        for denial in self.denials:
            if fnmatchcase(action, denial.action) and fnmatchcase(resource, denial.resource):
                where = f" on resource: {resource}" if resource else ""
                why = (
                    " with an explicit deny in an identity-based policy"
                    if denial.explicit
                    else f" because no identity-based policy allows the {action} action"
                )
                return f"User: {caller.arn} is not authorized to perform: {action}{where}{why}"
        return None

    # Machines and sessions

    def add_machines(self, machines: Machines) -> None:
        """Let ssm:StartSession and ssm:DescribeInstanceInformation know a room's machines."""
        self._machines.append(machines)

    def machine_of(self, target: str, region: str) -> Machine | None:
        """Return the machine of a ``Target`` of ssm:StartSession."""
        found = (machines.find(target, region) for machines in self._machines)
        return next((machine for machine in found if machine is not None), None)

    def machines(self, region: str) -> list[Machine]:
        """Return all machines of a Region."""
        return [machine for machines in self._machines for machine in machines.list(region)]

    def open_session(
        self,
        machine_id: str,
        origin: Origin,
        form: Form = Form.SSH,
        command: tuple[str, ...] = (),
        *,
        name: str,
        port: int | None = None,
    ) -> Session:
        """Return a new session whose data channel is opened by a signed upgrade.

        :param origin: the request that opens it.
        :param name: the beginning of the session's id: the caller's, or what a service uses.
        :param port: of a session to a port; ``None`` for the SSH server's.
        """
        return self.sessions.open(machine_id, name, form, command, port=port, origin=origin)

    def end_sessions(self, machine_id: str, reason: str) -> None:
        """End the sessions of a machine, such as one that stops."""
        for session in self.sessions.living(machine_id):
            self.sessions.end(session, reason)


def _check(
    signature: Signature,
    key: Key,
    service: str,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
) -> None:
    if signature.service != service:
        text = f"Credential should be scoped to correct service: '{service}'. "
        raise Refusal(Refusal.MISMATCH, text)
    if not signature.matches(key.secret, method, target, headers, body):
        raise Refusal(
            Refusal.MISMATCH,
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. Consult the service "
            "documentation for details.",
        )
