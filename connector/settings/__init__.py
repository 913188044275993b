"""What a user may settle once for all: by variables, or in a file."""
