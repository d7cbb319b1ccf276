"""Where everything is kept: samples (Parquet), series, and the records with the ledger that ties them."""
