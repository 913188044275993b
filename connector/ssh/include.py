"""Our own file: the settings of all Dev Environments, and the names of those that are known."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..fast.records import NamedTuple
from ..targets.codecatalyst.hosts import host_key_alias, is_aws_name
from ..targets.codecatalyst.names import SUFFIX
from .command import for_name

#: What stands in the Host line of the settings; each literal host matches one of them. None has
#: a ``=``, which asyncssh, libssh and the npm package ssh-config take for the end of a word: a
#: ``*`` behind it would stand alone, and match every host.
PATTERNS = (f"*{SUFFIX}", "codecatalyst-dev-env*", "aws-devenv-*")

USER = "mde-user"

#: Where host keys of Dev Environments are kept, apart from those of servers.
KNOWN_HOSTS = "~/.ssh/known_hosts_codecatalyst"

#: Seconds of ssh's ConnectTimeout beyond those that a Dev Environment has to start.
WAIT_MARGIN = 60.0

_FIRST_LINE = "# Amazon CodeCatalyst Dev Environments: written by `connector config-ssh`."
_MADE_CONFIG = "# The file that includes this one was not there, and was made with it."
_HOSTS = "# Dev Environments by name, for programs that offer a list of hosts."
_KEYS = "# A host key is kept under the id, whatever the environment is called."

_TEMPLATE = """\
{first_line}
#
# It is written anew each time, so change nothing here: `connector config-ssh` brings it up to
# date, `connector config-ssh --remove` deletes it. What is not set here you can set in the file
# that includes it; of what is set in both, ssh takes what stands here.
{made_config}
{hosts}# All other names of Dev Environments. Patterns have no "=": some programs end a word there.
Host {patterns}
    # The user of every Dev Environment.
    User {user}

    # %n is the name as typed; ssh writes %h in lower case, and names have capitals.
    ProxyCommand {proxy_command}
    ProxyUseFdpass no

    # Only the connector knows these names: to search DNS for them fails, or finds a server,
    # whose sections of the configuration would then apply as well.
    CanonicalizeHostname no

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
"""

# Complete, for programs that read no further than the section of a name, and with a literal
# ProxyCommand, for those that do not know %n.
_HOST = """\
# {about}
Host {name}
    HostKeyAlias {alias}
    User {user}
    ProxyCommand {proxy_command}
    ProxyUseFdpass no
    CanonicalizeHostname no
    ConnectTimeout {connect_timeout:.0f}
    ServerAliveInterval 15
    ServerAliveCountMax 3
    StrictHostKeyChecking accept-new
    UserKnownHostsFile {known_hosts}
"""

#: Names that are written at most: ours stays a file that we read again, and ssh reads fast.
#: A list of more is of use to no person, and the patterns reach all of them.
MOST_NAMES = 5000

_WORD = "[A-Za-z0-9][A-Za-z0-9._-]*"
_NAME = re.compile(_WORD)
_WRITTEN = re.compile(
    rf"^# (?P<about>.*)\nHost (?P<name>{_WORD})\n    HostKeyAlias codecatalyst-(?P<id>{_WORD})$",
    re.MULTILINE,
)


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
    sections = _written(previous) if hosts is None else _sections(hosts)
    values = {
        "user": USER,
        "known_hosts": KNOWN_HOSTS,
        "connect_timeout": wait + WAIT_MARGIN,
    }
    named = [
        _HOST.format(
            about=section.about,
            name=section.name,
            alias=host_key_alias(section.id),
            proxy_command=for_name(proxy_command, section.name),
            **values,
        )
        for section in sections
    ]
    text = _TEMPLATE.format(
        first_line=_FIRST_LINE,
        made_config=f"#\n{_MADE_CONFIG}\n" if made_config or made_its_config(previous) else "",
        patterns=" ".join(PATTERNS),
        proxy_command=proxy_command,
        wait=wait,
        hosts="\n".join([_HOSTS, _KEYS, "", *named, ""]) if named else "",
        **values,
    )
    return text.encode()


def is_written_by_us(content: bytes) -> bool:
    return content.startswith(_FIRST_LINE.encode())


def made_its_config(content: bytes | None) -> bool:
    """Whether the file that includes it was not there before."""
    return content is not None and f"\n{_MADE_CONFIG}\n".encode() in content


def proxy_command_of(content: bytes | None) -> str:
    """Return the ProxyCommand of the patterns in the file as it is; empty when there is none."""
    found = re.search(rb"^ +ProxyCommand (.+ %n)$", content or b"", re.MULTILINE)
    return found[1].decode("utf-8", "replace") if found else ""


class _Section(NamedTuple):
    """What differs from name to name."""

    name: str
    id: str
    about: str


def _sections(hosts: Sequence[KnownHost]) -> list[_Section]:
    """The sections of Dev Environments, in the order of their names.

    A name in AWS's own form has none: it has a ``=``, and the patterns match it.

    :raises ValueError: when a name or an id would change the meaning of the file.
    """
    sections = []
    for host in [host for host in hosts if not is_aws_name(host.name)][:MOST_NAMES]:
        if not (_NAME.fullmatch(host.name) and _NAME.fullmatch(host.id)):
            raise ValueError(f"{host.name!r} with the id {host.id!r} cannot be written")
        about = f"{host.alias or host.id}, of the project {host.project} in the space {host.space}"
        sections.append(_Section(host.name, host.id, _one_line(about)))
    return sorted(sections)


def _written(previous: bytes | None) -> list[_Section]:
    """The sections that the file has, also one that an earlier version wrote."""
    text = (previous or b"").decode("utf-8", "replace")
    return [_Section(*found.group("name", "id", "about")) for found in _WRITTEN.finditer(text)]


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
