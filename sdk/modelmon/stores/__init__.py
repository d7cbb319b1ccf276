"""What is kept: samples (Parquet) and series behind ports, found by URL scheme, and how both are read."""
