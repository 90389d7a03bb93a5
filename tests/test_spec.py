import tomllib
from copy import deepcopy

import numpy as np
import pytest

from hge_spice.study.bench.device import build_network
from hge_spice.study.sweep.sampling import trials
from hge_spice.study.tables.device import OF_A_BLOCK, OF_DOPANTS, OF_VARIED
from hge_spice.study.tables.spec import (
    METRICS,
    StudyError,
    parse_study,
)
from hge_spice.study.text.files import merge, place

LEAST = {
    "device": {},
    "electrodes": {"output": "e0", "inputs": ["e1", "e2"], "controls": ["e3", "e4", "e5", "e6", "e7"]},
    "task": {"name": "xor"},
}
# interface.md's study file, with an example of each key that works
WHOLE = tomllib.loads("""
title = "XOR on a dopant network"

[device]
family = "dopant"
sites = 12
electrodes = 8
seed = 1
temperature = "77 K"
radius = "75 nm"
localisation = "10 nm"
permittivity = 3.9
attempt_rate = "1e14 Hz"
cutoff = 1e-4

[electrodes]
output = "e0"
inputs = ["e1", "e2"]
controls = ["e3", "e4", "e5", "e6"]
control_range = ["-0.7 V", "0.7 V"]
grounds = ["e7"]

[task]
name = "xor"
levels = [["-0.3 V", "0.3 V"], ["0 V", "500 mV"]]
targets = ["2 nA", "8 nA"]

[perturbation]
amplitude = ["1 mV", "2 mV", "3 mV", "4 mV"]
window = "25 ms"
points = 64
settle = "1 ms"
tones = [5, 9, 13, 19]

[lockin]
filter = "window"

[training]
estimator = "homodyne"
loss = "corr_sigmoid"
rule = "adam"
rate = "20 mV"
steps = 60
starts = 5
seed = 0

[readout]
noise = { psd = "1e-5 nA^2/Hz", at = "1 kHz" }

[imperfections]

[sweep]
"perturbation.window" = { logspace = ["1 ms", "50 ms", 5] }

[specs]
loss = { max = 0.3 }
gap = { min = "1 nA" }

[smoke]
"training.steps" = 3
"training.starts" = 1
""")


def study(**values):
    """The least study with values at dotted keys, written with __ for a dot."""
    raw = deepcopy(LEAST)
    for key, value in values.items():
        raw = place(raw, tuple(key.split("__")), value)
    return parse_study(raw)


def test_every_key_of_the_interface_is_read_in_si_units():
    whole = parse_study(WHOLE)
    assert whole.title == "XOR on a dopant network"
    assert whole.device.temperature == 77.0
    assert (whole.device.radius, whole.device.localisation) == (75e-9, 10e-9)
    assert whole.device.attempt_rate == 1e14
    assert whole.electrodes.control_range == (-0.7, 0.7)
    assert whole.electrodes.grounds == ("e7",)
    assert whole.task.levels == ((-0.3, 0.3), (0.0, 0.5))
    assert whole.task.targets == (2e-9, 8e-9)
    assert whole.perturbation.amplitude == (1e-3, 2e-3, 3e-3, 4e-3)
    assert whole.perturbation.window == 0.025
    assert whole.perturbation.settle == 1e-3
    assert whole.perturbation.tones == (5, 9, 13, 19)
    assert whole.training.rate == 0.02
    assert (whole.readout.noise.psd, whole.readout.noise.at) == (1e-23, 1e3)
    assert whole.specs["gap"].min == 1e-9
    assert whole.smoke == {"training.steps": 3, "training.starts": 1}


