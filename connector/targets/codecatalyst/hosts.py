"""From the host name that ssh was given to a Dev Environment, and back.

``ssh`` hands its host name to the ProxyCommand. Two forms name a Dev Environment:

- ``codecatalyst-dev-env=<space>=<project>=<dev-environment-id>``: AWS's own (CodeCatalyst
  User Guide, "Connecting to a Dev Environment using SSH"). It says everything.
- ``aws-devenv-<dev-environment-id>``: the AWS Toolkit's for VS Code. Space and project come
  from options, or from the variables SPACE_NAME and PROJECT_NAME that the toolkit sets, or
  from a look-up.

Any other name has to be looked up (:mod:`.names`), unless options name the environment, who
then say nothing about what ssh calls it. ssh's ``%h`` is the host name in lower case, and
names of spaces and projects have capitals: a ProxyCommand should pass ``%n``, as typed.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import ConfigError, quoted
from ...fast.records import NamedTuple

_AWS_PREFIX = "codecatalyst-dev-env="
_TOOLKIT_PREFIX = "aws-devenv-"

#: The beginnings of the names that AWS gives a Dev Environment for ssh.
SERVICE_PREFIXES = (_AWS_PREFIX, _TOOLKIT_PREFIX)

# The patterns of the API's NameString and Uuid (its model, 2022-09-28), ASCII only as there.
# Looked at by hand: regular expressions take longer to compile than all else here.
_NAME_LENGTHS = range(3, 64)
_SEPARATORS = str.maketrans("_.", "--")
_UUID_LENGTHS = [8, 4, 4, 4, 12]
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")


class DevEnvironment:
    """One Dev Environment, by names that are known to be well formed.

    :raises ConfigError: when a part cannot be one that the service gave.
    """

    __slots__ = ("id", "project", "space")

    def __init__(self, space: str, project: str, id: str) -> None:
        self.space, self.project, self.id = space, project, id
        for what, value in (("space", space), ("project", project)):
            if not _is_name(value):
                raise ConfigError(
                    f"{quoted(value)} is not the name of a {what}",
                    "Such a name has 3 to 63 characters: letters and digits, "
                    "with single '-', '_' or '.' between them",
                )
        _check_id(id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DevEnvironment) and self.host_name == other.host_name

    def __repr__(self) -> str:
        return f"DevEnvironment({self.space!r}, {self.project!r}, {self.id!r})"

    @property
    def host_name(self) -> str:
        """The host name in AWS's own form; :func:`resolve` reads it back."""
        return aws_name(self.space, self.project, self.id)


def aws_name(space: str, project: str, id: str) -> str:
    """The host name in AWS's own form, of names that may not be well formed."""
    return f"{_AWS_PREFIX}{space}={project}={id}"


def host_key_alias(id: str) -> str:
    """The name that a Dev Environment's host key is kept under, whatever it is called."""
    return f"codecatalyst-{id}"


def is_aws_name(host: str) -> bool:
    """Whether it is spelled as AWS names a Dev Environment for ssh."""
    return host.startswith(SERVICE_PREFIXES)


#: Space and project, each ``None`` where any will do.
Where = tuple["str | None", "str | None"]


class Sought(NamedTuple):
    """A Dev Environment that has to be looked up; the first place that has any counts."""

    name: str
    places: tuple[Where, ...]


def resolve(
    host: str | None,
    *,
    space: str | None = None,
    project: str | None = None,
    dev_environment_id: str | None = None,
    environ: Mapping[str, str],
) -> DevEnvironment | Sought:
    """The Dev Environment that a host name and options name together, or name in part.

    :param host: the ProxyCommand's argument; ``None`` or empty when there is none.
    :param space: the option ``--space``, as are ``project`` and ``dev_environment_id``
        theirs. An option may repeat what the host name says, not contradict it.
    :param environ: SPACE_NAME and PROJECT_NAME fill what host name and options leave out, and
        say where a name is looked for first: ssh may be called for another one by whoever has
        them set. DEVENV_ID counts only when there is no host name. They override nothing.
    :raises ConfigError: when a part is missing, malformed or contradictory.
    """
    host = host or ""
    named_space, named_project, named_id = _parts(host)
    space = _agreed("--space", space, named_space)
    project = _agreed("--project", project, named_project)
    dev_environment_id = _agreed("--id", dev_environment_id, named_id)
    said = (space, project)
    # Only what nobody said is filled: an empty part of a host name stays wrong.
    if space is None:
        space = environ.get("SPACE_NAME") or None
    if project is None:
        project = environ.get("PROJECT_NAME") or None
    if dev_environment_id is None and not host:
        dev_environment_id = environ.get("DEVENV_ID")

    if not dev_environment_id:
        if "%n" in host or "%h" in host:
            raise ConfigError(
                f"{quoted(host)} was not replaced by the host name: the program that read ssh's "
                "configuration does not know it",
                "Run `connector config-ssh`, and use a name that it lists",
            )
        if host and not is_aws_name(host):
            return Sought(host, _places((space, project), said))
        complaint = (
            f"The host name {quoted(host)} names no" if host else "Neither name nor options name a"
        )
        raise ConfigError(
            f"{complaint} Dev Environment", "See `connector list` for those there are"
        )
    if space is not None and project is not None:
        return DevEnvironment(space, project, dev_environment_id)
    _check_id(dev_environment_id)
    return Sought(dev_environment_id, _places((space, project), said))


def _places(usual: Where, said: Where) -> tuple[Where, ...]:
    return (usual, said) if usual != said else (said,)


def _is_name(text: str) -> bool:
    parts = text.translate(_SEPARATORS).split("-")
    return len(text) in _NAME_LENGTHS and text.isascii() and all(map(str.isalnum, parts))


def _is_uuid(text: str) -> bool:
    parts = text.split("-")
    return [*map(len, parts)] == _UUID_LENGTHS and _HEXADECIMAL.issuperset("".join(parts))


def _check_id(text: str) -> None:
    if not _is_uuid(text):
        raise ConfigError(
            f"{quoted(text)} is not the id of a Dev Environment",
            "An id looks like 01234567-89ab-cdef-0123-456789abcdef",
        )


def _parts(host: str) -> tuple[str | None, str | None, str | None]:
    """Space, project and id as far as the host name says them."""
    if host.startswith(_AWS_PREFIX):
        parts = host[len(_AWS_PREFIX) :].split("=")
        if len(parts) != 3:
            raise ConfigError(
                f"The host name {quoted(host)} does not have three parts after {_AWS_PREFIX}",
                f"Give {_AWS_PREFIX}<space>=<project>=<dev-environment-id>",
            )
        return parts[0], parts[1], parts[2]
    if host.startswith(_TOOLKIT_PREFIX):
        return None, None, host[len(_TOOLKIT_PREFIX) :]
    return None, None, None


def _agreed(option: str, given: str | None, named: str | None) -> str | None:
    """What option and host name agree on; ``None`` when neither says anything."""
    if given is None or named is None or given == named:
        return named if given is None else given
    hint = None
    if given.lower() == named.lower():
        hint = "Only the case differs: ssh writes %h in lower case, so give the ProxyCommand %n"
    raise ConfigError(
        f"{option} {quoted(given)} contradicts the host name, which says {quoted(named)}", hint
    )
