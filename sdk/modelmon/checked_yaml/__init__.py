"""Files of YAML that people write: read with the line of each value, and what is wrong told with its mend."""
