"""Files on disk: durable writes, locks, cache folders, Parquet, paths, worker processes that parse."""
