"""Studies: TOML files to trials, trials to a ledger, what is on disk to a report.

In the order in which a study passes through:

- text: `files`, `units`, `values`, `subset`
- its tables, each read by one file: `device` (with `block`, `edges`), `electrodes`, `task`, `measurement` (perturbation
  and lockin), `training`, `in_circuit`, `readout`, `imperfections`, `corners`, `metrics` (specs), `pdk`, `beside`
  (compare, spacing, retrain, budget, curves), `running` (probe, results, cluster); `table` is what all are; `study` has
  them all, `misfits` what doesn't fit together, `spec` reads a whole file
- its trials: `axes`, `sampling`, `refine`
- where they run: `runner`, `execute` and `cluster`, `perform` (one trial, whole or absent), `ledger`, `journal`,
  `progress`, `result_tables`
- one trial: `trial`, `network`, `bench` (the device with all that `auto` left open decided; `screening`, `at_corner`),
  `learned`, `circuit`, `result`, `unsolved`, `trial_files`
- what is measured beside its training: `compare` (gradient against truth), `assess` ([compare]: estimators side by
  side), `spacing`, `retrain`, `exactly`, `signoff`, `generalise` with `baselines` and `radius`, `circuit_result`
- what many trials say: `statistics`, `budget`, `curves`, `functional`, `advantage`, `verdict`
- the report: `report`, `overview`, `section` with `trial_folder`, `side_by_side`, `pages`, `svg`, `rerun`, `flags`
- other commands: `allan`, `tones` with `setup_file`, `demodulate`, `lab`, `convert`, `catalogue`; `steps` for Python
"""
