"""Python interface of inverse design."""
