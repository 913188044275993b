"""Access to a machine: keys of EC2 Instance Connect, and agents that are not connected."""

from __future__ import annotations

import os
import time

from ...aws.api import Refused
from ...aws.cloud import Cloud
from ...aws.responses import Object
from ...aws.signed import Service, SignedOperation
from ...errors import ConfigError, ConnectorError, TargetNotReady
from ...ssh.offered import offered_key
from ..model import Query
from ..regional.backend import Found
from .machines import is_instance, look

_NAME = "ec2-instance-connect"
_CALLS = {"send_ssh_public_key": SignedOperation("SendSSHPublicKey", Object())}
_CONNECT = Service(_NAME, _NAME, "AWSEC2InstanceConnectService", _CALLS)
_KEY_TYPES = ("ssh-ed25519", "ssh-rsa")  # of EC2's guide


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


def explain(refused: Refused, found: Found | None) -> ConnectorError | None:
    """Return the error of a refusal for want of an agent; None for the words of all kinds."""
    if found is None or refused.code != "TargetNotConnected":
        return None
    return TargetNotReady(f"The SSM agent of {found.id} is not connected", agent_advice(found))


def agent_advice(found: Found) -> str:
    """Return what to check for an agent that is not connected, as far as it is known."""
    agent, profile = found.details.get("agent"), found.details.get("profile")
    if not is_instance(found):
        return "Check that the machine is on, that its agent runs, and its activation"
    role = "AmazonSSMManagedInstanceCore"
    if agent == "none" and profile is False:
        return f"It has no instance profile: attach one with {role}"
    first = "No agent has registered: install one" if agent == "none" else "Check that it runs"
    return f"{first}, and check its role ({role}) and its route to the ssm endpoints"
