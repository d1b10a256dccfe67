"""Networks that learned every property of a folder of tables at once."""
