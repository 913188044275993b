"""The texts of ``connector help codecatalyst``."""

from __future__ import annotations

from ..model import HelpTexts

HELP = HelpTexts(
    names="""\
names:
  <alias>.<project>.<space>.codecatalyst    in upper or lower case; short forms are
                   <alias>, <alias>.codecatalyst and <alias>.<project>.codecatalyst
  <id>             or at least its first eight characters
  codecatalyst-dev-env=<space>=<project>=<id> or aws-devenv-<id>    AWS's names
--space and --project limit the search. `connector list` shows the names.
With --id, TARGET can be left out. Space, project and id together avoid a look-up.
""",
    listing="""\
fields of a line of `connector list`:
  ssh name, state, alias, space, project, repositories (name:branch, separated by commas),
  instance type, inactivity timeout in minutes (0: never), id

members of its object with --json:
  sshName, kind, alias (or null), space, project, id, state, stateReason, instanceType,
  inactivityTimeoutMinutes, repositories (each with name and branch), creatorId,
  lastUpdatedTime
""",
    access="""\
The bearer token comes from AWS_BEARER_TOKEN_CODECATALYST, the file that
BEARER_TOKEN_LOCATION names, or the SSO login of the profile (connector login).
AWS_ENDPOINT_URL_CODECATALYST and CODECATALYST_ENDPOINT can name another API.
""",
)
