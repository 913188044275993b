"""Copies over several SSH connections at once, for ``connector cp``."""
