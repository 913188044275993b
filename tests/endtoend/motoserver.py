"""moto's server with TLS: the APIs of AWS, by programmers who know nothing of this project."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connector.emulator.api.account import HOME_REGION
from connector.emulator.listener import make_certificates


class Moto:
    """moto's server with TLS, and a client of AWS's SDK that plays the owner of the account."""

    def __init__(self, directory: Path) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        certificates = make_certificates(directory)
        self.ca_file = certificates.ca_file
        self._server = make_server(
            "127.0.0.1",
            0,
            DomainDispatcherApplication(create_backend_app),
            threaded=True,
            ssl_context=certificates.server_context,
        )
        # The end of the server waits for its next poll.
        poll = {"poll_interval": 0.02}
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs=poll)
        self._thread.start()
        self.url = f"https://127.0.0.1:{self._server.server_port}"

    def client(self, service: str) -> Any:
        import boto3  # type: ignore[import-untyped]

        return boto3.client(
            service,
            region_name=HOME_REGION,
            endpoint_url=self.url,
            verify=str(self.ca_file),
            aws_access_key_id="owner",
            aws_secret_access_key="owner",
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving(directory: Path) -> Iterator[Moto]:
    """Run moto's server, without this machine's profiles."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # hundreds in each Region
        moto = Moto(directory)
        yield moto
        moto.close()
