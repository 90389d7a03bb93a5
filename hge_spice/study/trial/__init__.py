"""One trial: a study without sweeps is trained, in the loop or in the circuit, and its result and folder are made."""
