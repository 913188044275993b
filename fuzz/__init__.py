"""Fuzz targets for all code that parses data from outside: see ``make fuzz``."""
