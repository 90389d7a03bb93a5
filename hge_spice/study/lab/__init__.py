"""Hand-over to a lab and back: tone plans, samples and lock-in settings out, traces in, other programs' formats."""
