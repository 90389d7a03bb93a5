"""Studies: TOML files to trials, trials to a ledger, what is on disk to a report.

In the order in which a study passes through; each imports only from those before it, which the tests see to:

- `text`: `files` (extended, overridden, still text), `units`, `values`, `finite` (numbers for JSON)
- `tables`: `device` (with `block`, `edges`), `electrodes`, `task`, `measurement` (perturbation and lockin), `training`,
  `in_circuit`, `readout`, `imperfections`, `corners`, `metrics` (specs), `pdk`, `beside` (compare, spacing, retrain,
  budget, curves), `running` (probe, results, cluster); `table` is what all are; `study` has them all, `misfits` what
  doesn't fit together, `spec` reads a whole file
- `sweep`: `axes`, `sampling` (the trials of a study), `refine`, `subset`
- `judge`: `unsolved` (why), `holding` (in the exact model), `flags` (what each means), and of many trials `statistics`,
  `budget`, `curves`, `functional`, `advantage`, `verdict`
- `bench`: `device` (its network, built), `network` (with all around it), `settings` (before there is a device), `auto`
  (what is decided on it), `bench` (all of it), `check` (what needs no simulator); `screening`, `at_corner`,
  `journal` (of its measurements)
- `beside`: `against_truth` (a gradient), `compare` (estimators side by side), `spacing`, `retrain`, `exactly`,
  `signoff`, `generalise` with `baselines` and `radius`, `allan`
- `trial`: `trial`, `learned` (its steps), `circuit`, `result` with `circuit_result`, `trial_files`
- `run`: `plan` (which trials), `runner`, `execute` and `cluster` (where), `perform` (one trial, whole or absent),
  `ledger`, `progress`, `result_tables`, `reached` (where a run has ended), `estimate` (how long one would take)
- `report`: `report`, `overview`, `section` with `trial_folder`, `side_by_side`, `pages`, `svg`, `pictures` (as files),
  `rerun`, `stopped`, templates
- `lab`: `tones` with `setup_file`, `instruments`, `demodulate` with `headings`, `export`

Beside them `catalogue`, what a study can name (`hge-spice list`), `keys`, what it may have (`hge-spice list keys`), and
`steps`, a training's stream for Python.
"""
