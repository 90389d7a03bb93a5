"""A study's bench: the device under test as it stands on a laboratory's, with all that `auto` left open decided.

The benchmarks of `hge-spice bench` are no part of it; they are in `benchmarks/`.
"""
