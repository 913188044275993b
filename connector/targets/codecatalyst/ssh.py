"""CodeCatalyst's facts for ssh and its configuration."""

from __future__ import annotations

from ...ssh.facts import SshFacts
from .hosts import SERVICE_PREFIXES
from .names import SUFFIX

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
