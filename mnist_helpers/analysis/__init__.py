"""Runs and networks -> numbers: counts, intervals, tests, derivations. Reads results; never trains."""