def test_only_device_electrodes_and_task_are_required_and_the_rest_is_as_in_the_interface():
    least = parse_study(LEAST)
    assert least.device.model_dump(include={*OF_DOPANTS, *OF_VARIED, *OF_A_BLOCK, "family", "engine"}) == {
        "family": "dopant",
        "engine": "ngspice",
        "sites": 12,
        "electrodes": 8,
        "seed": 0,
        "temperature": 77.0,
        "radius": 75e-9,
        "localisation": 10e-9,
        "permittivity": 3.9,
        "attempt_rate": 1e14,
        "cutoff": 1e-4,
        "disorder": 0.0,
        "donors": 0,
        "rate": "glauber",
        "subcircuit": None,
        "name": None,
        "parameters": {},
        "allow_outside": False,
    }
    assert least.bias == {}
    assert least.probe.nodes == ()
    assert least.electrodes.control_range == (-0.7, 0.7)
    assert least.task.levels == ((-0.3, 0.3), (-0.3, 0.3))
    assert set(least.perturbation.model_dump().values()) == {
        "auto",
        0.025,
        "random",
        None,
        "separate",
        0.015,
        0.0,
    }
    assert least.lockin.filter == "window"
    assert least.training == parse_study(WHOLE).training
    assert least.readout == parse_study(WHOLE).readout


def test_disorder_donors_and_rate_make_a_varied_device_and_can_be_swept():
    varied = {**LEAST, "device": {**LEAST["device"], "disorder": "50 meV", "donors": 3, "rate": "phonon"}}
    graph = build_network(parse_study(varied).device)
    assert len(graph.graph["donors"]) == 3
    assert (graph.graph["parameters"]["rate"], graph.graph["parameters"]["pair_correction"]) == ("phonon", False)
    energies = np.array([data["energy"] for _, data in graph.nodes(data=True) if data["kind"] == "site"])
    assert 0.02 < energies.std() < 0.1  # V, of twelve drawn
    again = build_network(parse_study(varied).device)
    assert dict(again.nodes(data=True)) == dict(graph.nodes(data=True))
    plain = build_network(parse_study(LEAST).device)
    assert [data["x"] for _, data in plain.nodes(data=True)] == [data["x"] for _, data in graph.nodes(data=True)]
    assert "rate" not in plain.graph["parameters"]
    swept = {"device.disorder": ["0 eV", "20 meV"], "device.rate": ["glauber", "phonon"], "device.donors": [0, 2]}
    assert len({trial.id for trial in trials({**LEAST, "sweep": swept})}) == 8


def test_the_defaults_build_a_device():
    device = parse_study(LEAST).device
    graph = build_network(device)
    assert sum(data["kind"] == "electrode" for _, data in graph.nodes(data=True)) == 8


def test_a_study_is_frozen():
    with pytest.raises(ValueError, match="frozen"):
        parse_study(LEAST).device.seed = 3


def test_one_amplitude_holds_for_all_and_auto_stays_a_word():
    assert study(perturbation__amplitude="2 mV").perturbation.amplitude == 0.002
    assert study(perturbation__points="auto", perturbation__settle=0).perturbation.settle == 0.0


