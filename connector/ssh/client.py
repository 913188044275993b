"""How ``connector ssh`` calls OpenSSH's client.

What makes the connection be the right one stands on the command line, before anything of the
user's, so that nothing undoes it: ProxyCommand, which carries the bytes itself; HostKeyAlias, by
which a key is kept for the id of the Dev Environment, whatever its name; and CanonicalizeHostname,
for DNS does not know the host word, and if it did, other hosts' sections would apply. All else is
a default: it stands in a file that first reads the user's configuration and the system's. ssh takes
the first value that it finds, so arguments come before ``Host`` sections, and those before ours.

The host word, for which sections apply, is the name that ssh would be called with if it were
configured: ``my-env.codecatalyst`` for ``my-env``, so that a section for another machine that
happens to be called ``my-env`` does not apply. AWS's own names stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..targets.codecatalyst.hosts import (
    DevEnvironment,
    host_key_alias,
    is_aws_name,
)
from ..targets.codecatalyst.names import (
    SUFFIX,
    bare,
    is_plain,
)
from .include import KNOWN_HOSTS, USER

#: As examples/ssh_config has them, which says why.
_DEFAULTS = f"""\
Host *
    User {USER}
    ConnectTimeout 660
    ServerAliveInterval 15
    ServerAliveCountMax 3
    StrictHostKeyChecking accept-new
    UserKnownHostsFile {KNOWN_HOSTS}
"""


def configuration(user_config: str, system_config: str) -> str:
    """The text of the configuration file.

    :param user_config: path of the user's own, as a word of Include (:func:`.places.user_config`);
        it need not be there.
    """
    # What an Include says about sections ends with it: ours applies to every host.
    return f'Include {user_config}\nInclude "{system_config}"\n{_DEFAULTS}'


def host_word(name: str, environment: DevEnvironment) -> str:
    """What ssh is called with for a Dev Environment that a user has named so."""
    if is_aws_name(name):
        return name
    word = f"{bare(name)}{SUFFIX}"
    return word if is_plain(word) else environment.host_name


def command_line(
    environment: DevEnvironment,
    host: str,
    proxy_command: str,
    config_file: str,
    arguments: Sequence[str],
) -> list[str]:
    """The words of the call, but for the program.

    :param host: a host word.
    :param proxy_command: as ssh reads it, quoted and with each ``%`` doubled.
    :param arguments: the user's. ssh takes options behind the host too, a command follows.
    """
    return [
        *("-F", config_file),
        *("-o", f"ProxyCommand={proxy_command}"),
        *("-o", "ProxyUseFdpass=no"),
        *("-o", f"HostKeyAlias={host_key_alias(environment.id)}"),
        *("-o", "CanonicalizeHostname=no"),
        host,
        *arguments,
    ]
