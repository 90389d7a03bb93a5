"""A run: trials wherever they are computed, into one directory with a ledger, resumed from any moment."""
