"""Statistics of a basket's moves: rank, percentile, drawdown, precedents."""
