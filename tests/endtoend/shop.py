"""The service of toys and dolls, two kinds of target that live in the tests, and its user."""

from __future__ import annotations

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ..account import own_account
from .cloud import Cloud
from .commands import Answer, Commands
from .ownprogram import own_program, with_kinds

#: What adds toys and dolls to the registry.
KINDS = with_kinds("tests.targets.toy", "tests.targets.doll")


class Shop:
    """The service of toys: its sessions are those of the emulator's gateway."""

    def __init__(self, cloud: Cloud) -> None:
        self.toys = {"bear": "ON", "train": "ON"}
        self.forms: list[str] = []
        self.options: list[dict[str, str]] = []
        self._cloud = cloud
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                members = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                body = json.dumps(shop.answer(self.path, **members)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # The end of the server waits for its next poll.
        poll = {"poll_interval": 0.02}
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs=poll)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(
        self,
        path: str,
        name: str = "",
        status: str = "",
        form: str = "",
        words: tuple[str, ...] = (),
        id: str = "",
        options: dict[str, str] | None = None,
    ) -> Any:
        if path == "/list":
            return list(self.toys)
        if path == "/state":
            return self.toys[name]
        if path == "/switch":
            self.toys[name] = status
        if path == "/session":
            self.forms.append(form)
            self.options.append(options or {})
            return self._cloud.start_session(*words, shell=form == "shell")
        living = [each for each in self._cloud.sessions if each.end_reason is None]
        if path == "/sessions":
            return [each.id for each in living]
        ending = [each for each in living if each.id == id] if path == "/end" else []
        for each in ending:
            self._cloud.stop_session(each)
        return bool(ending)


class User:
    """Runs the connector that knows toys and dolls."""

    def __init__(self, commands: Commands, shop: Shop, directory: Path) -> None:
        self.commands = commands
        self.path = str(own_program(directory / "bin", *KINDS) / "connector")
        self.program = (sys.executable, self.path)
        commands.environ |= {"TOY_URL": shop.url, **own_account(Path(commands.environ["HOME"]))}
        commands.environ["PATH"] = f"{directory / 'bin'}{os.pathsep}{commands.environ['PATH']}"

    def run(self, *words: str, input: bytes = b"") -> Answer:
        return self.commands.run(*self.program, *words, input=input)

    def says(self, *words: str, input: bytes = b"") -> str:
        answer = self.run(*words, input=input)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.decode()
