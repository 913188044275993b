"""botocore clients for services that a bearer token, or nobody, signs.

botocore is imported when the first client is made: its import costs a quarter of a second.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from .settings import check_endpoint

if TYPE_CHECKING:
    import botocore.session
    from botocore.config import Config
    from botocore.tokens import FrozenAuthToken

# Neither service needs AWS keys. Without any, botocore would look for them everywhere,
# up to two seconds at the metadata address of EC2 and in the profile's credential_process.
_NO_KEY = "unused"


class ClientFactory:
    """Makes clients that share one botocore session, and so what it has read from disk.

    :param profile: name of the AWS profile, ``None`` for what botocore takes by itself.
    :param ca_bundle: file of the CA certificates to trust, ``None`` for botocore's own.
    """

    def __init__(self, profile: str | None, ca_bundle: str | None) -> None:
        self.profile = profile
        self._ca_bundle = ca_bundle
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

        :param connect_timeout: seconds for TCP and for TLS; ``read_timeout`` those for the answer.
        :param token: the bearer token; ``None`` for calls that are not signed.
        :param endpoint_url: ``None`` for botocore's own resolution.
        :raises ConfigError: when profile, configuration file or endpoint are not usable.
        """
        from botocore import UNSIGNED
        from botocore.config import Config

        config = Config(
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
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
                verify=self._ca_bundle or True,
                config=config,
                aws_access_key_id=_NO_KEY,
                aws_secret_access_key=_NO_KEY,
            )
        except (BotoCoreError, ValueError) as error:  # ValueError: a malformed endpoint
            raise ConfigError(f"The AWS configuration is not usable: {error}") from None


class _FixedToken:
    """botocore's token provider that knows one token, or that there is none."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def load_token(self, **kwargs: object) -> FrozenAuthToken | None:
        from botocore.tokens import FrozenAuthToken

        return None if self._token is None else FrozenAuthToken(self._token)
