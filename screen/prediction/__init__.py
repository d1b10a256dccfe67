"""Models put to use: predictions in the order of the input, models kept in a folder."""
