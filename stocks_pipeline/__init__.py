"""Market data as partitioned assets; see README.md."""

__version__ = "0.1.0"
