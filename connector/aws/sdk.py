"""A client for any AWS API through botocore, which knows every setting.

botocore makes the requests and parses the responses; the connector sends and receives them
(:mod:`.light`). botocore itself has no deadline for a whole call and no limit of bytes, and its
rules for proxies differ from the stream's. The first client imports it, which takes a quarter of
a second.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing

from ..errors import ConfigError, ServiceError
from ..fast.logs import set_up_now
from ..fast.typed import TYPE_CHECKING, Any
from .api import CallFailed, Operation, Refused
from .endpoint import check_endpoint

if TYPE_CHECKING:
    import botocore.session
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse
    from botocore.config import Config
    from botocore.tokens import FrozenAuthToken

    from .keys.source import AwsKeys
    from .light import Connect
    from .responses import Shape

# Without any keys, botocore would look for them in all places: the profile's credential_process,
# and for up to two seconds EC2's metadata address.
_NO_KEY = "unused"

#: botocore's parsers raise these when a member has another type than the model says: a list
#: instead of an object, a time out of range, deeply nested JSON.
UNREADABLE = (
    *(AttributeError, TypeError, ValueError, LookupError),
    *(ArithmeticError, RecursionError, OSError),
)


class ClientFactory:
    """Creates botocore clients that share one botocore session and the files that it has read.

    :param profile: the name of the AWS profile; None for botocore's default.
    :param connect: opens the connections, with the user's CA certificates and proxy.
    :ivar profile, connect: as given.
    """

    def __init__(self, profile: str | None, connect: Connect) -> None:
        self.profile = profile
        self.connect = connect
        self._session: botocore.session.Session | None = None
        self._creating = threading.Lock()  # botocore sessions are not thread-safe

    def create(
        self,
        service: str,
        responses: Mapping[str, Shape] | None,
        *,
        region: str,
        connect_timeout: float,
        read_timeout: float,
        token: str | None = None,
        keys: AwsKeys | None = None,
        endpoint_url: str | None = None,
    ) -> Any:
        """Return a client that makes each call once. The caller closes it.

        :param responses: the shape of each operation's JSON response, by botocore's method
            names. None: botocore gets the responses as they are, and the caller checks them.
        :param connect_timeout: seconds until TLS is established.
        :param read_timeout: seconds for the request and the whole response.
        :param token: the bearer token.
        :param keys: the AWS keys. Without token and keys, calls have no signature.
        :param endpoint_url: None for botocore's own choice.
        :raises ConfigError: when profile, configuration file or endpoint are not usable.
        """
        set_up_now()
        from botocore import UNSIGNED
        from botocore.config import Config

        config = Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            signature_version=UNSIGNED if token is None and keys is None else None,
        )
        with self._creating:
            client = self._create(service, region, token, keys, endpoint_url, config)
        try:
            check_endpoint(client.meta.endpoint_url)
        except ConfigError:
            client.close()
            raise
        # botocore takes what a handler of this event returns as the response.
        carrier = Carrier(self.connect, responses, connect_timeout, read_timeout)
        client.meta.events.register("before-send", carrier.send)
        return client

    def _create(
        self,
        service: str,
        region: str,
        token: str | None,
        keys: AwsKeys | None,
        endpoint_url: str | None,
        config: Config,
    ) -> Any:
        import botocore.session
        from botocore.exceptions import BotoCoreError

        try:
            if self._session is None:
                # No variables: the profile was chosen by us, and is known to exist.
                self._session = botocore.session.Session(
                    session_vars={"profile": (None, None, None, None)}, profile=self.profile
                )
                # The mode "auto" of a user's configuration would ask EC2's metadata address.
                self._session.set_config_variable("defaults_mode", "legacy")
                if keys:  # times stay as they are sent: shapes check text and numbers
                    parsers = self._session.get_component("response_parser_factory")
                    parsers.set_parser_defaults(timestamp_parser=lambda sent: sent)
            self._session.register_component("token_provider", _FixedToken(token))
            return self._session.create_client(
                service,
                region_name=region,
                endpoint_url=endpoint_url,
                # With None, botocore would look for a CA bundle by its own rules.
                verify=True,
                config=config,
                aws_access_key_id=keys.access_key_id if keys else _NO_KEY,
                aws_secret_access_key=keys.secret_key if keys else _NO_KEY,
                aws_session_token=keys.session_token if keys else None,
            )
        except (BotoCoreError, ValueError) as error:  # ValueError: a malformed endpoint
            raise ConfigError(
                f"The AWS configuration is not usable: {error}",
                "Check ~/.aws/config and the variables that begin with AWS_",
            ) from None


class SdkApi:
    """An ``Api`` that creates a botocore client for each call.

    :param service: botocore's name of the service.
    :param operations: the service's operations, by the names of botocore's methods.
    :param region: the region to sign and to look up the endpoint for.
    :param endpoint_url: None for botocore's own choice (see ``endpoint.given_endpoint``).
    """

    def __init__(
        self,
        clients: ClientFactory,
        service: str,
        operations: Mapping[str, Operation],
        *,
        region: str,
        endpoint_url: str | None,
    ) -> None:
        self._clients = clients
        self._service = service
        self._responses = {name: operation.response for name, operation in operations.items()}
        self._region = region
        self._endpoint_url = endpoint_url

    def call(
        self,
        operation: str,
        token: str,
        *,
        connect_timeout: float,
        read_timeout: float,
        **members: Any,
    ) -> dict[str, Any]:
        client = self._clients.create(
            self._service,
            self._responses,
            region=self._region,
            token=token,
            endpoint_url=self._endpoint_url,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
        )
        with closing(client):
            return call(client, operation, **members)


def call(client: Any, operation: str, **members: Any) -> dict[str, Any]:
    """Call an operation of a botocore client.

    botocore's many exceptions become two, and neither refers to botocore.

    :param operation: the name of the client's method.
    :raises Refused: when the service answered with an error.
    :raises CallFailed: when there was no response, or a malformed one.
    """
    from urllib.parse import urlsplit

    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    host = urlsplit(client.meta.endpoint_url).hostname or ""
    try:
        response: dict[str, Any] = getattr(client, operation)(**members)
    except ClientError as error:
        details = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        raise Refused(
            status, str(details.get("Code", "")), str(details.get("Message", ""))
        ) from None
    except BotoCoreError as error:
        raise CallFailed(ConfigError(f"Cannot call {host}: {error}")) from error
    except (ResponseParserError, *UNREADABLE) as error:
        raise CallFailed(ServiceError(f"The response from {host} is malformed")) from error
    return response


class Carrier:
    """Sends the requests of one client instead of botocore.

    :param responses: see :meth:`ClientFactory.create`.
    """

    def __init__(
        self,
        connect: Connect,
        responses: Mapping[str, Shape] | None,
        connect_timeout: float,
        read_timeout: float,
    ) -> None:
        self._connect = connect
        self._responses = responses
        self._timeouts = connect_timeout, read_timeout

    def send(self, request: AWSPreparedRequest, event_name: str, **kwargs: object) -> AWSResponse:
        """Return the response, with only those members that the operation's shape accepts.

        botocore's parser rejects a whole response for one member of the wrong type. That would
        lose a new refresh token, for example.

        :param event_name: ends with the name of the operation.
        :raises CallFailed: botocore passes it on.
        """
        from urllib.parse import urlsplit

        from botocore import xform_name
        from botocore.awsrequest import AWSResponse
        from botocore.compat import HTTPHeaders

        from .http import MAX_BODY, MAX_SIGNED_BODY
        from .light import parse, send
        from .responses import check

        parts = urlsplit(request.url)
        address = (parts.hostname or "", parts.port or 443)
        limit = MAX_BODY if self._responses else MAX_SIGNED_BODY
        response = send(self._connect, address, _bytes_of(request), *self._timeouts, limit)
        body = response.body
        if self._responses and response.status < 300:
            host, operation = address[0], xform_name(event_name.rsplit(".", 1)[-1])
            members = check(parse(response, host), self._responses[operation], host)
            body = json.dumps(members).encode()
        headers = HTTPHeaders.from_dict(response.headers)
        return AWSResponse(request.url, response.status, headers, _Body(body))


class _Body:
    """A body with the method that botocore's ``AWSResponse`` reads it by."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


def _bytes_of(request: AWSPreparedRequest) -> bytes:
    from urllib.parse import urlsplit

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
    """A token provider for botocore with one token or none."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def load_token(self, **kwargs: object) -> FrozenAuthToken | None:
        from botocore.tokens import FrozenAuthToken

        return None if self._token is None else FrozenAuthToken(self._token)
