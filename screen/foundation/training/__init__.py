"""Training of foundation networks from a recipe and a folder of tables."""
