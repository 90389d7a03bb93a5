"""How tones are placed: the table of hits, searches and constructions of plans without any, and the tones' phases."""
