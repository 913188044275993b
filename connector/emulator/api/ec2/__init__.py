"""EC2 as the emulator has it: instances, managed nodes and pushed keys."""
