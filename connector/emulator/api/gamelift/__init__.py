"""Amazon GameLift Streams, as far as its admin shells need it."""
