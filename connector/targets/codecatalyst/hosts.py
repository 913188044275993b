"""Names of Dev Environments, from the host name that ssh was given and back to it.

``ssh`` hands its host name to the ProxyCommand. Two forms name a Dev Environment:

- ``codecatalyst-dev-env=<space>=<project>=<dev-environment-id>``: AWS's own (CodeCatalyst
  User Guide, "Connecting to a Dev Environment using SSH"). It needs no look-up.
- ``aws-devenv-<dev-environment-id>``: the form of the AWS Toolkit for VS Code. Space and project
  come from options, from the variables SPACE_NAME and PROJECT_NAME of the toolkit, or from a
  look-up.

Any other name is looked up (:mod:`.names`), unless options name the environment. ssh's ``%h`` is
the host name in lower case, and names of spaces and projects have capitals, so a ProxyCommand
should pass ``%n``, the name as typed.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import ConfigError, quoted
from ...fast.plain import is_uuid
from ...fast.records import NamedTuple
from ..registry import check_parts

_AWS_PREFIX = "codecatalyst-dev-env="
_TOOLKIT_PREFIX = "aws-devenv-"

#: The beginnings of the names that AWS gives a Dev Environment for ssh.
SERVICE_PREFIXES = (_AWS_PREFIX, _TOOLKIT_PREFIX)

# The patterns of NameString and Uuid in the API's model (2022-09-28), ASCII only as there. They
# are checked by hand: to compile regular expressions takes longer than the rest of this module.
_NAME_LENGTHS = range(3, 64)
_SEPARATORS = str.maketrans("_.", "--")


class EnvironmentName(NamedTuple):
    """The names of one Dev Environment, and the words by which the user named it.

    :param alias: what its owner calls it, on one line; empty where it has none, or where the
        alias is not known. Messages use it.
    :param profile: the AWS profile of the calls about it.
    :param words: the arguments of the query; empty where variables named it.
    """

    space: str
    project: str
    id: str
    alias: str = ""
    profile: str | None = None
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        name = f"{self.alias} ({self.id})" if self.alias else self.id
        return f"Dev Environment {name} of {self.space}/{self.project}"

    @property
    def key(self) -> str:
        """Which environment it is, whatever it is called."""
        return f"{self.space}/{self.project}/{self.id}"

    @property
    def host_name(self) -> str:
        """The host name in AWS's own form; :func:`resolve` reads it back."""
        return f"{_AWS_PREFIX}{self.space}={self.project}={self.id}"

    @property
    def host_key_alias(self) -> str:
        """The name for its host key, which does not change with the alias."""
        return host_key_alias(self.id)

    @property
    def exact_words(self) -> tuple[str, ...]:
        """The arguments by which every command finds it without a look-up."""
        return ("--space", self.space, "--project", self.project, "--id", self.id)

    def command(self, *words: str) -> str:
        """Return a command of the connector about this environment, in the user's own words."""
        import shlex

        named = self.words
        if not named:
            profile = () if self.profile is None else ("--profile", self.profile)
            named = (*self.exact_words, *profile)
        return shlex.join(["connector", *words, *named])

    def check(self) -> EnvironmentName:
        """Return it if all parts are well formed.

        :raises ConfigError: when the service cannot have given one of the names.
        """
        for what, value in (("space", self.space), ("project", self.project)):
            if not _is_name(value):
                raise ConfigError(
                    f"{quoted(value)} is not the name of a {what}",
                    "Such a name has 3 to 63 characters: letters and digits, "
                    "with single '-', '_' or '.' between them",
                )
        _check_id(self.id)
        return self


def host_key_alias(id: str) -> str:
    """Return the name for the host key of the environment of an id."""
    return f"codecatalyst-{id}"


def place_of(space: str | None, project: str | None) -> str:
    """Return the words for a place in a message, after a blank; empty: everywhere."""
    parts = (("project", project), ("space", space))
    return "".join(f" in the {what} {quoted(name)}" for what, name in parts if name is not None)


def is_aws_name(host: str) -> bool:
    """Return whether a host name is spelled as AWS names a Dev Environment for ssh."""
    return host.startswith(SERVICE_PREFIXES)


#: Space and project, each ``None`` where any will do.
Where = tuple["str | None", "str | None"]


class Search(NamedTuple):
    """A name to look up. The first of the places that has an environment of this name counts."""

    name: str
    places: tuple[Where, ...]


def resolve(
    host: str | None,
    *,
    space: str | None = None,
    project: str | None = None,
    dev_environment_id: str | None = None,
    environ: Mapping[str, str],
) -> EnvironmentName | Search:
    """Return the Dev Environment that a host name and options name, or what to look up.

    :param host: the ProxyCommand's argument; ``None`` or empty when there is none.
    :param space: the option ``--space``; ``project`` and ``dev_environment_id`` likewise. An
        option may repeat a part of the host name, but not contradict it.
    :param environ: its variables override nothing. SPACE_NAME and PROJECT_NAME fill what host
        name and options leave out, and say where to look for a name first: ssh may be called for
        an environment elsewhere. DEVENV_ID counts only without a host name.
    :raises ConfigError: when a part is missing, malformed or contradictory.
    """
    host = host or ""
    named_space, named_project, named_id = _parts(host)
    space = _agreed("--space", space, named_space)
    project = _agreed("--project", project, named_project)
    dev_environment_id = _agreed("--id", dev_environment_id, named_id)
    said = (space, project)
    # Variables fill missing parts alone: an empty part of a host name stays wrong.
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
        if not is_aws_name(host):
            check_parts(host)
            return Search(host, _places((space, project), said))
        raise ConfigError(
            f"The host name {quoted(host)} names no Dev Environment",
            "See `connector list` for those there are",
        )
    if space is not None and project is not None:
        return EnvironmentName(space, project, dev_environment_id).check()
    _check_id(dev_environment_id)
    return Search(dev_environment_id, _places((space, project), said))


def _places(usual: Where, said: Where) -> tuple[Where, ...]:
    return (usual, said) if usual != said else (said,)


def _is_name(text: str) -> bool:
    parts = text.translate(_SEPARATORS).split("-")
    return len(text) in _NAME_LENGTHS and text.isascii() and all(map(str.isalnum, parts))


def _check_id(text: str) -> None:
    if not is_uuid(text):
        raise ConfigError(
            f"{quoted(text)} is not the id of a Dev Environment",
            "An id looks like 01234567-89ab-cdef-0123-456789abcdef",
        )


def _parts(host: str) -> tuple[str | None, str | None, str | None]:
    """Return space, project and id, each None where the host name leaves it out."""
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
    """Return what option and host name agree on, or None when both leave it out."""
    if given is None or named is None or given == named:
        return named if given is None else given
    hint = None
    if given.lower() == named.lower():
        hint = "Only the case differs: ssh writes %h in lower case, so give the ProxyCommand %n"
    raise ConfigError(
        f"{option} {quoted(given)} contradicts the host name, which says {quoted(named)}", hint
    )
