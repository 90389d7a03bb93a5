"""The report: what a run left on disk as one HTML file, whatever is missing from it."""
