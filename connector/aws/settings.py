"""What the AWS configuration file and the environment say: profile, SSO session, CA bundle.

Read as botocore reads it (``botocore.configloader``), but without botocore, whose import
takes longer than all of this: a valid token in the cache needs no more.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import ConfigError, quoted
from ..fast.records import NamedTuple
from ..files import BYTE_ORDER_MARK, AnyPath, FileProblem, read_bytes, read_text

if TYPE_CHECKING:
    import configparser

# Of botocore's endpoint-rule-set-1.json for codecatalyst, whatever the region.
_ENDPOINT = "https://codecatalyst.global.api.aws"

#: The profile of ``login`` and ``logout`` when nobody names one, as in AWS's guide.
LOGIN_PROFILE = "codecatalyst"

# What else has a say in it (botocore.configprovider).
_BOTOCORE_VARIABLES = (
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_DATA_PATH",
)
_BOTOCORE_SETTINGS = (
    "ignore_configured_endpoint_urls",
    "use_fips_endpoint",
    "use_dualstack_endpoint",
    "data_path",
)

_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")
_SEGMENT = _HOST.union("ABCDEFGHIJKLMNOPQRSTUVWXYZ_~")  # of a path


class Profile(NamedTuple):
    """A profile of the AWS configuration file.

    ``name`` is what was asked for, ``None`` when nobody asked and ``default`` applies.
    ``profiles`` are all that the file has, by their names.
    """

    name: str | None
    profiles: Mapping[str, Mapping[str, str]]
    sso_sessions: Mapping[str, Mapping[str, str]]
    config_file: str

    @property
    def shown_name(self) -> str:
        return self.name or "default"

    @property
    def values(self) -> Mapping[str, str] | None:
        """The settings of its section; ``None`` when there is no such section."""
        return self.profiles.get(self.shown_name)

    @property
    def known_name(self) -> str | None:
        """Its name, where there is such a section: botocore refuses one that there is not."""
        return None if self.values is None else self.name

    @property
    def login_command(self) -> str:
        """The command that gets a new token. The one place that knows it."""
        import shlex

        name = self.name
        if name is None and self.values is not None:
            name = "default"  # which a login takes only when it is told to
        words = ("connector", "login")
        return shlex.join(words if name is None else (*words, "--profile", name))


def load_profile(
    name: str | None, environ: Mapping[str, str], otherwise: str | None = None
) -> Profile:
    """Read the active profile.

    :param name: the option ``--profile``; else AWS_PROFILE, AWS_DEFAULT_PROFILE.
    :param otherwise: the profile when none of these names one; ``None``: ``default``.
    :param environ: AWS_CONFIG_FILE names the file, by default ``~/.aws/config``.
    :raises ConfigError: when the file is there and cannot be read or parsed.
    """
    name = name or environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or otherwise
    config_file = _config_file(environ)
    profiles, sso_sessions = _read_profiles(config_file)
    return Profile(name, profiles, sso_sessions, config_file)


def _config_file(environ: Mapping[str, str]) -> str:
    name = environ.get("AWS_CONFIG_FILE") or os.path.join("~", ".aws/config")
    return os.path.expanduser(os.path.expandvars(name))


def _read_profiles(path: AnyPath) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    """The profiles and the SSO sessions, by their names."""
    profiles: dict[str, dict[str, str]] = {}
    sso_sessions: dict[str, dict[str, str]] = {}
    for header, values in _read_sections(path).items():
        kind, label = _split_header(header)
        if header == "default" or kind == "profile":
            profiles[label] = values
        elif kind == "sso-session":
            sso_sessions[label] = values
    return profiles, sso_sessions


def _read_sections(path: AnyPath) -> dict[str, dict[str, str]]:
    try:
        return parse_config(read_bytes(path), path)
    except FileNotFoundError:
        return {}
    except FileProblem as problem:
        raise ConfigError(f"The AWS configuration file {path} {problem}") from None


def parse_config(content: bytes, path: AnyPath) -> dict[str, dict[str, str]]:
    """Return the sections of a configuration file, by their headers.

    What botocore and the AWS CLI cannot read is refused here too: a login would be written into a
    file that gives no token afterwards.

    :param path: of the file, for the error.
    :raises ConfigError: when it cannot be parsed.
    """
    import configparser  # where there is a file, and only there
    import io

    shown = f"The AWS configuration file {path}"
    if content.startswith(BYTE_ORDER_MARK):
        raise ConfigError(
            f"{shown} begins with a byte-order mark, which AWS's tools cannot read",
            "Save it as UTF-8 without BOM",
        )
    try:
        text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8").read()  # with any line end
    except UnicodeDecodeError:
        raise ConfigError(f"{shown} is not UTF-8 text") from None
    parser = configparser.RawConfigParser()  # strict: a section given twice is an error
    try:
        parser.read_string(text, source=str(path))
    except configparser.Error as error:
        raise ConfigError(f"{shown} cannot be parsed: {_complaint(error)}") from None
    sections = {header: dict(parser.items(header)) for header in parser.sections()}
    for header, values in sections.items():
        for name, value in values.items():
            if value.startswith("\n") and not _is_nested(value):
                raise ConfigError(
                    f"{shown} cannot be parsed: the indented lines under {quoted(name)} of "
                    f"[{quoted(header)[1:-1]}] are not all settings"
                )
    return sections


def _is_nested(value: str) -> bool:
    """Whether botocore can read the indented lines below a setting, which has no value itself."""
    return all("=" in line for line in value.splitlines() if line.strip())


def _complaint(error: configparser.Error) -> str:
    """Where the fault is; the line itself is not quoted, for it may hold a secret."""
    import configparser

    found = getattr(error, "errors", None) or [(getattr(error, "lineno", 0), "")]
    line = found[0][0]
    if isinstance(error, configparser.DuplicateSectionError):
        return f"the section of line {line} is there twice"
    if isinstance(error, configparser.DuplicateOptionError):
        return f"the setting of line {line} is there twice in its section"
    return f"line {line} is neither a section nor a setting"


def _split_header(header: str) -> tuple[str, str]:
    """``profile "my name"`` -> its kind and label; a header of one word is its own label."""
    import shlex

    try:
        words = shlex.split(header)
    except ValueError:  # quotes that do not close
        return "", ""
    if len(words) == 2:
        return words[0], words[1]
    return "", header


def ca_bundle(environ: Mapping[str, str], profile: Profile) -> str | None:
    """The file of CA certificates (PEM) to trust instead of the usual ones, if any is named.

    The order is botocore's: AWS_CA_BUNDLE, the profile's ``ca_bundle``, REQUESTS_CA_BUNDLE;
    last SSL_CERT_FILE, which OpenSSL and most other programs know.

    :raises ConfigError: when the file named first cannot be read or holds no certificate.
    """
    named = named_ca_bundle(environ, profile)
    if named:
        _check_bundle(*named)
        return named[1]
    return None if _system_has_certificates() else _botocore_bundle()


def named_ca_bundle(environ: Mapping[str, str], profile: Profile) -> tuple[str, str] | None:
    """The setting that :func:`ca_bundle` follows, and the file that it names."""
    candidates = (
        ("AWS_CA_BUNDLE", environ.get("AWS_CA_BUNDLE")),
        (f"ca_bundle in {profile.config_file}", (profile.values or {}).get("ca_bundle")),
        ("REQUESTS_CA_BUNDLE", environ.get("REQUESTS_CA_BUNDLE")),
        ("SSL_CERT_FILE", environ.get("SSL_CERT_FILE")),
    )
    return next(((origin, path) for origin, path in candidates if path), None)


def _system_has_certificates() -> bool:
    """Whether OpenSSL finds CA certificates; python.org's Python on macOS has none."""
    import ssl

    paths = ssl.get_default_verify_paths()
    return sys.platform == "win32" or paths.cafile is not None or paths.capath is not None


