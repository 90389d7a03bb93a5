"""What users write, as text: study files before anything in them is judged, units, and readers of single values."""
