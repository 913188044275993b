"""How fast the connector is, as ratios to a plain TCP relay in the same run."""
