"""The start-up tricks: every ``ssh`` starts a ProxyCommand, and its user waits for it.

Each trick is one module, which says what it saves. ``python -m benchmarks.tricks`` measures
them all; a trick that saves less than 1.5 ms is removed.
"""
