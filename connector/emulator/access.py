"""What a client needs to reach an emulated target: names, variables, ssh's configuration."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_SSH_CONFIG = """\
Host {patterns}
{user}    ProxyCommand {proxy}
    ConnectTimeout 660
    StrictHostKeyChecking accept-new
    UserKnownHostsFile {known_hosts}
    LogLevel ERROR
"""

#: Variables of the user that would lead a client away from the emulator.
MISLEADING = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
)


@dataclass(frozen=True)
class Names:
    """The names of one target.

    :ivar alias: the user's name for it.
    :ivar name: the name that ``connector list`` shows.
    :ivar host: the service's own name for it in ssh.
    :ivar members: the parts of that name, as the service calls them.
    """

    alias: str
    name: str
    host: str
    members: Mapping[str, str]


@dataclass(frozen=True)
class SshDefaults:
    """What ssh needs to know of a service's targets.

    :ivar user: empty where it differs by target.
    :ivar words: what the ProxyCommand has besides the name, such as ``--port %p``. In it,
        ``{known_hosts}`` stands for the file of host keys.
    """

    patterns: tuple[str, ...]
    user: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Access:
    """All that a client needs to reach an emulated target. It holds secrets.

    :ivar names: the names of the first target.
    :ivar ssh: how ssh's configuration describes the targets of each kind.
    :ivar environment: variables that lead the connector, and any AWS SDK, to the emulator.
    :ivar bearer_token: the token of APIs that take one.
    :ivar access_key_id: the key of APIs whose requests are signed, with ``secret_key``.
    :ivar password: the password of the sign-in pages.
    """

    names: Names
    ssh: tuple[SshDefaults, ...]
    environment: Mapping[str, str] = field(repr=False)
    endpoint_url: str
    gateway_url: str
    ca_file: Path
    bearer_token: str = field(repr=False)
    access_key_id: str
    secret_key: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def alias(self) -> str:
        return self.names.alias

    @property
    def name(self) -> str:
        return self.names.name

    @property
    def host(self) -> str:
        return self.names.host

    def environ(self, directory: Path) -> dict[str, str]:
        """Return this process's environment, changed to lead clients to the emulator.

        :param directory: for the clients' caches, so that the user's own stay as they are.
        """
        environ = {
            name: value
            for name, value in os.environ.items()
            if name not in MISLEADING and not name.startswith("AWS_ENDPOINT_URL")
        }
        for name in ("NO_PROXY", "no_proxy"):
            environ[name] = ",".join(filter(None, ("127.0.0.1", environ.get(name))))
        for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
            environ[name] = str(directory / "cache")
        return {**environ, **self.environment}

    def write_ssh_config(self, directory: Path, proxy: Sequence[str]) -> Path:
        """Write a configuration with which ``ssh -F`` reaches the targets, and return its path.

        :param proxy: the words of the ProxyCommand.
        """
        path, known_hosts = directory / "ssh_config", directory / "known_hosts"
        blocks = (
            _SSH_CONFIG.format(
                patterns=" ".join(each.patterns),
                user=f"    User {each.user}\n" if each.user else "",
                proxy=shlex.join(
                    [*proxy, *(word.format(known_hosts=known_hosts) for word in each.words)]
                ),
                known_hosts=known_hosts,
            )
            for each in self.ssh
        )
        path.write_text("\n".join(blocks))
        return path
