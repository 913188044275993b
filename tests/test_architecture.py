"""The rules of the architecture: imports point one way, and each library has one place."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

import connector
from connector.targets.registry import KINDS

ROOT = Path(connector.__file__).parent

#: Modules of the core that the emulator may import.
WIRE = ("agentmessage", "messages", "payloads")

#: Package or module -> the connector's packages that it may import, besides its own.
MAY_IMPORT = {
    "errors": set(),
    "fast": set(),
    "sessions": {"errors"},
    "programs": set(),
    "files": set(),
    "datachannel": {"errors"},
    "transport": {"errors", "sessions", "datachannel"},
    "aws": {
        *("errors", "sessions", "files", "programs", "fast.plain"),
        *("transport.address", "transport.dial", "transport.trust"),  # of a cloud's hosts
    },
    "targets": {"errors", "sessions", "files", "transport", "aws", "ssh", "doctor", "fast.plain"},
    "ssh": {"errors", "files", "programs", "fast.plain"},
    "settings": {
        *("errors", "files", "datachannel.limits", "transport.liveness"),
        "targets.registry",
    },
    "doctor": {
        *("errors", "sessions", "programs", "transport", "aws", "ssh"),
        *(f"targets.{name}" for name in ("kind", "model", "registry", "source")),
    },
    "emulator": {"errors", *(f"datachannel.{name}" for name in WIRE)},
    "cli": {
        *("errors", "sessions", "files", "programs", "fast"),
        *("transport", "aws", "ssh", "settings", "targets", "doctor", "emulator", "copy"),
        "library.carrier",  # the options of the sessions that a copy opens
        *("datachannel.dialogue", "datachannel.trace"),  # to read a recorded dialogue
        "__version__",
    },
    "copy": {"errors", "files", "sessions", "programs", "library", "ssh.client"},
    "library": {"errors", "sessions", "datachannel.limits", "transport", "targets"},
    "__main__": {"cli", "fast", "__version__"},
    "__init__": {"errors", "sessions", "library"},  # imported when a name is first used
}

#: Library -> the only places that may import it.
ROOMS = {
    "boto3": {"aws"},
    "botocore": {"aws", "targets"},
    "websockets": {"emulator"},
    "asyncio": {"emulator", "cli/emulator.py", "cli/demo.py", "library/streams.py"},
    "aiohttp": {"emulator"},
    "paramiko": {"emulator", "cli/demo.py"},
    "cryptography": {"emulator", "aws/keys/signin.py"},
    "trustme": {"emulator"},
    "argcomplete": {"cli/completion.py"},
    "tomllib": {"settings/file.py", "emulator/faults/data.py"},
    "tomli": {"settings/file.py", "emulator/faults/data.py"},
    "pytest": {"emulator/pytestplugin.py"},
    "rich": {"cli/output"},
}

#: Room or module of the emulator -> the others that it may import.
EMULATOR = {
    "access": set(),
    "agent": set(),
    "listener": set(),
    "sessions": set(),
    "sigv4": set(),
    "machine": {"agent"},
    "api": {"access", "listener", "sessions", "sigv4"},
    "faults": set(),
    "gateway": {"agent", "faults", "listener", "machine", "sessions"},
    "app": {
        *("access", "agent", "api", "faults", "gateway", "listener", "machine", "sessions"),
    },
    "harness": {"access", "agent", "api", "app", "faults", "gateway"},
    "pytestplugin": {"harness", "missing_packages"},
    "__init__": set(),
}

FILES = sorted(ROOT.rglob("*.py"))


@cache
def imports(path: Path) -> set[str]:
    """Return the full names of all modules that a file imports, at any level of nesting."""
    package = ("connector", *path.relative_to(ROOT).parent.parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parent = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            base = ".".join(part for part in (parent, node.module) if part)
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def misplaced(root: Path, allows: Callable[[Path, str], bool]) -> list[str]:
    """Return each import below a directory that a rule does not allow."""
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in FILES
        for name in imports(path)
        if root in path.parents and not allows(path.relative_to(root), name)
    ]


def test_imports_point_one_way() -> None:
    def allows(path: Path, name: str) -> bool:
        place = path.with_suffix("").parts[0]
        allowed = MAY_IMPORT[place] | {place, "fast.logs", "fast.records", "fast.typed"}
        package, _, inner = name.partition(".")
        return package != "connector" or f"{inner}.".startswith(tuple(f"{x}." for x in allowed))

    assert misplaced(ROOT, allows) == []


def test_imports_of_the_emulator_point_one_way() -> None:
    def allows(path: Path, name: str) -> bool:
        room = path.with_suffix("").parts[0]
        of_emulator = name.startswith("connector.emulator.")
        return not of_emulator or name.split(".")[2] in EMULATOR[room] | {room}

    assert misplaced(ROOT / "emulator", allows) == []


def test_library_is_imported_in_its_place_only() -> None:
    def allows(path: Path, name: str) -> bool:
        rooms = ROOMS.get(name.split(".")[0])
        return rooms is None or f"{path.as_posix()}/".startswith(tuple(f"{x}/" for x in rooms))

    assert misplaced(ROOT, allows) == []


def test_core_does_no_input_or_output() -> None:
    forbidden = {"socket", "ssl", "asyncio", "time", "selectors", "threading", "subprocess"}
    for path in (ROOT / "datachannel").glob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & forbidden, path


def test_package_alone_imports_nothing() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; before = set(sys.modules); import connector; "
            "print(*sorted(set(sys.modules) - before))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == ["connector"]


FIRST_DIAL = """
import sys
import connector.targets.regional.finder
from connector.targets.ec2.kind import KIND
print(KIND.backend.service.name, *{"ssl", "socket", "http"} & set(sys.modules))
"""


def test_first_dial_of_a_regional_kind_waits_for_no_import_of_tls() -> None:
    """TLS is imported while the connection is made."""
    done = subprocess.run([sys.executable, "-c", FIRST_DIAL], capture_output=True, text=True)
    assert done.stdout == "ssm\n", done.stderr


def test_no_file_has_more_than_450_lines() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in FILES}

    assert {name: lines for name, lines in long.items() if lines > 450} == {}


#: Kind -> the words that only its own rooms and the registries may use.
WORDS_OF_A_KIND = {
    "codecatalyst": r"CodeCatalyst|codecatalyst|Dev Environment",
    "sagemaker": r"SageMaker|sagemaker",
    "ec2": r"\bEC2\b|\bec2\b",
    "ecs": r"\bECS\b|\becs\b",
    "codebuild": r"CodeBuild|codebuild",
    "ssm": r"HyperPod|GameLift|gamelift",
}

#: Rooms that may name a kind besides its own, since they speak its service's words.
ALSO = {
    "codebuild": ("emulator/api/", "targets/ssm/"),  # the prefix of a paused build
    "sagemaker": ("emulator/api/", "targets/ssm/"),  # the prefixes of nodes, jobs and endpoints
    "ec2": ("emulator/api/", "targets/instanceconnect/"),  # which has no other machines
    **dict.fromkeys(("ecs", "ssm"), ("emulator/api/",)),
}

#: Places that may name a kind since it is AWS's own word there: an API that all kinds need, a
#: size that one service sets, the metadata address of a machine.
ALLOWED = {
    "ec2": {
        *("aws/services.py", "aws/signed.py", "aws/sdk.py", "aws/keys/chain.py"),
        *("aws/keys/machine.py", "aws/keys/places.py"),
        "aws/xmlapi.py",  # the protocol has the name of the service
        "targets/regional/listing.py",  # ec2:DescribeRegions, for all kinds
        "cli/attach.py",  # sessions that other programs have started
        "transport/address.py",  # the hosts of its tunnels
    },
    "ecs": {"cli/attach.py", "emulator/agent/behaviour.py"},
    "sagemaker": {"aws/services.py"},
}

REGISTRIES = ("targets/registry.py", "emulator/api/__init__.py")


@pytest.mark.parametrize("kind", WORDS_OF_A_KIND)
def test_only_the_room_of_a_kind_names_it(kind: str) -> None:
    word = re.compile(WORDS_OF_A_KIND[kind])
    rooms = (f"targets/{kind}/", f"emulator/api/{kind}/", *ALSO.get(kind, ()))
    naming = {path.relative_to(ROOT).as_posix() for path in FILES if word.search(path.read_text())}
    strangers = {name for name in naming if not name.startswith((*rooms, *REGISTRIES))}
    strangers -= ALLOWED.get(kind, set())
    assert not strangers, f"only the rooms of {kind} may have its words: {sorted(strangers)}"


def test_words_of_every_kind_are_kept_in_its_rooms() -> None:
    missing = {row.name for row in KINDS} - WORDS_OF_A_KIND.keys()
    assert not missing, f"add the words of {missing} to WORDS_OF_A_KIND"
