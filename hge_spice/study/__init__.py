"""Studies: TOML files to trials, trials to a ledger, what is on disk to a report."""
