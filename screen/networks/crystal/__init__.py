"""Crystal graph networks."""
