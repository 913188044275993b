"""The texts of ``connector help ec2``."""

from __future__ import annotations

from ..regional.help import help_texts
from .kind import KIND

HELP = help_texts(
    KIND.backend,
    names="""\
names:
  <name>.ec2       the tag Name of an instance, or the name of a managed node; in upper or
                   lower case, with the Region and the profile where they are needed:
                   <name>.<region>.ec2, <name>.<region>.<profile>.ec2
  i-<digits>, mi-<digits>    ids, also with .<region>.ec2; they need no look-up
  i-<first digits>.ec2    at least eight characters of an id
  10.0.0.5.ec2, ip-10-0-0-5.ec2    a private address or DNS name
  aws-ec2-i-<digits>    the name that AWS Toolkit for VS Code writes
`connector list --kind ec2` shows the names.
""",
    access="""\
An instance that runs costs money: only `connector start` and --start start one.
ssh goes through the SSM agent, or through an EC2 Instance Connect Endpoint of the VPC where the
agent is not connected. --via ssm and --via eice choose one of them.
""",
)
