"""Access to a machine: keys of EC2 Instance Connect, and what refusals mean.

Codes of refusals: EC2's "Error codes", botocore's models ``ssm`` and ``ec2-instance-connect``.
"""

from __future__ import annotations

import os
import time

from ...aws.api import Refused
from ...aws.cloud import Cloud
from ...aws.responses import Object
from ...aws.signed import Service, SignedOperation
from ...errors import ConfigError, ConnectorError, QuotaExceeded, TargetNotFound, TargetNotReady
from ...ssh.offered import offered_key
from ..model import Query
from ..regional.backend import Found
from .machines import is_instance, look

_CONNECT = Service(
    "ec2-instance-connect",
    "ec2-instance-connect",
    "AWSEC2InstanceConnectService",
    {"send_ssh_public_key": SignedOperation("SendSSHPublicKey", Object())},
)
_KEY_TYPES = ("ssh-ed25519", "ssh-rsa")  # of EC2's guide

_ROLE = "its role (AmazonSSMManagedInstanceCore)"
_UNKNOWN = ("InvalidInstanceID", "InvalidInstanceId", "EC2InstanceNotFoundException")
_BUSY = ("IncorrectInstanceState", "EC2InstanceStateInvalidException")


def push_key(cloud: Cloud, found: Found, query: Query, timeout: float) -> None:
    """Give the machine the public key that ssh offers first. It lives there for 60 s.

    :raises ConfigError: when there is no such key, or the machine is not EC2's.
    """
    deadline = time.monotonic() + timeout
    if not is_instance(found):
        raise ConfigError(f"--push-key is for EC2 instances; {found.id} is a managed node")
    user = query.option("user") or found.details.get("user")
    if not user:
        user = look(cloud, found, timeout / 2).details["user"] or "ec2-user"
    try:
        key = offered_key(query.name, _KEY_TYPES, os.environ)
    except (OSError, TimeoutError) as error:
        raise ConfigError(f"ssh does not tell its keys ({type(error).__name__})") from error
    if key is None:
        raise ConfigError(
            "there is no ed25519 or RSA key of ssh that can be pushed",
            "Make one with `ssh-keygen -t ed25519`, or name it with IdentityFile in ssh's config",
        )
    cloud.api(_CONNECT, found.region).call(
        "send_ssh_public_key",
        timeout=max(0.1, deadline - time.monotonic()),
        InstanceId=found.id,
        InstanceOSUser=user,
        SSHPublicKey=key,
    )


def explain(refused: Refused, what: str, found: Found | None) -> ConnectorError | None:
    """Return the error of a refusal that is EC2's own; None for the words of all kinds."""
    if found is None:
        return None
    code, id = refused.code, found.id
    if code == "TargetNotConnected":
        return TargetNotReady(f"The SSM agent of {id} is not connected", agent_advice(found))
    if code.startswith(_UNKNOWN):
        hint = "Check the id, the Region and the profile"
        return TargetNotFound(f"AWS knows no {id} in {found.region}", hint)
    if code.startswith("Insufficient") and code.endswith("Capacity"):
        hint = "Try again later, or change the instance's type"
        return TargetNotReady(f"AWS has no capacity to start {id} now", hint)
    if code.endswith("LimitExceeded") and code != "RequestLimitExceeded":
        return QuotaExceeded(f"A quota of EC2 forbids to start {id} ({code})")
    if code in _BUSY:
        return TargetNotReady(f"Cannot {what} {id} in its state", "Try again in a minute")
    return None


def agent_advice(found: Found) -> str:
    """Return what to check for an agent that is not connected, as far as it is known."""
    agent, profile = found.details.get("agent"), found.details.get("profile")
    if not is_instance(found):
        return "Check that the machine is on, that its agent runs, and its activation"
    if agent == "none" and profile is False:
        return "It has no instance profile: attach one with AmazonSSMManagedInstanceCore"
    first = "No agent has registered: install one" if agent == "none" else "Check that it runs"
    return f"{first}, and check {_ROLE} and its route to the ssm endpoints"
