"""The `kakehashi catalogs` commands, and the machinery of flags."""
