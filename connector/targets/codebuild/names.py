"""The names of sandboxes: ids, ARNs, and forms of them without colons.

The ProxyCommand imports this module, so it does without regular expressions.
"""

from __future__ import annotations

from ...fast.plain import is_uuid
from ..regional.place import read_arn

#: AWS's own host name is this and an ARN.
SSH_PREFIX = "codebuild-sandbox-ssh="

_UUID = 36  # characters


def id_of(name: str) -> tuple[str, str] | None:
    """Return the id of a sandbox, and its Region as far as the name tells it; else None.

    Names are ``<project>:<uuid>``, ``<project>.<uuid>``, an ARN, and AWS's prefix with an ARN.
    """
    name = name.removeprefix(SSH_PREFIX)
    region, name = read_arn(name, "codebuild", "sandbox") or ("", name)
    project, uuid = name[: -_UUID - 1], name[-_UUID:].lower()
    if name[-_UUID - 1 : -_UUID] not in (":", ".") or not is_project(project):
        return None
    return (f"{project}:{uuid}", region) if is_uuid(uuid) else None


def is_project(text: str) -> bool:
    """Return whether text can be the name of a project (2 to 150 characters)."""
    plain = text.replace("-", "").replace("_", "")
    return 2 <= len(text) <= 150 and text[0].isalnum() and plain.isalnum() and text.isascii()


def project_of(id: str) -> str:
    """Return the project of a sandbox's id."""
    return id.rpartition(":")[0] or id


def uuid_of(id: str) -> str:
    """Return the last part of a sandbox's id."""
    return id.rpartition(":")[2]
