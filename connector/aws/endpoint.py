"""The endpoint of a service's API, by the option, the environment and the AWS configuration.

The rules are botocore's (``botocore.configprovider``). They are repeated here because importing
botocore takes longer than a whole call.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import ConfigError
from ..fast.records import NamedTuple
from ..files import FileProblem, read_text
from .profile import Profile, credentials_file

# Settings that also change the endpoint, in ways that only botocore knows.
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


class EndpointNames(NamedTuple):
    """The settings that name the endpoint of one service.

    :param default: the URL that botocore uses without any setting; empty: only botocore can tell.
    :param variable: the service's own variable, ``AWS_ENDPOINT_URL_<SERVICE>``.
    :param tool_variable: a variable of the service's other tools. They set it for one
        connection, so it goes before ``AWS_ENDPOINT_URL`` and the profile.
    """

    default: str
    variable: str
    tool_variable: str


def given_endpoint(
    names: EndpointNames, option: str | None, environ: Mapping[str, str]
) -> str | None:
    """Return the endpoint that botocore has to be told; None if it finds the endpoint itself.

    :param option: the value of ``--endpoint-url``.
    :raises ConfigError: when it is not an https URL.
    """
    of_tool = None if environ.get(names.variable) else environ.get(names.tool_variable)
    url = option or of_tool or None
    if url is not None:
        check_endpoint(url)
    return url


def light_endpoint(
    names: EndpointNames, given: str | None, environ: Mapping[str, str], profile: Profile
) -> str | None:
    """Return the endpoint that botocore would use; None if only botocore can tell.

    :param given: the result of :func:`given_endpoint`.
    :returns: a URL of host, port and path only, as the light client needs it.
    :raises ConfigError: when it is not an https URL.
    """
    settings = profile.values or {}
    if any(environ.get(name) for name in _BOTOCORE_VARIABLES):
        return None
    if any(settings.get(name) for name in _BOTOCORE_SETTINGS):
        return None
    if profile.credentials is None and _credentials_file_decides(environ):
        return None
    if not given:
        variables = (names.variable, "AWS_ENDPOINT_URL")
        given = next((environ[name] for name in variables if environ.get(name)), None)
        if given is None and (settings.get("services") or settings.get("endpoint_url")):
            return None
    url = given or names.default
    if not url:
        return None
    check_endpoint(url)
    return url if _is_plain_url(url) else None


def host_and_port(url: str) -> tuple[str, int]:
    """Return host and port of a result of :func:`light_endpoint`."""
    host, _, port = url.removeprefix("https://").partition("/")[0].partition(":")
    return host, int(port or 443)


def _is_plain_url(url: str) -> bool:
    """Return whether a URL has only host, port and a path that no client rewrites."""
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
    """Return whether the credentials file may name an endpoint, where no caller has read it.

    botocore merges that file into the profiles. It rarely holds anything but keys, so it is
    searched for the names of settings, not parsed.
    """
    try:
        text = read_text(credentials_file(environ))
    except (FileNotFoundError, FileProblem):
        return False
    return any(name in text for name in (*_BOTOCORE_SETTINGS, "endpoint_url", "services"))


def endpoint_is_overridden(
    names: EndpointNames, option: str | None, environ: Mapping[str, str], profile: Profile
) -> bool:
    """Return whether the user named an endpoint, in any of the ways that botocore knows."""
    settings = profile.values or {}
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return bool(option or environ.get(names.tool_variable))
    variables = (names.variable, names.tool_variable, "AWS_ENDPOINT_URL")
    return bool(
        option
        or any(environ.get(name) for name in variables)
        or settings.get("endpoint_url")
        or settings.get("services")
    )


def check_endpoint(url: str) -> None:
    """Refuse an endpoint that must not receive a bearer token.

    :raises ConfigError: when it is not an https URL with a host.
    """
    if url.startswith("https://") and _is_plain_url(url) and 0 < host_and_port(url)[1] < 65536:
        return
    from urllib.parse import urlsplit  # only for the other URLs

    try:
        parts = urlsplit(url)
        valid = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is not a number, or an unclosed bracket
        valid = False
    if not valid or not url.isprintable() or " " in url:
        raise ConfigError(
            f"The endpoint {ascii(url)[:100]} is not an https:// URL",
            "Tokens are sent over TLS only. Check `connector config show`, "
            "and endpoint_url in the profile",
        )
