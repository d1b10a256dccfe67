"""Tables of measured and computed properties."""
