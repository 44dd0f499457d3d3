"""Market data as partitioned assets; see README.md."""
