"""A Dev Environment on this machine."""
