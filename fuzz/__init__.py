"""Whatever reads what others wrote, given anything: see ``make fuzz``."""
