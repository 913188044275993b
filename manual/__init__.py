"""The parts of docs/ that are made from the program: ``python -m manual``, or ``make docs``."""
