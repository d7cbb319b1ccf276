"""What a function folder says: its function.yaml, the streams it names, its requirements, where it lies."""
