"""Table files: formats, column names, number notations, pulled catalogues."""
