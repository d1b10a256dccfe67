"""Files: durable writes, locks, caches, Parquet, paths, workers."""
