"""CodeCatalyst's facts for ssh, and the sections of its Dev Environments in ssh's configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...ssh.facts import SshFacts
from .hosts import SERVICE_PREFIXES, host_key_alias
from .names import SUFFIX

if TYPE_CHECKING:
    from ...ssh.include import NamedHost
    from .names import Named

_NO_ID = "00000000-0000-0000-0000-000000000000"

SSH = SshFacts(
    title="Amazon CodeCatalyst Dev Environments",
    nouns="Dev Environments",
    patterns=(f"*{SUFFIX}", "codecatalyst-dev-env*", "aws-devenv-*"),
    examples=(
        f"a.b{SUFFIX}",
        f"codecatalyst-dev-env=Aa=b.c={_NO_ID}",
        f"aws-devenv-{_NO_ID}",
    ),
    suffix=SUFFIX,
    service_prefixes=SERVICE_PREFIXES,
    user="mde-user",
    known_hosts="~/.ssh/known_hosts_codecatalyst",
    file_prefix="codecatalyst_",
)


def named_host(name: str, environment: Named) -> NamedHost:
    """Return the section for a Dev Environment.

    :param name: the name that ssh is called with.
    """
    from ...ssh.include import NamedHost

    what = environment.alias or environment.id
    about = f"{what}, of the project {environment.project} in the space {environment.space}"
    return NamedHost(name, host_key_alias(environment.id), about)