def test_one_pair_of_levels_means_the_same_as_one_pair_each():
    assert study(task__levels=["0 V", "1 V"]) == study(task__levels=[[0, 1], [0, "1000 mV"]])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"perturbation__amplitud": 1}, r"unknown key perturbation\.amplitud; did you mean amplitude\?"),
        ({"perturbatoin__amplitude": 1}, r"unknown key perturbatoin; did you mean perturbation\?"),
        ({"Device": {}}, r"unknown key Device; did you mean device\?"),
        ({"lockin__zzz": 1}, r"unknown key lockin\.zzz; known: filter, "),
        ({"readout__noise__color": "pink"}, r"unknown key readout\.noise\.color; did you mean colour\?"),
        ({"device__file": "network.graphml", "device__sites": 3}, r"sites is no key of a graph from a file"),
        ({"perturbation__window": "25 V"}, r"perturbation\.window: '25 V' is not a time: .*such as '25 ms'"),
        ({"perturbation__window": "0 s"}, r"perturbation\.window: '0 s' should be above 0 s"),
        ({"perturbation__window": -1}, r"perturbation\.window: -1 should be above 0 s"),
        ({"perturbation__window": "auto"}, r"perturbation\.window: 'auto' is not a time"),
        ({"perturbation__settle": "-1 ms"}, r"perturbation\.settle: '-1 ms' should be 0 s or more \(or 'auto'\)"),
        (
            {"perturbation__amplitude": "autoo"},
            r"perturbation\.amplitude: 'autoo' is not a volt.*\(or 'auto', 'per_control'\)",
        ),
        ({"perturbation__amplitude": "0 V"}, r"perturbation\.amplitude: '0 V' should be above 0 V"),
        ({"perturbation__amplitude": []}, r"perturbation\.amplitude: \[\] should have 1 or more"),
        (
            {"perturbation__amplitude": 2},
            r"perturbation\.amplitude: 2 V is more than the whole control range of 1\.4 V",
        ),
        ({"perturbation__amplitude": ["1 mV"] * 4}, r"perturbation\.amplitude: 4 amplitudes for 5 controls"),
        ({"perturbation__tones": [1, 2, 3]}, r"perturbation\.tones: 3 tones for 5 controls"),
        ({"perturbation__phases": [1, 2, 3]}, r"perturbation\.phases: 3 phases for 5 controls"),
        ({"perturbation__phases": "low"}, r"perturbation\.phases: 'low' .*\(or 'random', 'low_crest'\)"),
        ({"perturbation__tones": "narrow"}, r"perturbation\.tones: 'narrow' .*\(or 'auto', 'narrowest'\)"),
        (
            {"perturbation__tones": [1, 2, 3, 4, 5], "perturbation__max_frequency": "1 kHz"},
            "are for tones that the planner chooses; leave them out",
        ),
        (
            {"perturbation__min_frequency": "2 kHz", "perturbation__max_frequency": "1 kHz"},
            "min_frequency 2000 Hz is above max_frequency 1000 Hz",
        ),
        ({"perturbation__tones": [1, 2, 3, 4, 4]}, r"perturbation\.tones: .* has 4 more than once"),
        ({"perturbation__tones": [0, 1, 2, 3, 4]}, r"perturbation\.tones: 0 should be a whole number, 1 or more"),
        ({"perturbation__points": 2}, r"perturbation\.points: 2 should be a whole number, 3 up to"),
        ({"perturbation__points": 64.0}, r"perturbation\.points: 64\.0 should be a whole number"),
        (
            {"perturbation__points": 10, "perturbation__tones": [1, 2, 3, 4, 5]},
            r"perturbation: 10 points don't resolve harmonic 5; take 11 or more",
        ),
        ({"training__steps": True}, r"training\.steps: True should be a whole number, 1 or more"),
        ({"training__steps": "3"}, r"training\.steps: '3' should be a whole number"),
        ({"training__steps": 0}, r"training\.steps: 0 should be"),
        ({"training__seed": -1}, r"training\.seed: -1 should be a whole number, 0 or more"),
        ({"training__rate": "20 ms"}, r"training\.rate: '20 ms' is not a voltage: its unit is ms"),
        ({"training__loss": "gapp"}, r"training\.loss: unknown loss 'gapp'; did you mean gap\?"),
        ({"training__loss": "mse"}, r"task\.targets: the loss mse needs two output currents"),
        ({"training__rule": "SGD"}, r"training\.rule: unknown update rule 'SGD'; did you mean sgd\?"),
        ({"training__estimator": "homodine"}, r"unknown estimator 'homodine'; did you mean homodyne\?"),
        ({"training__estimator": 3}, r"training\.estimator: 3 should be a text"),
        ({"lockin__filter": "rcc"}, r"lockin\.filter: unknown lock-in filter 'rcc'; did you mean rc\?"),
        ({"lockin__trend": "yes"}, r"lockin\.trend: 'yes' should be true or false \(or 'auto'\)"),
        ({"lockin": {"filter": "rc", "trend": True}}, "trend = true needs a filter that fits"),
        ({"lockin__order": 2}, r"lockin: order belongs to filter = \"rc\""),
        ({"lockin__phase": "reference"}, r"lockin: phase = \"reference\" needs reference = \"electrode\""),
        ({"training__demodulate": "loss"}, r"training\.demodulate: homodyne demodulates outputs"),
        ({"task__name": "xro"}, r"task\.name: unknown task 'xro'; did you mean"),
        ({"task__levels": ["0.3 V", "-0.3 V"]}, r"task\.levels: .* should be two values, the lower first"),
        ({"task__levels": ["0.3 V", "0.3 V"]}, r"task\.levels: .* the lower first"),
        ({"task__levels": [[0, 1], [1, 0]]}, r"task\.levels: \[1, 0\] should be two values, the lower first"),
        ({"task__levels": [[0, 1]] * 3}, r"task\.levels: 3 pairs for 2 inputs"),
        ({"task__levels": []}, r"task\.levels: \[\] should be two values"),
        ({"task__targets": ["2 nA", "2 nA"]}, r"task\.targets: .* two different currents"),
        ({"device__disorder": "2 eV"}, "'2 eV' should be 1 eV or less"),
        ({"device__disorder": "50 mV"}, "device.disorder: .*mV"),
        ({"device__disorder": "-1 meV"}, "'-1 meV' should be 0 J or more"),
        ({"device__donors": -1}, "-1 should be a whole number, 0 up to 10000"),
        ({"device__donors": 2.5}, "2.5 should be a whole number"),
        ({"device__rate": "phonn"}, r"unknown rate of hops 'phonn'; did you mean phonon\?"),
        ({"device": {"family": "sinh", "donors": 3}}, "donors is no key of a single sinh"),
        ({"device__family": "dopnat"}, r"unknown device family 'dopnat'; did you mean dopant\?"),
        ({"device__temperature": "-300 C"}, r"device\.temperature: '-300 C' should be above 0 K"),
        ({"device__cutoff": 1}, r"device\.cutoff: 1 should be below 1"),
        ({"device__sites": 10**9}, r"device\.sites: 1000000000 should be a whole number, 1 up to 10000"),
        ({"device__electrodes": 1}, r"device\.electrodes: 1 should be a whole number, 2 or more"),
        ({"device__electrodes": 7}, r"electrodes: there is no electrode 'e7'; the device has e0 to e6"),
        (
            {"device__electrodes": 10},
            r"electrodes: e8 has no role; name it among inputs, controls, .* or bias",
        ),
        ({"device": 3}, r"device = 3 should be a table"),
        ({"electrodes__output": "e08"}, r"electrodes: there is no electrode 'e08'"),
        ({"electrodes__output": "e1"}, r"electrodes: 'e1' is output and input again; an electrode has one role"),
        ({"electrodes__output": "e3"}, r"electrodes: 'e3' is output and control again"),
        ({"electrodes__inputs": ["e1", "e3"]}, r"electrodes: 'e3' is input and control again"),
        ({"electrodes__inputs": ["e1", "e1"]}, r"electrodes: 'e1' is input and input again"),
        ({"electrodes__grounds": ["e0"]}, r"electrodes: 'e0' is output and ground again"),
        ({"electrodes__inputs": ["e1"]}, r"electrodes\.inputs: xor has 2 inputs; 1 are named"),
        ({"electrodes__inputs": "e1"}, r"electrodes\.inputs: 'e1' should be a list"),
        ({"electrodes__controls": []}, r"electrodes\.controls: \[\] should have 1 or more"),
        ({"electrodes__control_range": ["0.7 V", "-0.7 V"]}, r"electrodes\.control_range: .* the lower first"),
        ({"electrodes__control_range": ["0.7 V"]}, r"electrodes\.control_range: .* should be two values"),
        ({"readout__noise__psd": "1e-5 nA/Hz"}, r"readout\.noise\.psd: '1e-5 nA/Hz' is not a current noise density"),
        ({"readout__noise": "1 nA"}, r"readout\.noise = '1 nA' should be a table"),
        ({"imperfections__rust": {}}, r"imperfections: unknown imperfection 'rust'; known: adc, ageing, clock"),
        ({"specs__los": {"max": 1}}, r"specs: unknown metric 'los'; did you mean loss\?"),
        ({"specs__loss": {}}, r"specs: loss = \{\} should have min, max or both"),
        ({"specs__loss": {"maximum": 1}}, r"specs: loss = .* should have min, max or both, and nothing else"),
        ({"specs__loss": {"min": 2, "max": 1}}, r"specs: loss = .* has its min above its max"),
        ({"specs__gap": {"min": "1 V"}}, r"specs: gap: '1 V' is not a current"),
        ({"sweep__a": []}, r"sweep: 'a' is \[\]; it should be a list of values"),
        ({"sweep__a": {"linspace": [1, 2]}}, r"sweep: 'a' is .* \{ linspace = \[first, last, number"),
        ({"sweep__a": {"linspace": [1, 2, 1]}}, "it should be a list of values"),
        ({"sweep__a": {"linspace": [1, 2, True]}}, "it should be a list of values"),
        ({"title": 3}, r"title: 3 should be a text"),
        ({"device__graph": "gird"}, r"device\.graph: unknown graph 'gird'; did you mean grid\?"),
        ({"device__graph": "grid"}, "a graph is made of elements; family should be one of resistor, diode"),
        ({"device": {"graph": "grid", "family": "sinh", "reach": 0.2}}, 'reach is no key of graph = "grid"'),
        ({"device": {"graph": "layered", "units": [{}]}}, "1 units; a series takes 2 or more"),
        ({"device": {"units": [{"output": "e0"}, {}]}}, "unit 1: in a series every unit but the last names its output"),
        ({"device": {"units": [{"output": "e0", "drives": ["u1_e2"]}, {"inputs": ["e1"]}]}}, "unit 1: where one names"),
        ({"device": {"units": [{"siets": 3}, {}]}}, r"unknown key device\.units\.0\.siets; did you mean sites\?"),
        ({"device": {"units": [{}, {}], "seed": 3}}, r"seed is no key of units in series"),
        ({"device": {"family": "sinh", "rows": 3}}, "rows is no key of a single sinh; for a network"),
        ({"electrodes__complements": ["e0"]}, "is output and complement again"),
        ({"electrodes__series_resistance": {"e1": "1 mV"}}, "'1 mV' is not a resistance"),
        ({"readout__kind": "curent"}, "unknown read-out 'curent'; did you mean current"),
        ({"readout__gain": "1 Mohm"}, 'gain belongs to the read-out "transimpedance"; this one is "current"'),
        ({"readout": {"differential": True}}, "readout.differential: name two outputs in electrodes.output"),
        ({"readout": {"kind": "voltage", "noise": {"psd": "1 nA^2/Hz"}}}, "is not a voltage noise density"),
        ({"training__unreachable": "maybe"}, "unknown choice 'maybe'; known: refuse, try"),
    ],
)
def test_what_is_wrong_is_said_with_key_value_and_remedy(values, message):
    with pytest.raises(StudyError, match=message):
        study(**values)


def test_a_missing_table_is_named_and_all_problems_are_told_at_once():
    with pytest.raises(StudyError) as refused:
        parse_study({"device": {"sites": 0}, "task": {}, "zzz": 1})
    assert len(str(refused.value).splitlines()) == 4
    for part in ("electrodes is missing", "task.name is missing", "device.sites: 0", "unknown key zzz"):
        assert part in str(refused.value)


def test_a_slip_in_smoke_shows_before_a_test_runs():
    raw = merge(LEAST, {"smoke": {"training.stpes": 3}})
    with pytest.raises(StudyError, match=r"with \[smoke\]: unknown key training\.stpes; did you mean steps\?"):
        parse_study(raw)


def test_every_metric_may_be_bounded():
    assert set(study(specs={metric: {"min": 0} for metric in METRICS}).specs) == set(METRICS)
