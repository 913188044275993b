"""The call of OpenSSH's client by ``connector ssh``.

Four settings come first on the command line, so that nothing in the user's configuration can
override them:

- ProxyCommand, which carries the bytes;
- ProxyUseFdpass, which says how ssh gets them, see :mod:`.fdpass`;
- HostKeyAlias, under which the host key of the target is stored, whatever the target's name is;
- CanonicalizeHostname=no. DNS does not know the host name; if it did, the sections of another host
  would apply.

Everything else is a default. Defaults stand at the end of a file that first includes the user's
configuration and the system's. ssh uses the first value that it finds: the user's arguments come
first, then the user's ``Host`` sections, then the defaults.

``Host`` sections apply to the host name of the call. This is the name that a configured ssh would
get: ``my-env`` with the suffix of its kind. So a section for another machine that happens to be
called ``my-env`` does not apply.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..fast.records import NamedTuple
from .facts import SshFacts

#: The same values as in the file that config-ssh writes.
_DEFAULTS = """\
Host *
{user}    ConnectTimeout 660
    ServerAliveInterval 15
    ServerAliveCountMax 3
    Compression yes
    StrictHostKeyChecking accept-new
    UserKnownHostsFile {known_hosts}
"""


def configuration(facts: SshFacts, user: str, user_config: str, system_config: str) -> str:
    """Return the text of the configuration file.

    :param user: that the target expects; empty if it is not known.
    :param user_config: the path of the user's own file as a word of an Include line, see
        :func:`.places.user_config`. The file need not exist.
    """
    # A Host line in an included file ends with that file: these defaults apply to every host.
    line = f"    User {user}\n" if user else ""
    defaults = _DEFAULTS.format(user=line, known_hosts=facts.known_hosts)
    return f'Include {user_config}\nInclude "{system_config}"\n{defaults}'


class Call(NamedTuple):
    """A call of ssh.

    :param host: the host name that ssh is called with.
    :param config_file: the path of a file with :func:`configuration`.
    :param arguments: the user's options and command. ssh accepts options after the host, too.
    :param fdpass: whether ssh takes its connection as a descriptor.
    """

    host: str
    host_key_alias: str
    config_file: str
    arguments: Sequence[str]
    fdpass: bool

    def words(self, proxy_command: str) -> list[str]:
        """Return the words of the call after the program.

        :param proxy_command: quoted for ssh, with each other ``%`` doubled.
        """
        return [
            *("-F", self.config_file),
            *("-o", f"ProxyCommand={proxy_command}"),
            *("-o", f"ProxyUseFdpass={'yes' if self.fdpass else 'no'}"),
            *("-o", f"HostKeyAlias={self.host_key_alias}"),
            *("-o", "CanonicalizeHostname=no"),
            self.host,
            *self.arguments,
        ]
