"""Targets in the parsers of names, files, variables and responses of the API."""

from __future__ import annotations

import ipaddress
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connector.aws.endpoint import endpoint_is_overridden
from connector.aws.http import MAX_BODY, BadResponse, read_response
from connector.aws.profile import load_profile
from connector.aws.sso.tokens import SsoCache, Unusable
from connector.aws.trust import ca_bundle
from connector.errors import ConfigError, ProxyFailed, ServiceError
from connector.sessions import SessionAccess
from connector.targets.codecatalyst.hosts import Search, resolve
from connector.targets.codecatalyst.service import ENDPOINT
from connector.targets.memory import Memory
from connector.targets.source import GatewayMemory
from connector.transport.address import check_stream_url
from connector.transport.dial import proxy_for

from .choices import Choices

# One file, which each run of a target overwrites.
_DIRECTORY = tempfile.TemporaryDirectory(prefix="fuzz-")
_FILE = Path(_DIRECTORY.name, "file")


def host_name(data: bytes) -> None:
    """A name is refused in one line, or resolves to the same target when written again."""
    words = [word or None for word in _text(data).split("\n", 3)]
    host, space, project, identity = words + [None] * (4 - len(words))
    environ = {"SPACE_NAME": "ExampleCorp", "PROJECT_NAME": "web.site-1"}
    try:
        found = resolve(
            host, space=space, project=project, dev_environment_id=identity, environ=environ
        )
    except ConfigError as error:
        _check_line(error)
        return
    if isinstance(found, Search):  # any name may be looked up
        assert found.name
        return
    assert resolve(found.host_name, environ={}) == found
    assert found.host_name.isascii()
    assert found.host_name.isprintable()


def aws_config(data: bytes) -> None:
    """Any file is a valid configuration or an error."""
    _FILE.write_bytes(data)
    environ = {"AWS_CONFIG_FILE": str(_FILE), "AWS_PROFILE": "dev"}
    try:
        profile = load_profile(None, environ)
        shown = profile.login_command
        endpoint_is_overridden(ENDPOINT, None, environ, profile)
        ca_bundle(environ, profile)
    except ConfigError as error:
        _check_line(error)
    else:
        assert shown == "connector login --profile dev"


def token_cache(data: bytes) -> None:
    """Any file is a token that fits in a header, or is refused."""
    _FILE.write_bytes(data)
    cache = SsoCache("session")
    cache.path = str(_FILE)
    try:
        token = cache.read()
    except Unusable as problem:
        assert len(str(problem)) < 500
        return
    assert token.access_token.isascii()
    assert token.access_token.isprintable()
    assert " " not in token.access_token
    try:
        request = token.refresh_request(0.0)
    except Unusable:
        return
    assert all(request.values())


def session_description(data: bytes) -> None:
    """A session's JSON is parsed or refused, and no message quotes it."""
    try:
        access = SessionAccess.from_json(data, "the file")
    except ConfigError as error:
        assert str(error).startswith("The file ")
        assert len(str(error)) < 160
        return
    assert access.stream_url
    assert access.token_value
    assert repr(access) == f"SessionAccess(session_id={access.session_id!r})"


def stream_url(data: bytes) -> None:
    """A URL is refused, or its request line is one line and its host is the one we dial."""
    choices = Choices(data)
    overridden, text = bool(choices.number() % 2), _text(choices.rest())
    try:
        address = check_stream_url(text, endpoint_overridden=overridden)
    except ServiceError as error:
        _check_line(error)
        return
    assert address.url == text
    assert address.resource.startswith("/")
    assert address.resource.isascii()
    assert address.resource.isprintable()
    assert " " not in address.resource
    assert address.secure or (overridden and _is_this_machine(address.host))
    assert 0 < address.port < 65536
    # Another parser has to find the same host.
    from websockets.uri import parse_uri

    read = parse_uri(address.url.split("?", 1)[0])
    # urllib.parse keeps the case of what follows a "%", as in the zone of an IPv6 address.
    assert (read.host.lower(), read.secure) == (address.host, address.secure)
    assert read.port == address.port
    assert read.user_info is None


def proxy_setting(data: bytes) -> None:
    """A proxy setting is parsed or refused; a login in it fits in a header."""
    # os.environ decodes bytes that are not UTF-8 like this.
    url = data.replace(b"\0", b"").decode("utf-8", "surrogateescape")
    with _variable("HTTPS_PROXY", url):
        try:
            proxy = proxy_for("ssmmessages.us-west-2.amazonaws.com", 443)
        except ProxyFailed as error:
            _check_line(error)
            return
    assert proxy is None or (proxy.host and 0 < proxy.port < 65536)
    assert proxy is None or proxy.authorization.isascii()


def http_answer(data: bytes) -> None:
    """A response of the API in any pieces is parsed within bounds, or refused."""
    choices = Choices(data)

    def receive() -> bytes:
        return choices.take(1 + choices.number())

    try:
        answer = read_response(receive)
    except (BadResponse, ConnectionError) as error:
        assert len(str(error)) < 200
        return
    assert 200 <= answer.status < 600
    assert len(answer.body) <= MAX_BODY
    assert all(name == name.lower() for name in answer.headers)


def known_gateways(data: bytes) -> None:
    """Any file is a memory of gateways, which may be empty."""
    _FILE.write_bytes(data)
    assert isinstance(GatewayMemory(Memory(_FILE, "a")).recall(), str)


def _is_this_machine(host: str) -> bool:
    return host == "localhost" or ipaddress.ip_address(host).is_loopback


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _check_line(error: Exception) -> None:
    """Check that a message is one line of bounded length."""
    line = str(error)
    assert line
    assert "\n" not in line
    assert len(line) < 6000  # it may contain a path of the user