def _botocore_bundle() -> str | None:
    """The CA certificates that botocore brings, without importing it."""
    import importlib.util

    spec = importlib.util.find_spec("botocore")
    if spec is None or not spec.origin:
        return None
    return os.path.join(os.path.dirname(spec.origin), "cacert.pem")


def _check_bundle(origin: str, path: str) -> None:
    # Not loaded here: that takes 25 ms, and whoever uses it does it anyway.
    try:
        # Read again by OpenSSL, which would wait for a pipe, and without end.
        text = "" if _is_pipe(path) else read_text(path)
    except FileNotFoundError:
        problem = "does not exist"
    except FileProblem as found:
        problem = str(found)
    else:
        if "-----BEGIN CERTIFICATE-----" in text or "-----BEGIN TRUSTED CERTIFICATE-----" in text:
            return
        problem = "holds no PEM certificate"
    raise ConfigError(
        f"The CA bundle {path}, named by {origin}, {problem}",
        "It has to be a file of CA certificates in PEM format",
    )


def _is_pipe(path: str) -> bool:
    return os.path.exists(path) and stat.S_ISFIFO(os.stat(path).st_mode)


def api_endpoint(endpoint_url: str | None, environ: Mapping[str, str]) -> str | None:
    """The endpoint of the CodeCatalyst API as far as it is not botocore's to find.

    An explicit one, else the toolkit's CODECATALYST_ENDPOINT, which is meant for one
    connection and so beats the general AWS_ENDPOINT_URL and the profile, but not
    AWS_ENDPOINT_URL_CODECATALYST. ``None``: botocore looks in those places.

    :raises ConfigError: when it is not an https URL.
    """
    toolkit = None
    if not environ.get("AWS_ENDPOINT_URL_CODECATALYST"):
        toolkit = environ.get("CODECATALYST_ENDPOINT")
    url = endpoint_url or toolkit or None
    if url is not None:
        check_endpoint(url)
    return url


