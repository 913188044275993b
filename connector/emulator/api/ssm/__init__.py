"""AWS Systems Manager, as far as the clients of sessions use it.

Source of names and shapes: botocore's model ``ssm/2014-11-06``.
"""
