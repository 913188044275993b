"""AWS keys: what each source of them adds to the start of a session. And a long list."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

from .client import Client
from .farend import REGIONS
from .report import Of, Row, at_most
from .stand import FarEnd, Stand, Start, python
from .startup import greetings, logged_in

#: Instances in all Regions together.
FLEET = 500

_SSO = """\
[profile sso]
region = us-west-2
sso_session = codecatalyst
sso_account_id = {account}
sso_role_name = {role}
"""

_CHAINED = """\
[profile chained]
region = us-west-2
role_arn = {arn}
source_profile = first
[profile first]
role_arn = {arn}
role_session_name = first
source_profile = program
[profile in-container]
region = us-west-2
role_arn = {arn}
credential_source = EcsContainer
"""

_PROGRAM = """\
[profile program]
region = us-west-2
credential_process = cat {file}
"""


def measure(stand: Stand) -> list[Row]:
    with stand.far_end(fleet=FLEET // len(REGIONS) + 1) as far:
        with _container(far) as port:
            wall, _ = greetings(_starts(far, port))
        seconds = median(_list_seconds(far) for _ in range(stand.runs + 1))
    figure, anchor = "start to an instance's greeting", (wall["token"], "Dev Environment")
    return [
        Row(
            *(f"{figure}, keys in variables", wall["variables"], "ms", *anchor),
            limits=(at_most(1.15, Of.RATIO),),
        ),
        Row(
            *(f"{figure}, a cached SSO role", wall["role"], "ms", *anchor),
            limits=(at_most(1.3, Of.RATIO),),
        ),
        Row(
            *(f"{figure}, a program of the profile", wall["program"], "ms", *anchor),
            limits=(at_most(1.5, Of.RATIO),),
        ),
        Row(
            *(f"{figure}, a container's keys", wall["container"], "ms", *anchor),
            limits=(at_most(1.5, Of.RATIO),),
        ),
        Row(
            *(f"{figure}, an SSO role for the first time", wall["new role"], "ms", *anchor),
            limits=(at_most(1.8, Of.RATIO),),
            note="one call of the SSO portal more",
        ),
        Row(
            *(f"{figure}, a role by a container's keys", wall["container's role"], "ms", *anchor),
            limits=(at_most(1.8, Of.RATIO),),
            note="one call of STS more than the container's keys",
        ),
        Row(
            *(f"{figure}, a role by a role by a program", wall["chained role"], "ms", *anchor),
            limits=(at_most(2.2, Of.RATIO),),
            note="two calls of STS more than the program's keys",
        ),
        Row(
            *(f"{figure}, keys that only botocore finds", wall["chain"], "ms", *anchor),
            limits=(at_most(2.6, Of.RATIO),),
            note="the container's again, behind AWS_CREDENTIAL_FILE, which botocore's chain reads",
        ),
        Row(
            *(f"list of {FLEET} instances in {len(REGIONS)} Regions, CPU", seconds, "s"),
            limits=(at_most(1.0),),
        ),
    ]


def _starts(far: FarEnd, port: int) -> dict[str, Start]:
    """Return a function for each source of keys that starts a ProxyCommand.

    :param port: of the container's endpoint.
    """
    home = Path(logged_in(far)["HOME"])
    config, keys = home / ".aws" / "config", home / "keys.json"
    names = {"AccessKeyId": "AWS_ACCESS_KEY_ID", "SecretAccessKey": "AWS_SECRET_ACCESS_KEY"}
    found = {name: far.environ[variable] for name, variable in names.items()}
    keys.write_text(json.dumps({"Version": 1, **found}))
    with config.open("a") as file:
        fleet = far.access["fleet"]
        file.write(_SSO.format(**fleet) + _PROGRAM.format(file=keys) + _CHAINED.format(**fleet))
    instance = far.access["fleet"]["host"]
    new = home.with_name("logged-in-new")
    (new / ".aws").mkdir(parents=True)
    for name in ("config", "sso"):
        (new / ".aws" / name).symlink_to(home / ".aws" / name)

    def with_profile(name: str, home: Path, **more: str) -> Start:
        variables = {"HOME": str(home), "AWS_PROFILE": name, "AWS_ACCESS_KEY_ID": "", **more}
        return far.connector(variables, host=instance)

    cache = new / ".aws" / "cli" / "cache"
    endpoint = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{port}/"}
    of_container = {"HOME": str(new), "AWS_ACCESS_KEY_ID": "", **endpoint}
    return {
        "token": far.connector(),
        "variables": far.connector(host=instance),
        "role": with_profile("sso", home),  # the round that warms up fills the cache
        "program": with_profile("program", home),
        "container": far.connector(of_container, host=instance),
        "chain": far.connector({**of_container, "AWS_CREDENTIAL_FILE": os.devnull}, host=instance),
        "new role": _forgetting(cache, with_profile("sso", new)),
        "chained role": _forgetting(cache, with_profile("chained", new)),
        "container's role": _forgetting(cache, with_profile("in-container", new, **endpoint)),
    }


@contextmanager
def _container(far: FarEnd) -> Iterator[int]:
    """Serve the account's keys as ECS does for a container; yield the port."""
    keys = {
        "AccessKeyId": far.environ["AWS_ACCESS_KEY_ID"],
        "SecretAccessKey": far.environ["AWS_SECRET_ACCESS_KEY"],
        "Token": "",
        "Expiration": f"{datetime.now(timezone.utc) + timedelta(hours=6):%Y-%m-%dT%H:%M:%SZ}",
    }
    answer = json.dumps(keys).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *words: object) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _forgetting(cache: Path, start: Start) -> Start:
    """Return a start before which all keys of roles are removed."""

    def forget_and_start() -> Client:
        for file in cache.glob("*.json"):
            file.unlink()
        return start()

    return forget_and_start


def _list_seconds(far: FarEnd) -> float:
    """Return the CPU seconds of a list of all instances, kernel included."""
    command = [*python("connector"), "list", "--kind", "ec2", "--region", ",".join(REGIONS)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([*command, "--json"], env=far.environ, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    rows = len(json.loads(done.stdout))
    if rows < FLEET:
        raise RuntimeError(f"only {rows} instances were listed")
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
