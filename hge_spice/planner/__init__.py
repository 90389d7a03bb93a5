"""How tones are placed: searches and constructions of plans with no hits, or with the fewest."""
