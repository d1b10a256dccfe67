"""Tables in: text files, workbooks and Parquet; known column names, number notations, pulled catalogues."""
