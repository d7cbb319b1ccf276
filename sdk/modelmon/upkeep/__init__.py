"""Keeping the stores small and right: compaction, retention, the sweep, windows asked for again."""
