"""From a function folder to a function under Nuclio: the check, the bundle, nuctl."""
