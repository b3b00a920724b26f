"""What is fast, against what, measured in one run? `python -m benchmarks`, or `make bench`."""
