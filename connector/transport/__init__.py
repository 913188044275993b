"""Bytes in and out of this process."""
