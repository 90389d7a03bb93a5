"""`hge-spice gradient`: one extraction beside the truth."""

from hge_spice.cli.interface import DONE, AsJson, Settings, StudyName, print_json, remark


def gradient(study: StudyName, settings: Settings = None, as_json: AsJson = False) -> int:
    """Extract the gradient once, at the study's first control point, and compare it with the truth."""
    from hge_spice.study.bench.bench import Bench
    from hge_spice.study.beside.against_truth import against_truth
    from hge_spice.study.tables.bare import far_from_usual
    from hge_spice.study.tables.spec import parse_study
    from hge_spice.study.text.files import load_study

    raw = load_study(study, settings or [])
    parsed = parse_study(raw)
    remark(*far_from_usual(raw))
    with Bench.of(parsed, remarked=remark) as bench:
        found = against_truth(bench, bench.control())
    if as_json:
        print_json(found)
        return DONE
    from hge_spice.study.text.units import render

    at = zip(found["controls"], found["control"], strict=True)
    print("at " + ", ".join(f"{name} {render(float(f'{v:.4g}'), 'voltage')}" for name, v in at))
    # nA of a current, mV of a voltage, per volt
    what, unit, factor = ("dI/dV", "nA/V", 1e9) if found["estimate_unit"] == "A/V" else ("dU/dV", "mV/V", 1e3)
    for pattern, inputs in enumerate(found["inputs"]):
        print(f"inputs {', '.join(render(v, 'voltage') for v in inputs)}")
        columns = (found[key][pattern] for key in ("estimate", "stderr", "stderr_stated_noise", "truth"))
        for name, estimate, stderr, noise, truth in zip(found["controls"], *columns, strict=True):
            print(
                f"  {what} {name:8} {estimate * factor:+12.5f} ± {stderr * factor:.2g} {unit}"
                f"   truth {truth * factor:+12.5f}   stated noise adds ± {noise * factor:.2g}"
            )
        if found["element_noise"]:
            own = found["element_noise"]
            adds = ", ".join(f"{value * factor:.2g}" for value in own["stderr"][pattern])
            shares = ((kind, sum(each[pattern]) / len(each[pattern])) for kind, each in own["share"].items())
            of_it = ", ".join(f"{share:.0%} {kind}" for kind, share in shares)
            print(f"  elements' own noise adds ± {adds} {unit}; its density at the tones is {of_it} noise")
    print(f"largest relative error {found['relative_error_max']:.3g}, cosine {found['cosine']:.6f}", end="; ")
    print(f"amplitude {render(found['amplitude'][0], 'voltage')}, {found['points']} points", end="; ")
    print("flags: " + (", ".join(found["flags"]) or "none"))
    lockin = found["lockin"]
    units = {"enbw": "frequency", "half_power": "frequency", "settling": "time", "dead_time": "time"}
    shown = {key: render(float(f"{lockin[key]:.4g}"), unit) for key, unit in units.items()}
    print(f"lock-in {lockin['filter']}: noise bandwidth {shown['enbw']}, −3 dB at {shown['half_power']}", end=", ")
    print(f"settles to 1 % in {shown['settling']}, dead time {shown['dead_time']}")
    for note in found["notes"]:
        print(f"note: {note}")
    return DONE
