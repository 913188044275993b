"""Tunnels in threads, over sessions whose tokens ssm:ResumeSession renews."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import boto3  # type: ignore[import-untyped]
from botocore.config import Config
from botocore.exceptions import ClientError

from connector.aws.keys.source import AwsKeys
from connector.aws.signing import canonical_query
from connector.aws.sigv4 import signed_headers
from connector.emulator.api.account import HOME_REGION
from connector.errors import ServiceThrottled, SessionEnded
from connector.sessions import SessionAccess, SessionSource, StartProgress
from connector.transport.address import StreamSettings
from connector.transport.loop import Loop
from connector.transport.session import Session
from connector.transport.stdio import open_input, open_output
from connector.transport.trust import Trust
from connector.transport.tunnel import Tunnel

from .cloud import Cloud
from .waiting import PATIENCE, Reader


def make_ssm_client(cloud: Cloud) -> Any:
    """Return botocore's client of the emulated Systems Manager; making it takes a second."""
    return boto3.session.Session().client(
        "ssm",
        region_name=HOME_REGION,
        endpoint_url=cloud.server.url,
        verify=str(cloud.ca_file),
        aws_access_key_id=cloud.account.user_key.id,
        aws_secret_access_key=cloud.account.user_key.secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


class ResumingSource:
    """A session of the instance, which another program starts, resumes and stops.

    :ivar resumed: how often the session was resumed.
    """

    def __init__(self, cloud: Cloud, ssm: Any) -> None:
        self.resumed = 0
        self._cloud = cloud
        self._ssm = ssm

    def start(self, progress: StartProgress) -> SessionAccess:
        document = "AWS-StartSSHSession"
        answer = self._ssm.start_session(Target=self._cloud.instance, DocumentName=document)
        return self._access(answer)

    def resume(self, access: SessionAccess) -> SessionAccess:
        try:
            answer = self._ssm.resume_session(SessionId=access.session_id)
        except ClientError as error:
            raise ServiceThrottled(str(error)) from None
        if not answer["TokenValue"]:
            raise SessionEnded("the session has timed out")
        self.resumed += 1
        return self._access(answer)

    def stop(self, access: SessionAccess, timeout: float) -> None:
        self._ssm.terminate_session(SessionId=access.session_id)

    def tidy(self) -> None:
        """Do nothing: this source has nothing to tidy."""

    def _access(self, answer: Mapping[str, str]) -> SessionAccess:
        return SessionAccess(
            answer["StreamUrl"], answer["TokenValue"], answer["SessionId"], self._sign
        )

    def _sign(self, url: str, refused: bool) -> Mapping[str, str]:
        key, parts = self._cloud.account.user_key, urlsplit(url)
        return signed_headers(
            AwsKeys(key.id, key.secret, None, None),
            method="GET",
            host=parts.netloc,
            path=parts.path,
            query=canonical_query(parts.query),
            headers={},
            body=b"",
            service="ssmmessages",
            region=HOME_REGION,
            now=time.time(),
        )


class TunnelThread:
    """A tunnel in its own thread, whose two pipes the test holds: ``with``.

    :ivar notices: the lines for the user.
    """

    def __init__(self, source: SessionSource, ca_file: Path, ping_interval: float = 20.0) -> None:
        self.notices: list[str] = []
        self._source = source
        self._settings = StreamSettings(Trust(str(ca_file)), ping_interval=ping_interval)
        self._exit_code: Future[int] = Future()
        self._loop = Loop()
        self._stdin, feed = os.pipe()
        result, self._stdout = os.pipe()
        self._feed = os.fdopen(feed, "wb", buffering=0)
        self._result = os.fdopen(result, "rb")
        self.reader = Reader(result)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> TunnelThread:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end_input()
        self._result.close()
        self._thread.join(PATIENCE)

    def send(self, data: bytes) -> None:
        """Send all of the data, waiting for the far end without a deadline."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._feed.write(rest) or 0 :]

    def send_in_background(self, data: bytes) -> None:
        """Send the data in a thread that ends with the tunnel."""

        def send() -> None:
            with contextlib.suppress(OSError):
                self.send(data)

        threading.Thread(target=send, daemon=True).start()

    def hang_up(self) -> None:
        """End the session as ssh does. The end of the input alone ends it after 2 s of silence."""
        self._loop.call_soon(self._tunnel.end, 0)

    def end_input(self) -> None:
        with contextlib.suppress(OSError):
            self._feed.close()

    def wait(self, timeout: float = PATIENCE) -> int:
        """Return the exit code.

        :raises ConnectorError: the error that ended the tunnel, if any.
        """
        return self._exit_code.result(timeout)

    def _run(self) -> None:
        loop = self._loop
        try:
            self._tunnel = tunnel = Tunnel(
                loop,
                Session(loop, self._source),
                open_input(loop, self._stdin),
                open_output(loop, self._stdout),
                self._settings,
                self.notices.append,
                lambda waiting: None,
            )
            exit_code = tunnel.run()
            if tunnel.error:
                raise tunnel.error
            self._exit_code.set_result(exit_code)
        except BaseException as error:  # noqa: BLE001 - wait() raises it
            self._exit_code.set_exception(error)
        finally:
            loop.close()
