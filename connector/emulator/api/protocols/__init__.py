"""The protocols of AWS's APIs: how a request names its operation, and how answers are written."""
