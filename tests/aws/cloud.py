"""The emulator's API, wrapped for tests."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from connector.emulator.api.codecatalyst.model import CodeCatalystModel, DevEnvironment
from connector.emulator.api.rest import BearerTokens, Intercept, RestServer
from connector.emulator.api.sso.oidc import OidcService

Result = TypeVar("Result")

PASSWORD = "password-of-mary"
TOKEN = "bearer-token-of-mary"
CONFIG = """\
[profile codecatalyst]
region = us-west-2
sso_session = codecatalyst

[sso-session codecatalyst]
sso_region = us-east-1
sso_start_url = https://view.awsapps.com/start
sso_registration_scopes = codecatalyst:read_write
"""
CACHE_NAME = hashlib.sha1(b"codecatalyst").hexdigest() + ".json"


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


@dataclass
class Cloud:
    """CodeCatalyst and SSO at one URL, with one user and one running Dev Environment."""

    url: str
    ca_file: Path
    model: CodeCatalystModel
    tokens: BearerTokens
    oidc: OidcService
    server: RestServer
    environment: DevEnvironment
    way: str = "light"  # the client to call it with; or "botocore"

    def operations(self) -> list[str]:
        """Return the operations that were called, in order."""
        return [record.operation for record in self.server.requests]

    def intercept(self, intercept: Intercept) -> None:
        self.server.intercept = intercept

    def login(self, **members: Any) -> dict[str, Any]:
        """Return the members of a token file that can be renewed here, some of them changed."""
        client = self.oidc.register_client()
        user = self.environment.creator_id
        document = {
            "startUrl": "https://view.awsapps.com/start",
            "region": "us-east-1",
            "accessToken": "cached-token",
            "expiresAt": "2000-01-01T00:00:00Z",
            "clientId": client.id,
            "clientSecret": client.secret,
            "registrationExpiresAt": "2099-01-01T00:00:00Z",
            "refreshToken": self.oidc.issue_refresh_token(client, user),
            "somebodyElses": {"member": [1, 2, 3]},
        }
        return {**document, **members}


def write_cache(path: Path, document: object) -> None:
    path.write_text(json.dumps(document))
