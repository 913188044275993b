"""The upgrade to a stream, signed with AWS credentials.

Since 1.2.764.0 the published client signs it (SigV4, service ``ssmmessages``, an empty
body), unless the service that vended the URL has presigned it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlsplit

from ..errors import ConfigError, CredentialsError

if TYPE_CHECKING:
    import botocore.session

_SERVICE = "ssmmessages"

#: The region of a session stands in its gateway's name.
_REGION = re.compile(r"(?:^|\.)ssmmessages(?:-fips)?\.([a-z0-9-]+)\.")


def canonical_query(query: str) -> str:
    """Return the query as SigV4 signs it: form-decoded, sorted and percent-encoded again.

    The gateway reads ``+`` as a blank, and the ``/`` and ``=`` of a value as ``%2F`` and
    ``%3D``, as the published client does. Escapes that are no UTF-8 keep their bytes.

    :param query: raw, without the ``?``.
    """
    pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    encoded = sorted((_encode(name), _encode(value)) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encode(text: str) -> str:
    return quote(text, safe="-_.~", errors="surrogateescape")


class UpgradeSigner:
    """Signs with the credentials of an AWS profile. Calls block; botocore is imported then.

    Its credentials are kept, so that a link can be made anew while the network that gave
    them is still coming back. Not for two threads at once.

    :param profile: its name in the AWS configuration.
    """

    def __init__(self, profile: str) -> None:
        self._profile = profile
        self._session: botocore.session.Session | None = None

    def __call__(self, url: str) -> Mapping[str, str]:
        """The headers to add to the upgrade; they are good for some minutes.

        :param url: of the stream, checked. Nothing is added to a presigned one.
        :raises ConfigError: there is no such profile, or no region to be known.
        :raises CredentialsError: the profile has no credentials, or they cannot be had now.
        """
        parts = urlsplit(url)
        names = parse_qsl(parts.query, keep_blank_values=True)
        if any(name.lower().startswith("x-amz-") for name, _ in names):
            return {}
        import botocore.session
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound

        found = _REGION.search(parts.hostname or "")
        try:
            if self._session is None:
                self._session = botocore.session.Session(profile=self._profile)
            # The session keeps what it has found, and renews what expires.
            credentials = self._session.get_credentials()
            frozen = credentials and credentials.get_frozen_credentials()
            region = found[1] if found else self._session.get_config_variable("region")
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
                "Name one that has, or leave --profile out, and the upgrade is not signed",
            )
        if not region:
            raise ConfigError(
                f"The profile {self._profile} names no region to sign for", "Add `region` to it"
            )
        # botocore writes the Host as WebSockets have it: in lower case, no default port.
        # It signs the text of the query, so it gets the canonical one; the dialled URL stays.
        scheme = "https" if parts.scheme == "wss" else "http"
        signed = parts._replace(scheme=scheme, query=canonical_query(parts.query))
        request = AWSRequest("GET", signed.geturl())
        SigV4Auth(frozen, _SERVICE, region).add_auth(request)
        return dict(request.headers.items())

    def _failed(self, why: str) -> CredentialsError:
        return CredentialsError(
            f"The AWS credentials of the profile {self._profile} cannot be had ({why[:100]})",
            f"Try `aws sts get-caller-identity --profile {self._profile}`",
        )
