"""Worker processes that score partitions: Dask, SLURM, and crashed workers."""
