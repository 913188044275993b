"""The settings that a user gives by variables or in a file."""
