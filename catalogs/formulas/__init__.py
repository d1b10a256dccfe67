"""Chemical formulas: their grammar, element slots and reduced keys, charge-balanced enumeration."""
