"""Treat an Amazon CodeCatalyst Dev Environment as an SSH host.

The package imports nothing by itself: every ``ssh`` pays for what is imported here.
"""
