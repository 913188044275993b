"""Keys of EC2 Instance Connect, for machines that do not know the key of their user."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ...aws.responses import Object
from ...aws.services import Service, SignedOperation
from ...errors import ConfigError
from ...fast.typed import TYPE_CHECKING
from ...ssh.offered import offered_key

if TYPE_CHECKING:
    from ..model import Query
    from ..regional.backend import Found
    from ..regional.targets import Targets

_NAME = "ec2-instance-connect"
_CALLS = {"send_ssh_public_key": SignedOperation("SendSSHPublicKey", Object())}
_SERVICE = Service(_NAME, _NAME, "AWSEC2InstanceConnectService", _CALLS)


def push_key(machines: Targets, found: Found, query: Query, types: Sequence[str]) -> None:
    """Give a machine the public key that ssh offers first. It lives there for 60 s.

    :param types: of keys that the service takes.
    :raises ConfigError: when there is no such key, or the machine is not EC2's.
    """
    if not found.id.startswith("i-"):
        raise ConfigError(f"--push-key is for EC2 instances; {found.id} is a managed node")
    user = query.option("user") or found.details.get("user")
    if not user:
        user = machines.look(found, query).details["user"] or "ec2-user"
    key = query.option("public-key")
    if key is None:
        try:
            key = offered_key(query.name, types, os.environ)
        except (OSError, TimeoutError) as error:
            raise ConfigError(f"ssh does not tell its keys ({type(error).__name__})") from error
    if not key:
        raise ConfigError(
            "there is no ed25519 or RSA key of ssh that can be pushed",
            "Make one with `ssh-keygen -t ed25519`, or name it with IdentityFile in ssh's config. "
            "Only `connector ssh` sees -i of ssh",
        )
    machines.call(
        "send_ssh_public_key",
        _SERVICE,
        InstanceId=found.id,
        InstanceOSUser=user,
        SSHPublicKey=key,
    )
