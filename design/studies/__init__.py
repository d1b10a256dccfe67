"""Studies that design, beyond those of screening."""
