"""Tests of connector.transport."""
