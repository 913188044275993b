"""The names of spaces: ARNs, and what AWS's Toolkit makes of ARNs for ssh."""

from __future__ import annotations

#: What the Toolkit's names begin with, and those of the Toolkit in Cursor (``smc``): for local
#: credentials (``lc``), and for links of Studio (``dl``).
TOOLKIT = ("sm_lc_", "sm_dl_", "smc_lc_", "smc_dl_")


def arn_of(name: str) -> str | None:
    """Return the ARN of a space that a name stands for, or None."""
    for prefix in TOOLKIT:
        if name.startswith(prefix):
            name = name[len(prefix) :].replace("_._", ":").replace("__", "/")
    head, *parts = name.replace("/", ":").split(":")
    if (head, *parts[1:2], *parts[4:5]) != ("arn", "sagemaker", "space") or len(parts) != 7:
        return None
    plain = all(part.isascii() and part.replace("-", "").isalnum() for part in parts)
    return name if plain and name.count("/") == 2 else None


def place_of(arn: str) -> dict[str, str]:
    """Return the members of a request that name the space of an ARN."""
    _, domain, space = arn.split("/")
    return {"DomainId": domain, "SpaceName": space}


def space_of(arn: str) -> str:
    """Return the name of the space of an ARN."""
    return place_of(arn)["SpaceName"]
