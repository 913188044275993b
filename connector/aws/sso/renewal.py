"""Renewal of an SSO login's token by a call of SSO-OIDC (model 2019-06-10).

botocore makes the call only where settings need it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...fast.records import NamedTuple
from ...fast.typed import TYPE_CHECKING, Any
from ..api import Operation
from ..endpoint import EndpointNames, light_endpoint
from ..light import LightApi
from ..regions import domain_of
from ..responses import Object, non_empty, number

if TYPE_CHECKING:
    from ..profile import Profile
    from ..sdk import ClientFactory

_YEAR = 366 * 86400.0  # seconds

#: The response of CreateToken. All is lenient: a new refresh token has to be kept even if the rest
#: is malformed, because the old one is no longer valid.
TOKEN = Object(
    lenient={"accessToken": non_empty, "refreshToken": non_empty, "expiresIn": number(0, _YEAR)}
)

_OPERATION = "create_token"
_OPERATIONS = {_OPERATION: Operation("POST", "/token", TOKEN, has_body=True)}


class Oidc(NamedTuple):
    """SSO-OIDC in a Region, as a profile reaches it.

    :param environ: the variables of AWS's tools.
    """

    region: str
    profile: Profile
    environ: Mapping[str, str]
    clients: ClientFactory

    def create_token(
        self, request: Mapping[str, str], connect_timeout: float, read_timeout: float
    ) -> dict[str, Any]:
        """Return the members of a new token; see :class:`connector.aws.renewal.Service`."""
        limits = {"connect_timeout": connect_timeout, "read_timeout": read_timeout}
        members: dict[str, Any] = dict(request)
        domain = domain_of(self.region)
        default = f"https://oidc.{self.region}.{domain}"
        names = EndpointNames(default, "AWS_ENDPOINT_URL_SSO_OIDC", "")
        url = light_endpoint(names, None, self.environ, self.profile) if domain else None
        if url is not None:
            api = LightApi(_OPERATIONS, url, self.clients.connect)
            return api.call(_OPERATION, "", **limits, **members)
        from .oidc import call_once

        return call_once(self.clients, "sso-oidc", self.region, _OPERATION, request, **limits)
