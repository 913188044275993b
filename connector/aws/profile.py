"""The AWS configuration file: its profiles, and the SSO session of a profile.

The file is read by botocore's rules (``botocore.configloader``) but without botocore, whose
import takes longer than all of this. A connection with a valid token needs nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..errors import ConfigError, NoLogin, quoted
from ..fast import plain
from ..fast.records import NamedTuple
from ..fast.typed import TYPE_CHECKING
from ..files import BYTE_ORDER_MARK, AnyPath, FileProblem, read_bytes

if TYPE_CHECKING:
    import configparser


class Profile(NamedTuple):
    """A profile of the AWS configuration file.

    :param name: the name that was asked for; None if nothing named one and ``default`` applies.
    :param profiles: all profiles of the file, by name.
    :param sso_sessions: all SSO sessions of the file, by name.
    :param config_file: the path of the file; empty: no file is read.
    :param credentials: the sections of the credentials file, see :func:`with_credentials`; None:
        it was not read.
    """

    name: str | None
    profiles: Mapping[str, Mapping[str, str]]
    sso_sessions: Mapping[str, Mapping[str, str]]
    config_file: str
    credentials: Mapping[str, Mapping[str, str]] | None = None

    def __repr__(self) -> str:
        return f"Profile(name={self.name!r})"  # settings hold secrets

    @property
    def shown_name(self) -> str:
        """The name for messages."""
        return self.name or "default"

    @property
    def shown_file(self) -> str:
        """The file for messages."""
        return self.config_file or "the empty AWS_CONFIG_FILE"

    @property
    def values(self) -> Mapping[str, str] | None:
        """The settings of the profile; None if the file has no such profile."""
        return self.profiles.get(self.shown_name)

    @property
    def region(self) -> str | None:
        """The Region in the settings of the profile, which variables go before."""
        return (self.values or {}).get("region") or None

    @property
    def own_keys(self) -> Mapping[str, str]:
        """The settings of the profile in the credentials file."""
        return (self.credentials or {}).get(self.shown_name, {})

    @property
    def known_name(self) -> str | None:
        """The name if the file has the profile, else None. botocore refuses unknown names."""
        return None if self.values is None else self.name

    def missing(self, command: str) -> ConfigError | None:
        """Return what is wrong with a profile that was asked for, if there is none of its name.

        :param command: writes it.
        """
        if self.name is None or self.values is not None:
            return None
        return ConfigError(
            f"The profile {self.name} does not exist in {self.shown_file}",
            f"Run `{command}`, which writes it",
        )

    @property
    def login_command(self) -> str:
        """The command that gets a new token for this profile."""
        name = self.name
        if name is None and self.values is not None:
            name = "default"  # `connector login` uses it only if it is named
        return command_line("connector", "login", *(() if name is None else ("--profile", name)))

    @property
    def keys_command(self) -> str:
        """The command that writes this profile, with AWS keys."""
        return command_line(
            "aws", "configure", *(() if self.name is None else ("--profile", self.name))
        )


def unknown_profile(name: str | None) -> ConfigError:
    """Return the error of a profile that neither of AWS's files has."""
    return ConfigError(
        f"There is no AWS profile {name}", "Check --profile, AWS_PROFILE and ~/.aws/config"
    )


def command_line(*words: str) -> str:
    """Return a command as it is typed into a shell."""
    plainly = plain.command(words)
    if plainly is not None:
        return plainly
    import shlex

    return shlex.join(words)


class SsoSession(NamedTuple):
    """An ``[sso-session]`` of the configuration file. ``scopes`` may be empty."""

    name: str
    start_url: str
    region: str
    scopes: tuple[str, ...]


def load_profile(
    name: str | None, environ: Mapping[str, str], otherwise: str | None = None
) -> Profile:
    """Read the profile that applies.

    :param name: the value of ``--profile``; else AWS_PROFILE and AWS_DEFAULT_PROFILE count.
    :param otherwise: the name to use if none of them is set; None: ``default``.
    :param environ: AWS_CONFIG_FILE names the file; the default is ``~/.aws/config``.
    :raises ConfigError: when the file exists but cannot be read or parsed.
    """
    name = name or environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or otherwise
    config_file = _path(environ, "AWS_CONFIG_FILE", "config")
    profiles, sso_sessions = _by_name(_read_sections(config_file))
    return Profile(name, profiles, sso_sessions, config_file)


def with_lines(profile: Profile, lines: str) -> Profile:
    """Return a profile as it is once these lines end its configuration file.

    :param lines: sections that the file does not have.
    """
    profiles, sso_sessions = _by_name(parse_config(lines.encode(), profile.config_file))
    return profile._replace(
        profiles={**profile.profiles, **profiles},
        sso_sessions={**profile.sso_sessions, **sso_sessions},
    )


def with_credentials(profile: Profile, environ: Mapping[str, str]) -> Profile:
    """Return a profile with the sections of the credentials file.

    botocore puts the settings of that file before those of the same profile in the configuration
    file, and so does this function.

    :param environ: AWS_SHARED_CREDENTIALS_FILE names the file; the default is
        ``~/.aws/credentials``.
    :raises ConfigError: when the file exists but cannot be read or parsed.
    """
    sections = _read_sections(credentials_file(environ))
    profiles = dict(profile.profiles)
    for name, values in sections.items():
        profiles[name] = {**profiles.get(name, {}), **values}
    return profile._replace(profiles=profiles, credentials=sections)


def credentials_file(environ: Mapping[str, str]) -> str:
    """Return the path of the credentials file; empty: no file is read."""
    return _path(environ, "AWS_SHARED_CREDENTIALS_FILE", "credentials")


