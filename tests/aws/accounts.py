"""An account of the emulator, whose roles tests assume."""

from __future__ import annotations

from connector.emulator.api.account import Account
from connector.emulator.api.rest import BearerTokens, RestServer
from connector.emulator.api.sso.oidc import OidcService
from connector.emulator.api.sso.portal import Portal
from connector.emulator.api.sts.service import SecurityTokenService
from connector.emulator.listener import Certificates
from connector.emulator.sessions import Sessions
from connector.transport.trust import Trust

TOKEN = "a-token"  # of log_in()
CODE = "123456"


class Aws:
    """STS and the portal of SSO, with one user and two roles."""

    def __init__(self, certificates: Certificates) -> None:
        self.account = Account(Sessions(), lambda session: "")
        self.key = self.account.add_user("mary")
        self.role = self.account.add_role("Reader")
        self.guarded = self.account.add_role("Guarded", external_id="an-id")
        self.device = self.account.add_role("Device", mfa_code=CODE)
        tokens = BearerTokens(self.account.now)
        tokens.accept(TOKEN, "mary")
        self.oidc = OidcService(tokens, self.account.now, self.account.sessions.random_bytes)
        endpoints = [
            *SecurityTokenService(self.account).endpoints(),
            *self.oidc.endpoints(),
            *Portal(tokens, self.account).endpoints(),
        ]
        self.server = RestServer(endpoints, certificates.server_context)
        self.ca_file = certificates.ca_file
        self.connect = Trust(str(certificates.ca_file)).connect

    @property
    def asked(self) -> list[str]:
        return [record.operation for record in self.server.requests]

    def renewable(self) -> dict[str, str]:
        """Return the members of a login that can be renewed once."""
        client = self.oidc.register_client()
        return {
            "clientId": client.id,
            "clientSecret": client.secret,
            "registrationExpiresAt": "2099-01-01T00:00:00Z",
            "refreshToken": self.oidc.issue_refresh_token(client, "mary"),
        }
