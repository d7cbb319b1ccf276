"""What is decided: positions, windows, answers, endpoints. SQL everywhere; one transaction decides."""
