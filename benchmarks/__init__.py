"""The connector's speed, as ratios to a plain TCP relay in the same run."""
