"""The strict check of a function.yaml: what Nuclio would ignore, refuse or misunderstand, line by line."""
