"""What is monitored, in the formats of other systems."""
