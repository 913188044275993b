"""AWS keys from the machine itself, without botocore: a container's, and those of EC2's metadata.

What is asked, and of which addresses, is as in botocore's ``ContainerProvider`` and
``InstanceMetadataProvider``. Where a setting is unusual, or an answer is not good at once, there
are no keys: :mod:`.chain` then asks again, and has the words.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

from ...errors import ConnectorError
from ...fast.logs import Logger
from ...fast.records import NamedTuple
from ...fast.typed import Any
from ...files import FileProblem, read_text
from ...transport.address import authority_of, host_and_port, is_loopback
from ...transport.dial import dial, remaining, variable_of
from ..http import BadResponse, exchange
from ..times import epoch_of
from .places import CONTAINER
from .source import SPARE, AwsKeys

_PATH_VARIABLE, _URL_VARIABLE = CONTAINER

#: The addresses besides loopback that may get a container's token: of botocore's list.
_CONTAINER_HOSTS = ("169.254.170.2", "169.254.170.23", "fd00:ec2::23")

#: The metadata service, by the mode of its address.
_METADATA = {"ipv4": "http://169.254.169.254", "ipv6": "http://[fd00:ec2::254]"}
_METADATA_HOSTS = ("169.254.169.254", "fd00:ec2::254")
_ROLES = "/latest/meta-data/iam/security-credentials/"

#: Seconds for all answers together. The metadata service answers in milliseconds, and a laptop
#: without one must not wait for long; a container's endpoint may have to ask another service.
_METADATA_TIMEOUT = 0.5
_CONTAINER_TIMEOUT = 2.0

_NUMBERS = ("AWS_METADATA_SERVICE_TIMEOUT", "AWS_METADATA_SERVICE_NUM_ATTEMPTS")
_MEMBERS = ("AccessKeyId", "SecretAccessKey", "Token", "Expiration")

#: The characters of a path and a query that no client rewrites.
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/+=,@:?&")

logger = Logger(__name__)


class _Unusual(Exception):
    """Only botocore can tell. The text says why, without secrets."""


class _Address(NamedTuple):
    """A checked URL. ``authority`` is host and port as they stand in it."""

    host: str
    port: int
    authority: str
    path: str


def keys_of_machine(
    environ: Mapping[str, str], now: float, timeout: float, is_container: bool
) -> AwsKeys | None:
    """Return the keys of the machine that botocore would find, or None if it has to be asked.

    :param now: seconds since the epoch.
    :param timeout: seconds that botocore needs too if there is no answer: a part of them is used.
    :param is_container: whether the container's endpoint is asked, not the metadata service.
    """
    try:
        metadata = _metadata_address(environ)  # botocore judges it for a container too
        if is_container:
            deadline = time.monotonic() + min(_CONTAINER_TIMEOUT, timeout / 2)
            answer = _of_container(environ, deadline)
        else:
            deadline = time.monotonic() + min(_METADATA_TIMEOUT, timeout / 2)
            answer = _of_metadata(metadata, environ, deadline)
        return _keys(answer, now)
    except (ConnectorError, OSError, BadResponse, FileProblem, ValueError, RecursionError) as why:
        logger.info("the keys of the machine are left to botocore (%s)", type(why).__name__)
    except _Unusual as why:
        logger.info("the keys of the machine are left to botocore: %s", why)
    return None


def _of_container(environ: Mapping[str, str], deadline: float) -> bytes:
    if _PATH_VARIABLE in environ:
        url = f"http://{_CONTAINER_HOSTS[0]}{environ[_PATH_VARIABLE]}"
    else:
        url = environ[_URL_VARIABLE]
    headers = ["Accept: application/json"]
    token = environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    file = environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    if file is not None:
        token = read_text(file)
    if token is not None:
        if not (token.isascii() and token.isprintable() and token.strip() == token != ""):
            raise _Unusual("the token is no header")
        headers.append(f"Authorization: {token}")
    return _ask(_checked(url, _CONTAINER_HOSTS), "GET", headers, deadline)


def _of_metadata(address: _Address, environ: Mapping[str, str], deadline: float) -> bytes:
    """Ask as version 2 of the service wants it: with a token that lasts for six hours."""
    if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        raise _Unusual("the metadata service is turned off")
    proxy = variable_of("http_proxy")
    if proxy and environ.get(proxy):
        raise _Unusual("HTTP_PROXY is set, which botocore goes through")

    def ask(method: str, path: str, *headers: str) -> bytes:
        at = address._replace(path=f"{address.path.rstrip('/')}{path}")
        return _ask(at, method, headers, deadline)

    lifetime = "x-aws-ec2-metadata-token-ttl-seconds: 21600"
    token = _text(ask("PUT", "/latest/api/token", lifetime, "Content-Length: 0"))
    header = f"x-aws-ec2-metadata-token: {token}"
    role = _text(ask("GET", _ROLES, header))
    return ask("GET", f"{_ROLES}{role}", header)


def _text(body: bytes) -> str:
    text = body.decode("ascii")
    if not text.isprintable() or " " in text:
        raise _Unusual("an answer is no single word")
    return text


def _metadata_address(environ: Mapping[str, str]) -> _Address:
    """:raises _Unusual: also for settings of the service that botocore refuses."""
    numbers = [environ.get(name, "1") for name in _NUMBERS]
    if not all(text.isascii() and text.isdecimal() and int(text) for text in numbers):
        raise _Unusual("a number of the metadata service is none")
    by_flag = "ipv6" if environ.get("AWS_IMDS_USE_IPV6", "").lower() == "true" else "ipv4"
    mode = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", by_flag).lower()
    if mode not in _METADATA:
        raise _Unusual("the mode of the metadata service is unknown")
    url = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or _METADATA[mode]
    return _checked(url, _METADATA_HOSTS)


def _checked(url: str, hosts: tuple[str, ...]) -> _Address:
    """Return the address of a URL, which leads to one of these hosts or to this machine."""
    authority = authority_of(url)
    host, port = host_and_port(authority)
    path = url.removeprefix(f"http://{authority}")
    if path == url or not (host in hosts or is_loopback(host)):
        raise _Unusual("the address is not a usual one")
    return _Address(host, port or 80, authority, path or "/")


def _ask(address: _Address, method: str, headers: Sequence[str], deadline: float) -> bytes:
    if not _PLAIN.issuperset(address.path) or "/." in address.path or "//" in address.path:
        raise _Unusual("the path is not a usual one")
    lines = [
        f"{method} {address.path} HTTP/1.1",
        f"Host: {address.authority}",
        "Accept-Encoding: identity",
        "User-Agent: devenv-connector",
        "Connection: close",
        *headers,
    ]
    request = "\r\n".join([*lines, "", ""]).encode("ascii")
    with dial(address.host, address.port, None, remaining(deadline)) as sock:
        answer = exchange(sock, request, remaining(deadline))
    if answer.status != 200:
        raise _Unusual(f"the answer is {answer.status}")
    return answer.body


def _keys(answer: bytes, now: float) -> AwsKeys:
    document = json.loads(answer)
    if not isinstance(document, dict):
        raise _Unusual("the answer is no object")
    values: list[Any] = [document.get(name) for name in _MEMBERS]
    if not all(isinstance(value, str) for value in values):
        raise _Unusual("the answer is incomplete")
    key, secret, token, end = values
    expires_at = epoch_of(end)
    if not (key and secret) or expires_at is None or expires_at - now <= SPARE:
        raise _Unusual("the keys are incomplete, or expire soon")
    return AwsKeys(key, secret, token or None, expires_at)
