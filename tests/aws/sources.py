"""The places that AWS keys come from, each as a real HTTP server on this machine.

STS, the SSO portal, EC2's metadata service and a container's endpoint share one server: their
paths differ.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

ROLE = "arn:aws:iam::123456789012:role/Reader"
XMLNS = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"'


def iso(epoch: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))


@dataclass
class Sources:
    """What the server answers with, and what it was asked.

    ``refusal``: status and code of STS's answer. ``said``: its message. ``asked``: method and path,
    or STS's action. ``headers``: those of each request. ``answers``: the status and body of paths
    that are to be answered in another way. ``keys_differ``: whether each answer has new keys.
    ``lifetime``: seconds until the keys expire. ``silent``: whether nothing is answered.
    """

    url: str = ""
    lifetime: float = 3600.0
    refusal: tuple[int, str] | None = None
    said: str = "hidden words"
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    keys_differ: bool = True
    silent: bool = False
    released: threading.Event = field(default_factory=threading.Event)
    _number: int = 0

    @property
    def authority(self) -> str:
        return self.url.removeprefix("http://")

    @property
    def port(self) -> int:
        return int(self.authority.rpartition(":")[2])

    def keys(self) -> tuple[str, str, str, float]:
        """Return keys."""
        self._number += self.keys_differ
        number = self._number
        return f"ASIA{number}", f"hidden-{number}", f"token-{number}", time.time() + self.lifetime

    def answer(self, method: str, path: str, body: str) -> tuple[int, str]:
        if path in self.answers:
            return self.answers[path]
        if path.startswith("/federation/credentials"):
            self.asked.append("GetRoleCredentials")
            if self.refusal:
                return self.refusal[0], json.dumps({"__type": self.refusal[1], "message": "no"})
            key, secret, token, end = self.keys()
            found = {"accessKeyId": key, "secretAccessKey": secret, "sessionToken": token}
            return 200, json.dumps({"roleCredentials": {**found, "expiration": int(end * 1000)}})
        if path == "/latest/api/token":
            return 200, "a-token"
        roles = "/latest/meta-data/iam/security-credentials/"
        if path == roles:
            return 200, "instance-role"
        is_container = path.partition("?")[0] == "/container"
        if is_container or path == f"{roles}instance-role":
            self.asked.append("container" if is_container else "metadata")
            key, secret, token, end = self.keys()
            found = {"AccessKeyId": key, "SecretAccessKey": secret, "Token": token}
            return 200, json.dumps({**found, "Expiration": iso(end), "Code": "Success"})
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self.forms.append(form)
        return self._sts(form.get("Action", f"{method} {path}"))

    def _sts(self, action: str) -> tuple[int, str]:
        self.asked.append(action)
        if self.refusal:
            error = f"<Code>{self.refusal[1]}</Code><Message>{self.said}</Message>"
            return self.refusal[0], f"<ErrorResponse><Error>{error}</Error></ErrorResponse>"
        if action == "GetCallerIdentity":
            result = "<Arn>arn:aws:iam::123456789012:user/mary</Arn><Account>123456789012</Account>"
        else:
            key, secret, token, end = self.keys()
            result = (
                f"<Credentials><AccessKeyId>{key}</AccessKeyId>"
                f"<SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>"
                f"<Expiration>{iso(end)}</Expiration></Credentials>"
                f"<AssumedRoleUser><Arn>{ROLE.replace(':iam:', ':sts:')}/s</Arn>"
                "<AssumedRoleId>A:s</AssumedRoleId></AssumedRoleUser>"
            )
        response = f"<{action}Result>{result}</{action}Result>"
        return 200, f"<{action}Response {XMLNS}>{response}</{action}Response>"


@contextmanager
def serving() -> Iterator[Sources]:
    """Serve the sources on a port of this machine."""
    sources = Sources()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            sources.headers.append(dict(self.headers))
            if sources.silent:
                sources.released.wait(60)
                return
            status, text = sources.answer(self.command, self.path, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = _answer

        def log_message(self, *words: Any) -> None:
            """Write nothing to stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    sources.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield sources
    finally:
        sources.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
