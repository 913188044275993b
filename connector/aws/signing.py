"""Sign the WebSocket upgrade of a stream with AWS credentials.

The published client does so since 1.2.764.0 (SigV4, service ``ssmmessages``, empty body), unless
the stream URL is presigned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlsplit

from ..errors import ConfigError, CredentialsError

if TYPE_CHECKING:
    import botocore.session

_SERVICE = "ssmmessages"


def canonical_query(query: str) -> str:
    """Return a query as SigV4 signs it: form-decoded, sorted and percent-encoded again.

    As in the published client, the gateway reads ``+`` as a blank, and the ``/`` and ``=`` of
    a value as ``%2F`` and ``%3D``. Escapes that are not UTF-8 keep their bytes.

    :param query: the raw query without the ``?``.
    """
    pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    encoded = sorted((_encode(name), _encode(value)) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encode(text: str) -> str:
    return quote(text, safe="-_.~", errors="surrogateescape")


class UpgradeSigner:
    """Signs upgrades with the credentials of an AWS profile. Not thread-safe.

    A call blocks and imports botocore. Credentials are kept, so that a link can reconnect
    before their source can be reached again.

    :param profile: the name of the profile.
    :param region_of: return the region in the name of a gateway, or None. The profile's
        region then applies.
    """

    def __init__(self, profile: str, region_of: Callable[[str], str | None]) -> None:
        self._profile = profile
        self._region_of = region_of
        self._session: botocore.session.Session | None = None

    def __call__(self, url: str) -> Mapping[str, str]:
        """Return the headers to add to the upgrade, which are valid for some minutes.

        :param url: the checked stream URL. A presigned one needs no headers.
        :raises ConfigError: when the profile does not exist, or the region is unknown.
        :raises CredentialsError: when the profile has no credentials, or getting them fails.
        """
        parts = urlsplit(url)
        names = parse_qsl(parts.query, keep_blank_values=True)
        if any(name.lower().startswith("x-amz-") for name, _ in names):
            return {}
        import botocore.session
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound

        region = self._region_of(parts.hostname or "")
        try:
            if self._session is None:
                self._session = botocore.session.Session(profile=self._profile)
            # The session caches credentials and renews expired ones.
            credentials = self._session.get_credentials()
            frozen = credentials and credentials.get_frozen_credentials()
            region = region or self._session.get_config_variable("region")
        except ProfileNotFound:
            raise ConfigError(
                f"There is no AWS profile {self._profile}", "Check --profile and ~/.aws/config"
            ) from None
        except ClientError as error:
            raise self._failed(error.response.get("Error", {}).get("Code", "")) from error
        except (BotoCoreError, ValueError, OSError, RuntimeError) as error:
            raise self._failed(type(error).__name__) from error
        if not frozen:
            raise CredentialsError(
                f"The profile {self._profile} has no AWS credentials",
                "Choose a profile that has some, or leave out --profile and do not sign",
            )
        if not region:
            raise ConfigError(
                f"The profile {self._profile} has no region to sign for", "Add `region` to it"
            )
        # botocore writes Host as WebSocket clients do: in lower case, without a default port.
        # It signs the query as given, so it gets the canonical one. The dialled URL is not
        # changed.
        scheme = "https" if parts.scheme == "wss" else "http"
        signed = parts._replace(scheme=scheme, query=canonical_query(parts.query))
        request = AWSRequest("GET", signed.geturl())
        SigV4Auth(frozen, _SERVICE, region).add_auth(request)
        return dict(request.headers.items())

    def _failed(self, why: str) -> CredentialsError:
        return CredentialsError(
            f"Cannot get the AWS credentials of the profile {self._profile} ({why[:100]})",
            f"Try `aws sts get-caller-identity --profile {self._profile}`",
        )