def light_endpoint(
    endpoint_url: str | None, environ: Mapping[str, str], profile: Profile
) -> str | None:
    """The endpoint that botocore would take, where that can be said without botocore.

    :param endpoint_url: that of :func:`api_endpoint`.
    :returns: ``None`` when a setting is there that botocore has to judge, or the URL is more
        than host, port and path.
    :raises ConfigError: when it is not an https URL.
    """
    settings = profile.values or {}
    if any(environ.get(name) for name in _BOTOCORE_VARIABLES):
        return None
    if any(settings.get(name) for name in _BOTOCORE_SETTINGS):
        return None
    if _credentials_file_decides(environ):
        return None
    if not endpoint_url:
        variables = ("AWS_ENDPOINT_URL_CODECATALYST", "AWS_ENDPOINT_URL")
        endpoint_url = next((environ[name] for name in variables if environ.get(name)), None)
        if endpoint_url is None and (settings.get("services") or settings.get("endpoint_url")):
            return None
    url = endpoint_url or _ENDPOINT
    check_endpoint(url)
    return url if _is_plain_url(url) else None


def _is_plain_url(url: str) -> bool:
    """Whether it is a host, a port, and a path that no client would write in another way."""
    authority, _, path = url.removeprefix("https://").partition("/")
    host, colon, port = authority.partition(":")
    segments = path.removesuffix("/").split("/") if path else []
    return (
        _HOST.issuperset(host)
        and host.strip(".-") == host != ""
        and (port.isascii() and port.isdigit() if colon else True)
        and all(
            segment[:1] not in ("", ".") and _SEGMENT.issuperset(segment) for segment in segments
        )
    )


def _credentials_file_decides(environ: Mapping[str, str]) -> bool:
    """Whether the file of keys, which botocore merges into the profiles, may name an endpoint.

    It holds secrets and nothing else as a rule: it is searched, not parsed.
    """
    path = environ.get("AWS_SHARED_CREDENTIALS_FILE") or os.path.join("~", ".aws/credentials")
    try:
        text = read_text(os.path.expanduser(os.path.expandvars(path)))
    except (FileNotFoundError, FileProblem):
        return False
    return any(name in text for name in (*_BOTOCORE_SETTINGS, "endpoint_url", "services"))


def endpoint_is_overridden(
    endpoint_url: str | None, environ: Mapping[str, str], profile: Profile
) -> bool:
    """Whether the user named an API of their own, by any of the ways that botocore knows."""
    variables = (
        "AWS_ENDPOINT_URL_CODECATALYST",
        "CODECATALYST_ENDPOINT",
        "AWS_ENDPOINT_URL",
    )
    settings = profile.values or {}
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return bool(endpoint_url or environ.get("CODECATALYST_ENDPOINT"))
    return bool(
        endpoint_url
        or any(environ.get(name) for name in variables)
        or settings.get("endpoint_url")
        or settings.get("services")
    )


def check_endpoint(url: str) -> None:
    """Refuse an endpoint that a bearer token must not be sent to.

    :raises ConfigError: when it is not an https URL with a host.
    """
    try:
        parts = urlsplit(url)
        valid = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that does not close
        valid = False
    if not valid or not url.isprintable() or " " in url:
        raise ConfigError(
            f"The endpoint {ascii(url)[:100]} is not an https:// URL",
            "A bearer token is sent over TLS only; look at `connector config show`, "
            "and at endpoint_url in the profile",
        )
