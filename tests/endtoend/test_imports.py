"""The modules that one ProxyCommand imports: their import time delays every ssh."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from .cloud import Cloud
from .commands import CONNECTOR, Commands
from .targets import GREETING, TcpService, greeting_echo

RUN = """\
import sys
bare = set(sys.modules)
from connector.__main__ import main
written = sys.argv.pop(1)
code = main()
with open(written, "w") as file:
    print(*sorted(set(sys.modules) - bare), file=file)
sys.exit(code)
"""

#: Packages and top-level modules that the connector uses, ...
USED = {
    *("binascii", "bisect", "collections", "connector", "contextlib"),
    *("errno", "gc", "hashlib", "heapq", "importlib", "itertools"),
    *("json", "re", "select", "selectors"),
    *("signal", "socket", "ssl", "struct", "threading"),
}

#: ... and that those use. They differ between versions of Python.
BEHIND = {
    *("array", "atexit", "base64", "copyreg", "encodings", "enum", "functools"),
    *("keyword", "math", "operator", "reprlib", "types", "warnings", "weakref"),
}

if sys.version_info < (3, 11):
    BEHIND |= {"fcntl", "sre_compile", "sre_constants", "sre_parse"}

#: Modules that no import may bring in again.
HEAVY = {
    *("dataclasses", "hmac", "http", "ipaddress", "logging", "random", "secrets", "string"),
    *("typing", "urllib.parse", "uuid", "websockets"),
    *("argparse", "asyncio", "bz2", "calendar", "concurrent", "configparser", "ctypes", "datetime"),
    *("email", "encodings.idna", "importlib.metadata", "importlib.util"),
    *("lzma", "multiprocessing", "shlex", "shutil", "subprocess", "tempfile", "unittest"),
    *("tomllib", "urllib.request", "xml", "zipfile"),
    *("aiohttp", "argcomplete", "boto3", "botocore", "paramiko", "tomli", "urllib3"),
    *("_uuid", "pathlib", "platform", "queue", "textwrap", "traceback"),
    *("difflib", "rich"),
    *(
        f"connector.targets.codecatalyst.{name}"
        for name in (
            *("account", "awaited", "doctor", "listing", "refusals", "remembered", "requests"),
            "rows",
        )
    ),
    *("connector.aws.sso.oidc", "connector.aws.sso.renewal", "connector.emulator"),
    "connector.settings.file",
    "connector.transport.handover",
    *("connector.targets.startup", "connector.targets.sweeping"),
}


@pytest.fixture(params=["an id", "a name that is known"])
def modules(
    request: pytest.FixtureRequest, commands: Commands, cloud: Cloud, tmp_path: Path
) -> set[str]:
    """Return all modules that one process has imported to carry a stream."""
    host = cloud.host
    if request.param != "an id":
        host = "my-env.codecatalyst"
        cloud.environment.alias = "My-Env"
        commands.run(*CONNECTOR, "start", host)
    written = tmp_path / "modules"
    environ = dict(commands.environ)
    del environ["PYTHONWARNINGS"], environ["CONNECTOR_LOG_FILE"]
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        words = ("-c", RUN, str(written), "proxy", host)
        process = commands.start(sys.executable, *words, environ=environ)
        assert process.reader.exactly(len(GREETING)) == GREETING
        process.signal(signal.SIGHUP)
        assert (process.wait(), process.stderr()) == (0, "")
    return set(written.read_text().split())


def test_one_connection_imports_only_what_it_uses(modules: set[str]) -> None:
    assert {"connector.aws.light", "connector.transport.frames", "ssl"} <= modules
    imported = {name.split(".")[0] for name in modules}
    public = {name for name in imported if not name.startswith("_")}
    assert public - USED - BEHIND == set()


def test_heavy_modules_are_not_imported_indirectly(modules: set[str]) -> None:
    found = {name for name in modules if any(f"{name}.".startswith(f"{heavy}.") for heavy in HEAVY)}
    assert found == set()


@pytest.mark.parametrize("words", [("list",), ("list", "--json"), ("start",), ("stop",)])
def test_drawing_modules_are_imported_for_a_terminal_only(
    commands: Commands, cloud: Cloud, tmp_path: Path, words: tuple[str, ...]
) -> None:
    written = tmp_path / "modules"
    host = () if "list" in words else (cloud.host,)
    done = commands.run(sys.executable, "-c", RUN, str(written), *words, *host)
    assert done.returncode == 0, done.stderr
    assert {"rich", "botocore", "asyncio"} & set(written.read_text().split()) == set()
