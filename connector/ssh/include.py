"""Our own file: the settings of all Dev Environments, and the names of those that are known."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..records import NamedTuple
from .hosts import host_key_alias
from .names import SUFFIX

#: What stands in the Host line of the settings; each literal host matches one of them.
PATTERNS = (f"*{SUFFIX}", "codecatalyst-dev-env=*", "aws-devenv-*")

USER = "mde-user"

#: Where host keys of Dev Environments are kept, apart from those of servers.
KNOWN_HOSTS = "~/.ssh/known_hosts_codecatalyst"

#: Seconds of ssh's ConnectTimeout beyond those that a Dev Environment has to start.
WAIT_MARGIN = 60.0

_FIRST_LINE = "# Amazon CodeCatalyst Dev Environments: written by `connector config-ssh`."
_MADE_CONFIG = "# The file that includes this one was not there, and was made with it."
_HOSTS = "# Dev Environments, for programs that offer a list of hosts."

_TEMPLATE = """\
{first_line}
#
# It is written anew each time, so change nothing here: `connector config-ssh` brings it up to
# date, `connector config-ssh --remove` deletes it. What is not set here you can set in the file
# that includes it; of what is set in both, ssh takes what stands here.
{made_config}
Host {patterns}
    # The user of every Dev Environment.
    User {user}

    # %n is the name as typed; ssh writes %h in lower case, and names have capitals.
    ProxyCommand {proxy_command}
    ProxyUseFdpass no

    # Seconds for the whole way to the server's greeting. A Dev Environment that is stopped is
    # started first, for at most {wait:.0f} s. VS Code does not read this and gives 15 s, unless its
    # own setting says otherwise: "remote.SSH.connectTimeout": {connect_timeout:.0f}
    ConnectTimeout {connect_timeout:.0f}

    # Notice a dead connection after 45 seconds, and keep an idle one alive.
    ServerAliveInterval 15
    ServerAliveCountMax 3

    # Host keys: accept the first one of each environment, refuse a changed one, and keep them
    # apart from those of your servers. One that was rebuilt has a new key; ssh says how to
    # forget the old one.
    StrictHostKeyChecking accept-new
    UserKnownHostsFile {known_hosts}

{hosts}"""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]*")


class KnownHost(NamedTuple):
    """A Dev Environment that has a name for ssh.

    ``name``: what ssh is called with. ``alias``: what its owner calls it; may be empty.
    """

    name: str
    id: str
    alias: str
    project: str
    space: str


def render(
    proxy_command: str,
    hosts: Sequence[KnownHost] | None,
    previous: bytes | None,
    *,
    made_config: bool,
    wait: float,
) -> bytes:
    """The whole file.

    :param proxy_command: as :func:`connector.ssh.command.proxy_command` makes it.
    :param hosts: ``None`` when they could not be asked for: those of ``previous`` stay.
    :param previous: the file as it is; ``None`` when there is none.
    :param made_config: whether the file that includes it is made now, to be remembered.
    :param wait: seconds that a Dev Environment has to start; ssh gets WAIT_MARGIN more.
    """
    text = _TEMPLATE.format(
        first_line=_FIRST_LINE,
        made_config=f"#\n{_MADE_CONFIG}\n" if made_config or made_its_config(previous) else "",
        patterns=" ".join(PATTERNS),
        user=USER,
        known_hosts=KNOWN_HOSTS,
        proxy_command=proxy_command,
        wait=wait,
        connect_timeout=wait + WAIT_MARGIN,
        hosts=_hosts_of(previous) if hosts is None else _render_hosts(hosts),
    )
    return (text.rstrip("\n") + "\n").encode()


def is_written_by_us(content: bytes) -> bool:
    return content.startswith(_FIRST_LINE.encode())


def made_its_config(content: bytes | None) -> bool:
    """Whether the file that includes it was not there before."""
    return content is not None and f"\n{_MADE_CONFIG}\n".encode() in content


def proxy_command_of(content: bytes | None) -> str:
    """The ProxyCommand of the file as it is; empty when there is none."""
    found = re.search(rb"^ +ProxyCommand (.+)$", content or b"", re.MULTILINE)
    return found[1].decode("utf-8", "replace") if found else ""


def _render_hosts(hosts: Sequence[KnownHost]) -> str:
    blocks = [f"{_HOSTS}\n# A host key is kept under the id, whatever the environment is called."]
    for host in sorted(hosts, key=lambda host: host.name):
        if not (_NAME.fullmatch(host.name) and _NAME.fullmatch(host.id)):
            raise ValueError(f"{host.name!r} with the id {host.id!r} cannot be written")
        about = f"{host.alias or host.id}, of the project {host.project} in the space {host.space}"
        blocks.append(
            f"# {_one_line(about)}\nHost {host.name}\n    HostKeyAlias {host_key_alias(host.id)}"
        )
    return "\n\n".join(blocks) if hosts else ""


def _hosts_of(previous: bytes | None) -> str:
    _, marker, hosts = (previous or b"").partition(f"{_HOSTS}\n".encode())
    return (marker + hosts).decode("utf-8", "replace")


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
