"""The tables of a study file, one module for each or for those that are about one thing, and the Study they make."""
