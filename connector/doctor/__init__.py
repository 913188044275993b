"""Looks at each leg of the way to a Dev Environment by itself, with the parts that ssh uses."""