def sso_session(profile: Profile) -> SsoSession:
    """Return the SSO session that a profile names.

    :raises NoLogin: when there is no profile, or it names no session.
    :raises ConfigError: when the named profile does not exist, or its session is incomplete.
    """
    shown = f"The profile {profile.shown_name} of {profile.shown_file}"
    writes = f"Run `{profile.login_command}` to create it"
    another = "or choose another profile with --profile"
    if profile.values is None:
        if profile.name is not None:
            raise ConfigError(f"{shown} does not exist", f"{writes}, {another}")
        raise NoLogin(
            f"There is no bearer token, and no default profile in "
            f"{profile.shown_file} to take one from",
            f"Run `{profile.login_command}`",
        )
    name = profile.values.get("sso_session")
    if not name:
        why = "has no sso_session"
        if "sso_start_url" in profile.values:  # the form before 2022, which has no tokens
            why = "has sso_start_url instead of sso_session"
        raise NoLogin(
            f"{shown} {why}, so there is no bearer token",
            f"Run `connector login --profile NAME` with a new name, {another}",
        )
    section = profile.sso_sessions.get(name)
    if section is None:
        raise ConfigError(f"{shown} names [sso-session {name}], which does not exist", writes)
    for setting in ("sso_region", "sso_start_url"):
        if not section.get(setting):
            raise ConfigError(
                f"[sso-session {name}] of {profile.shown_file} lacks {setting}",
                "Add it, or run `connector login --profile NAME` with a new name",
            )
    scopes = section.get("sso_registration_scopes", "").split(",")  # as the AWS CLI splits them
    return SsoSession(
        name,
        section["sso_start_url"],
        section["sso_region"],
        tuple(filter(None, (scope.strip() for scope in scopes))),
    )


def parse_config(content: bytes, path: AnyPath) -> dict[str, dict[str, str]]:
    """Return the sections of a configuration file by their headers.

    Files that botocore and the AWS CLI cannot read are refused here too. Otherwise a login
    could be written into a file that no AWS tool reads afterwards.

    :param path: the file's path, for the error.
    :raises ConfigError: when the content cannot be parsed.
    """
    known = plain.sections(content)
    if known is not None:
        return known
    import configparser
    import io

    shown = f"The AWS configuration file {path}"
    if content.startswith(BYTE_ORDER_MARK):
        raise ConfigError(
            f"{shown} begins with a byte-order mark, which AWS's tools cannot read",
            "Save it as UTF-8 without BOM",
        )
    try:
        # Universal newlines: the file may have been written on any system.
        text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8").read()
    except UnicodeDecodeError:
        raise ConfigError(f"{shown} is not UTF-8 text") from None
    parser = configparser.RawConfigParser()  # strict: duplicate sections are errors
    try:
        parser.read_string(text, source=str(path))
    except configparser.Error as error:
        raise ConfigError(f"{shown} cannot be parsed: {_complaint(error)}") from None
    sections = {header: dict(parser.items(header)) for header in parser.sections()}
    for header, values in sections.items():
        for name, value in values.items():
            if value.startswith("\n") and not _is_nested(value):
                raise ConfigError(
                    f"{shown} cannot be parsed: not every indented line under {quoted(name)} in "
                    f"[{quoted(header)[1:-1]}] is a setting"
                )
    return sections


def _path(environ: Mapping[str, str], variable: str, name: str) -> str:
    """Return the path of one of AWS's files.

    An empty variable does not mean the default: botocore then reads no file.
    """
    path = environ.get(variable)
    if path is None:
        path = os.path.join("~", f".aws/{name}")
    return os.path.expanduser(os.path.expandvars(path))


def _by_name(
    sections: Mapping[str, dict[str, str]],
) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    """Return the profiles and the SSO sessions of a file's sections, each by name."""
    profiles: dict[str, dict[str, str]] = {}
    sso_sessions: dict[str, dict[str, str]] = {}
    for header, values in sections.items():
        label = _label(header)
        if header == "default":
            profiles[header] = values
        elif label is None:
            continue
        elif header.startswith("profile"):  # botocore reads [profile-old x] as a profile x too
            profiles[label] = values
        elif header.startswith("sso-session"):
            sso_sessions[label] = values
    return profiles, sso_sessions


def _read_sections(path: AnyPath) -> dict[str, dict[str, str]]:
    try:
        return parse_config(read_bytes(path), path)
    except FileNotFoundError:
        return {}
    except FileProblem as problem:
        raise ConfigError(f"The AWS configuration file {path} {problem}") from None


def _is_nested(value: str) -> bool:
    """Return whether botocore can read the indented lines below a setting without a value."""
    return all("=" in line for line in value.splitlines() if line.strip())


def _complaint(error: configparser.Error) -> str:
    """Return the number of the wrong line. Its text is not quoted: it may hold a secret."""
    import configparser

    found = getattr(error, "errors", None) or [(getattr(error, "lineno", 0), "")]
    line = found[0][0]
    if isinstance(error, configparser.DuplicateSectionError):
        return f"line {line} repeats a section"
    if isinstance(error, configparser.DuplicateOptionError):
        return f"line {line} repeats a setting of its section"
    return f"line {line} is neither a section nor a setting"


def _label(header: str) -> str | None:
    """Return the second of the two words of a header such as ``profile "my name"``, or None."""
    words = plain.words(header)
    if words is None:
        import shlex

        try:
            words = shlex.split(header)
        except ValueError:  # an unclosed quote
            return None
    return words[1] if len(words) == 2 else None
