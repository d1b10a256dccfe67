"""Chemical formulas: grammar, element slots, reduced keys, enumeration."""
