"""`hge-spice gradient`: one extraction beside the truth."""

from typing import Any

from hge_spice.cli.interface import DONE, AsJson, At, Settings, StudyName, print_json, remark, standing

SHOWN = 0.01  # quadrature over the pattern's largest response, in phase or not, from which a phase is printed
DIFFERENT = 1e-3  # of the same, from which the derivative at rest is printed beside that at the tone


def gradient(study: StudyName, settings: Settings = None, at: At = None, as_json: AsJson = False) -> int:
    """Extract the gradient once, at the study's first control point or another, and compare it with the truth."""
    from hge_spice.study.bench.bench import Bench
    from hge_spice.study.beside.against_truth import against_truth
    from hge_spice.study.tables.bare import far_from_usual
    from hge_spice.study.tables.spec import parse_study
    from hge_spice.study.text.files import load_study

    raw = load_study(study, standing(settings, at))
    parsed = parse_study(raw)
    remark(*far_from_usual(raw))
    with Bench.of(parsed, remarked=remark) as bench:
        found = against_truth(bench, bench.control())
    if as_json:
        print_json(found)
        return DONE
    from hge_spice.study.text.units import render

    held = zip(found["controls"], found["control"], strict=True)
    print("at " + ", ".join(f"{name} {render(float(f'{v:.4g}'), 'voltage')}" for name, v in held))
    # nA of a current, mV of a voltage, per volt
    what, unit, factor = ("dI/dV", "nA/V", 1e9) if found["estimate_unit"] == "A/V" else ("dU/dV", "mV/V", 1e3)
    for pattern, inputs in enumerate(found["inputs"]):
        off = ": off, no control moves the output by 0.1 % of what moves it elsewhere" * (pattern in found["off"])
        print(f"inputs {', '.join(render(v, 'voltage') for v in inputs)}{off}")
        columns = (found[key][pattern] for key in ("estimate", "stderr", "stderr_stated_noise", "truth"))
        for k, (name, estimate, stderr, noise, truth) in enumerate(zip(found["controls"], *columns, strict=True)):
            print(
                f"  {what} {name:8} {estimate * factor:+12.5f} ± {stderr * factor:.2g} {unit}"
                f"   truth {truth * factor:+12.5f}   stated noise adds ± {noise * factor:.2g}"
                f"{_phase(found, pattern, k, factor)}"
            )
        if found["element_noise"]:
            own = found["element_noise"]
            adds = ", ".join(f"{value * factor:.2g}" for value in own["stderr"][pattern])
            shares = ((kind, sum(each[pattern]) / len(each[pattern])) for kind, each in own["share"].items())
            of_it = ", ".join(f"{share:.0%} {kind}" for kind, share in shares)
            print(f"  elements' own noise adds ± {adds} {unit}; its density at the tones is {of_it} noise")
    print(
        f"largest error / largest derivative {found['relative_error_max']:.3g}, cosine {found['cosine']:.6f}", end="; "
    )
    print(f"amplitude {render(found['amplitude'][0], 'voltage')}, {found['points']} points", end="; ")
    print("flags: " + (", ".join(found["flags"]) or "none"))
    print(f"± is one standard error, by what the fits of this extraction leave over; {_bias(found, factor, unit)}")
    lockin = found["lockin"]
    units = {"enbw": "frequency", "half_power": "frequency", "settling": "time", "dead_time": "time"}
    shown = {key: render(float(f"{lockin[key]:.4g}"), unit) for key, unit in units.items()}
    print(f"lock-in {lockin['filter']}: noise bandwidth {shown['enbw']}, −3 dB at {shown['half_power']}", end=", ")
    print(f"settles to 1 % in {shown['settling']}; first result after {shown['dead_time']}", end=", ")
    settle = render(float(f"{found['settle']:.4g}"), "time")
    print(f"dead time before the window {settle}")
    for note in found["notes"]:
        print(f"note: {note}")
    return DONE


def _phase(found: dict[str, Any], pattern: int, k: int, factor: float) -> str:
    """What to add to a derivative whose response lies off its tone, or whose value at rest is another."""
    scale, truth, lag, quadrature = (found[key][pattern] for key in ("error_scale", "truth", "lag", "truth_quadrature"))
    said, rest = "", found["truth_at_rest"][pattern][k]
    if abs(quadrature[k]) > SHOWN * max(map(abs, (*truth, *quadrature))):
        said += f"   {'leads' if lag[k] > 0 else 'lags'} {abs(lag[k]):.0f}°"
    if abs(truth[k] - rest) > DIFFERENT * scale:
        said += f"   at rest {rest * factor:+.5f}"
    return said


def _bias(found: dict[str, Any], factor: float, unit: str) -> str:
    """What curvature is predicted to have added, which no ± has in it."""
    known = [
        (abs(each), stderr)
        for row in zip(found["bias"], found["bias_stderr"], strict=True)
        for each, stderr in zip(*row, strict=True)
        if each is not None
    ]
    if not known:
        return "what curvature adds isn't in it, and these points can't tell it"
    largest, stderr = max(known, key=lambda each: each[0])
    error = "" if stderr is None else f" ± {stderr * factor:.2g}"
    return f"what curvature adds, predicted up to {largest * factor:.2g}{error} {unit}, isn't in it"
