"""Real servers that tests start on this machine: installed by name, outside the repository."""
