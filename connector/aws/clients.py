"""botocore clients for services that a bearer token, or nobody, signs.

botocore is imported when the first client is made: its import costs a quarter of a second.
It makes the requests and parses the answers. The connector itself carries both (:mod:`.light`):
botocore's own way knows neither a deadline for a whole call nor a limit of bytes, and has
another idea of proxies than the stream.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import ConfigError
from .settings import check_endpoint

if TYPE_CHECKING:
    import botocore.session
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse
    from botocore.config import Config
    from botocore.tokens import FrozenAuthToken

    from .light import Connect

# Neither service needs AWS keys. Without any, botocore would look for them everywhere,
# up to two seconds at the metadata address of EC2 and in the profile's credential_process.
_NO_KEY = "unused"


class ClientFactory:
    """Makes clients that share one botocore session, and so what it has read from disk.

    :param profile: name of the AWS profile, ``None`` for what botocore takes by itself.
    :param connect: makes the connections, by the user's CA certificates and proxy.
    """

    def __init__(self, profile: str | None, connect: Connect) -> None:
        self.profile = profile
        self._connect = connect
        self._session: botocore.session.Session | None = None
        self._creating = threading.Lock()  # a session is not safe to be used by several threads

    def create(
        self,
        service: str,
        *,
        region: str,
        connect_timeout: float,
        read_timeout: float,
        token: str | None = None,
        endpoint_url: str | None = None,
    ) -> Any:
        """A client that tries each call once. The caller closes it.

        :param connect_timeout: seconds until TLS stands; ``read_timeout`` those for the whole
            answer.
        :param token: the bearer token; ``None`` for calls that are not signed.
        :param endpoint_url: ``None`` for botocore's own resolution.
        :raises ConfigError: when profile, configuration file or endpoint are not usable.
        """
        from botocore import UNSIGNED
        from botocore.config import Config

        config = Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            signature_version=UNSIGNED if token is None else None,
        )
        with self._creating:
            client = self._create(service, region, token, endpoint_url, config)
        try:
            check_endpoint(client.meta.endpoint_url)
        except ConfigError:
            client.close()
            raise
        # The event is botocore's own for this: what a handler returns is the answer.
        carrier = _Carrier(self._connect, connect_timeout, read_timeout)
        client.meta.events.register("before-send", carrier.send)
        return client

    def _create(
        self, service: str, region: str, token: str | None, endpoint_url: str | None, config: Config
    ) -> Any:
        import botocore.session
        from botocore.exceptions import BotoCoreError

        try:
            if self._session is None:
                # No variables: which profile it is was decided, and that it is there.
                self._session = botocore.session.Session(
                    session_vars={"profile": (None, None, None, None)}, profile=self.profile
                )
                # "auto", if the user's configuration has it, asks EC2's metadata address.
                self._session.set_config_variable("defaults_mode", "legacy")
            self._session.register_component("token_provider", _FixedToken(token))
            return self._session.create_client(
                service,
                region_name=region,
                endpoint_url=endpoint_url,
                # Never None: botocore would then look for a bundle by rules of its own.
                verify=True,
                config=config,
                aws_access_key_id=_NO_KEY,
                aws_secret_access_key=_NO_KEY,
            )
        except (BotoCoreError, ValueError) as error:  # ValueError: a malformed endpoint
            raise ConfigError(
                f"The AWS configuration is not usable: {error}",
                "Check ~/.aws/config and the variables that begin with AWS_",
            ) from None


class _Carrier:
    """Sends the requests of one client, in place of botocore."""

    def __init__(self, connect: Connect, connect_timeout: float, read_timeout: float) -> None:
        self._connect = connect
        self._timeouts = connect_timeout, read_timeout

    def send(self, request: AWSPreparedRequest, event_name: str, **kwargs: object) -> AWSResponse:
        """Return the answer, with the members in it that :mod:`.answers` lets through.

        botocore's parser then meets no value of another kind than its model has. It would give
        the whole answer up for one, and with it a new refresh token.

        :param event_name: ends with the name of the operation.
        :raises CallFailed: which botocore passes on.
        """
        from botocore import xform_name
        from botocore.awsrequest import AWSResponse
        from botocore.compat import HTTPHeaders

        from .answers import read
        from .light import send, understood

        parts = urlsplit(request.url)
        address = (parts.hostname or "", parts.port or 443)
        answer = send(self._connect, address, _bytes_of(request), *self._timeouts)
        body = answer.body
        if answer.status < 300:
            host, operation = address[0], xform_name(event_name.rsplit(".", 1)[-1])
            body = json.dumps(read(operation, understood(answer, host), host)).encode()
        headers = HTTPHeaders.from_dict(answer.headers)
        return AWSResponse(request.url, answer.status, headers, _Body(body))


class _Body:
    """A body as botocore's ``AWSResponse`` wants it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


def _bytes_of(request: AWSPreparedRequest) -> bytes:
    parts = urlsplit(request.url)
    body = request.body or b""
    content = body.encode() if isinstance(body, str) else body
    assert isinstance(content, (bytes, bytearray)), "no operation of ours sends a file"
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    host = parts.netloc.rpartition("@")[2].removesuffix(":443")
    headers = {"Host": host, "Accept-Encoding": "identity", "Connection": "close"}
    for name, value in request.headers.items():
        headers[name] = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    lines = [f"{request.method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


class _FixedToken:
    """botocore's token provider that knows one token, or that there is none."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def load_token(self, **kwargs: object) -> FrozenAuthToken | None:
        from botocore.tokens import FrozenAuthToken

        return None if self._token is None else FrozenAuthToken(self._token)
