"""AWS CodeBuild's sandboxes: the state, and the operations that the connector calls."""
