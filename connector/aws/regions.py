"""The Regions of AWS: which names are possible, and the hosts of a service in a Region.

The rules are those of botocore's ``partitions.json`` for three partitions: ``aws``, ``aws-cn`` and
``aws-us-gov``. For any other Region, botocore has to be asked.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import ConfigError, quoted

#: Variables that name the Region; the first one that is set counts.
_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")

#: The first words of the Regions of the partition ``aws``.
_COMMERCIAL = frozenset(("us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx"))

#: The Regions that every account may use. An account has to enable all later ones itself
#: (AWS Account Management, "Enable or disable AWS Regions in your account").
_ALWAYS_ENABLED = frozenset(
    (
        *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1"),
        *("eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1", "eu-north-1", "ap-south-1"),
        *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3"),
        *("ap-southeast-1", "ap-southeast-2"),
    )
)

#: GovCloud's, which each account of GovCloud may use.
_GOV = ("us-gov-east-1", "us-gov-west-1")

_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def region_of(environ: Mapping[str, str]) -> str | None:
    """Return the Region that a variable names."""
    return next((environ[name] for name in _VARIABLES if environ.get(name)), None)


def check_region(region: str) -> None:
    """Refuse text that no Region can be called, since it becomes a part of a host's name.

    :raises ConfigError: when it is not the name of a Region.
    """
    shaped = _CHARACTERS.issuperset(region) and 2 <= region.count("-") <= 4
    if not shaped or len(region) > 40 or not region[-1:].isdigit():
        raise ConfigError(
            f"{quoted(region)} is not the name of an AWS Region",
            "Write it as in us-west-2: check --region and AWS_REGION",
        )


def domain_of(region: str) -> str | None:
    """Return the domain of a Region's hosts, or None if botocore alone can tell it."""
    words = region.split("-")
    if not words[-1].isdigit():
        return None
    if len(words) == 3 and words[1].isalpha():
        if words[0] == "cn":
            return "amazonaws.com.cn"
        return "amazonaws.com" if words[0] in _COMMERCIAL else None
    is_gov = len(words) == 4 and words[:2] == ["us", "gov"] and words[2].isalpha()
    return "amazonaws.com" if is_gov else None


def has_to_be_enabled(region: str) -> bool:
    """Return whether an account can use a Region only after its owner has enabled it."""
    return domain_of(region) == "amazonaws.com" and region not in (*_ALWAYS_ENABLED, *_GOV)


def is_known(region: str) -> bool:
    """Return whether botocore knows a Region. This imports botocore: ask after a failure only."""
    from ..fast.logs import set_up_now

    set_up_now()
    import botocore.session

    loader = botocore.session.Session().get_component("data_loader")
    partitions = loader.load_data("partitions")["partitions"]
    return any(region in partition["regions"] for partition in partitions)
