"""Next."""
