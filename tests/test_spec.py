import datetime as dt
import math
import re
import tomllib
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hge_spice.devices import ELEMENTS
from hge_spice.shipped import shipped
from hge_spice.study.sweep.sampling import trials
from hge_spice.study.tables.device import OF_A_BLOCK, OF_DOPANTS, OF_VARIED, Device, build_network
from hge_spice.study.tables.spec import (
    METRICS,
    Study,
    StudyError,
    apply_setting,
    dump,
    load_study,
    parse_study,
    read_raw,
)
from hge_spice.study.text.files import find_study, merge, place, shipped_studies

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


# ---- files ----


def write(folder, name, text):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize("name", ["and", "nand", "or", "nor", "xor", "xnor", "gates"])
def test_shipped_studies_load_from_anywhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = parse_study(load_study(name))
    assert shipped.task.name == {"gates": "xor"}.get(name, name)
    assert (shipped.electrodes.output, shipped.electrodes.inputs) == ("e0", ("e2", "e3"))
    assert shipped.device.seed == 13
    assert shipped.training.rate == 0.3
    assert parse_study(load_study(name, smoke=True)).training.steps == 3
    assert read_raw(f"{name}.toml") == read_raw(name)


def test_the_names_of_shipped_studies_are_known():
    assert {"and", "nand", "or", "nor", "xor", "xnor", "gates"} <= set(shipped_studies())


def test_a_file_comes_before_a_shipped_study_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "xor.toml", 'title = "mine"')
    (tmp_path / "or").mkdir()  # such as a results directory: in nobody's way
    assert read_raw("xor.toml") == {"title": "mine"}
    assert read_raw(tmp_path / "xor.toml") == {"title": "mine"}
    assert read_raw("xor")["title"] == "XOR on a dopant network"
    assert read_raw("or")["task"]["name"] == "or"


def test_extends_merges_tables_and_replaces_arrays_seen_from_the_extending_file(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    write(tmp_path, "base.toml", 'extends = "xor"\n[electrodes]\ninputs = ["e4", "e3"]\n[training]\nsteps = 7\n')
    top = write(tmp_path / "deep", "top.toml", 'extends = "../base.toml"\ntitle = "top"\n[training]\nrate = "1 mV"\n')
    monkeypatch.chdir("/")
    raw = read_raw(top)
    assert "extends" not in raw
    assert raw["electrodes"]["inputs"] == ["e4", "e3"]
    assert raw["electrodes"]["output"] == "e0"
    assert (raw["training"]["steps"], raw["training"]["rate"], raw["training"]["loss"]) == (7, "1 mV", "correlation")


def test_a_file_may_extend_the_shipped_study_of_its_own_name(tmp_path):
    mine = write(tmp_path, "xor.toml", 'extends = "xor"\ntitle = "mine"\n')
    assert read_raw(mine)["device"]["seed"] == 13


def test_a_range_is_replaced_not_merged(tmp_path):
    write(tmp_path, "base.toml", '[sweep]\n"training.rate" = { linspace = ["1 mV", "2 mV", 3] }\n')
    top = write(
        tmp_path, "top.toml", 'extends = "base.toml"\n[sweep]\ntraining.rate = { logspace = ["1 mV", "2 mV", 3] }\n'
    )
    assert read_raw(top)["sweep"] == {"training.rate": {"logspace": ["1 mV", "2 mV", 3]}}


def test_order_is_extended_file_smoke_settings(tmp_path):
    write(tmp_path, "base.toml", "[training]\nsteps = 1\nstarts = 1\nseed = 1\n[smoke]\ntraining.seed = 3\n")
    text = 'extends = "base.toml"\n[training]\nstarts = 2\nseed = 2\n[smoke]\n"training.starts" = 3\n'
    top = write(tmp_path, "top.toml", text)
    assert load_study(top)["training"] == {"steps": 1, "starts": 2, "seed": 2}
    smoke = load_study(top, ["training.starts=4"], smoke=True)
    assert "says nothing of the study" in smoke.pop("notes")
    assert smoke == {"training": {"steps": 1, "starts": 4, "seed": 3}}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("broken.toml", b"[device\n", r"broken\.toml is not TOML: .*line 1"),
        ("block.cir", b"* mine\n", r"block\.cir is not TOML: .*device\.subcircuit"),
        ("broken.toml", b"a = 1\na = 2\n", r"broken\.toml is not TOML: .*line 2"),
        ("latin.toml", b'title = "\xb5V"', r"latin\.toml is not UTF-8 text: byte 9 is 0xb5"),
        ("deep.toml", b"a = " + b"[" * 5000, r"deep\.toml (nests its arrays|is not TOML)"),
        ("long.toml", b"a = " + b"1" * 5000, r"long\.toml is not TOML"),
        ("odd.toml", b"extends = 3", r"odd\.toml: extends = 3 should name one study"),
        ("odd.toml", b'extends = "gatse"', r"odd\.toml: extends: there is no study file 'gatse'.*did you mean gates\?"),
        ("self.toml", b'extends = "self.toml"', r"self\.toml extends .*self\.toml: a cycle"),
    ],
)
def test_a_file_that_is_no_study_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StudyError, match=message):
        read_raw(tmp_path / name)


def test_a_cycle_of_two_is_seen(tmp_path):
    write(tmp_path, "a.toml", 'extends = "b.toml"')
    write(tmp_path, "b.toml", 'extends = "./a.toml"')
    with pytest.raises(StudyError, match=r"a\.toml extends .*b\.toml extends .*a\.toml: a cycle"):
        read_raw(tmp_path / "a.toml")


def test_a_study_that_is_in_this_folder_is_named(tmp_path, monkeypatch):
    write(tmp_path, "neuron.toml", "")
    monkeypatch.chdir(tmp_path)
    for name in ("neuron", "neurn.toml"):
        with pytest.raises(StudyError, match=r"ships; did you mean neuron\.toml, which is here\?$"):
            read_raw(name)
    assert read_raw("xor")["device"]["family"] == "dopant"  # which ships


def test_notes_are_about_the_study_that_has_them(tmp_path):
    write(tmp_path, "base.toml", 'extends = "xor"\nnotes = "of the base"\n')
    assert read_raw(write(tmp_path, "base.toml", 'title = "base"\nnotes = "of the base"\n'))["notes"] == "of the base"
    assert "notes" not in read_raw(write(tmp_path, "top.toml", 'extends = "base.toml"\n'))
    own = write(tmp_path, "own.toml", 'extends = "base.toml"\nnotes = "own"\n')
    assert (read_raw(own)["title"], read_raw(own)["notes"]) == ("base", "own")


def test_a_netlist_that_ships_is_found_by_its_name_unless_there_is_an_own_one(tmp_path):
    mine = write(tmp_path, "mine.toml", 'extends = "signoff"\ndevice.subcircuit = "ota_sky130.cir"\n')
    found = Path(read_raw(mine)["device"]["subcircuit"])
    assert found.read_bytes() == (shipped("studies") / "ota_sky130.cir").read_bytes()
    own = write(tmp_path, "ota_sky130.cir", "")
    assert read_raw(mine)["device"]["subcircuit"] == str(own.resolve())
    elsewhere = write(tmp_path, "elsewhere.toml", 'device.subcircuit = "sub/neuron_sky130.cir"\n')
    assert read_raw(elsewhere)["device"]["subcircuit"] == str(tmp_path.resolve() / "sub/neuron_sky130.cir")


def test_the_size_that_tests_run_is_said_in_the_notes(tmp_path):
    text = 'extends = "xor"\nnotes = "why"\n[smoke]\ntraining.steps = 2\ntraining.starts = 1\n'
    study = write(tmp_path, "s.toml", text)
    said = load_study(study, smoke=True)["notes"]
    assert said.startswith("At the size that the tests run ([smoke]: ")
    assert "training.steps = 2" in said
    assert said.endswith("\n\nwhy")
    assert load_study(study)["notes"] == "why"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("xorr", r"there is no study file 'xorr', and no study of that name ships; did you mean xor\?"),
        ("nothing/like.toml", r"there is no study file 'nothing/like\.toml'.*known: and, "),
        ("", "there is no study file ''"),
        (".", "is a folder; give a study file in it"),
        ("\0", "."),
        ("x" * 5000, "."),
    ],
)
def test_what_is_no_file_is_refused(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError, match=message):
        read_raw(name)


def test_a_byte_order_mark_and_windows_line_ends_are_nothing(tmp_path):
    (tmp_path / "a.toml").write_bytes(b'\xef\xbb\xbftitle = "a"\r\n[training]\r\nsteps = 3\r\n')
    assert read_raw(tmp_path / "a.toml") == {"title": "a", "training": {"steps": 3}}


def test_an_unreadable_file_is_named(tmp_path, monkeypatch):
    path = write(tmp_path, "a.toml", "")

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(StudyError, match=r"a\.toml can't be read: Permission denied"):
        read_raw(path)


def test_find_study_prefers_what_lies_beside(tmp_path):
    assert find_study("xor.toml", tmp_path) == shipped_studies()["xor"]
    assert find_study("xor.toml", write(tmp_path, "xor.toml", "").parent) == tmp_path / "xor.toml"


# ---- settings ----


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ('perturbation.amplitude="2 mV"', ("perturbation", "amplitude"), "2 mV"),
        ("perturbation.amplitude=2 mV", ("perturbation", "amplitude"), "2 mV"),
        ("training.steps=3", ("training", "steps"), 3),
        ("training.steps = 3", ("training", "steps"), 3),
        ("training.rate=0.02", ("training", "rate"), 0.02),
        ("task.name=xor", ("task", "name"), "xor"),
        ("task.levels=[-0.3, 0.3]", ("task", "levels"), [-0.3, 0.3]),
        ('task.levels=["0 V", "1 V"]', ("task", "levels"), ["0 V", "1 V"]),
        ("title=a = b", ("title",), "a = b"),
        ("title=", ("title",), ""),
        ("title=two\nlines", ("title",), "two\nlines"),
        ("title=1\nb=2", ("title",), "1\nb=2"),
        ('"a=b".c=1', ("a=b", "c"), 1),
    ],
)
def test_a_setting_is_toml_or_else_a_text(setting, path, value):
    raw = apply_setting({}, setting)
    for key in path:
        raw = raw[key]
    assert raw == value


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("training.steps", "should read KEY=VALUE, such as training.steps=20"),
        ("=3", "should read KEY=VALUE"),
        ("a b=3", "should read KEY=VALUE"),
        ("a..b=3", "should read KEY=VALUE"),
        ("", "should read KEY=VALUE"),
        ("extends=xor", "extends can't be set this way"),
        ("smoke.x=1", "smoke can't be set this way"),
    ],
)
def test_what_is_no_setting_is_refused(setting, message):
    with pytest.raises(StudyError, match=message):
        apply_setting({}, setting)


def test_settings_leave_the_study_they_are_applied_to_alone():
    raw = deepcopy(WHOLE)
    apply_setting(raw, "readout.noise.at=2 kHz")
    apply_setting(raw, "perturbation.window=1 ms")
    assert raw == WHOLE


def test_a_setting_has_the_last_word_over_a_sweep():
    assert load_study("gates", ["task.name=or"])["sweep"] == {}
    assert load_study("gates", ["task.name=or"])["task"]["name"] == "or"
    assert load_study("gates", ['task={name="or"}'])["sweep"] == {}
    for setting in ('sweep.task.name=["or"]', 'sweep."task.name"=["or"]', 'sweep={task={name=["or"]}}'):
        assert load_study("gates", [setting])["sweep"] == {"task.name": ["or"]}


def test_a_setting_within_what_is_swept_as_a_whole_is_refused():
    raw = {"sweep": {"readout.noise": [{"psd": 1}]}}
    with pytest.raises(StudyError, match=r"the study sweeps readout\.noise as a whole"):
        apply_setting(raw, "readout.noise.at=2")


# ---- whatever else people write ----

texts = st.text(st.characters(codec="utf-8"), max_size=8)


def toml_values(floats):
    scalars = (
        st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | floats
        | texts
        | st.sampled_from(["auto", "1 mV", "25 ms", "77 K", "1e400 V", "nan", "e0", "e3", "xor", "1 nA^2/Hz", "-1 Hz"])
        | st.dates()
        | st.times().map(lambda time: time.replace(fold=0))  # TOML has no fold
        | st.datetimes(timezones=st.none() | st.just(dt.UTC)).map(lambda time: time.replace(fold=0))
    )
    keys = texts | st.sampled_from(["psd", "at", "min", "max", "linspace", "logspace", "loss", "training.steps"])
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=6,
    )


garbage = toml_values(st.floats())
PATHS = [(table,) for table in WHOLE] + [
    (table, key) for table, keys in WHOLE.items() if isinstance(keys, dict) for key in [*keys, "zzz"]
]
PATHS += [("readout", "noise", "psd"), ("readout", "noise", "at"), ("specs", "loss", "max"), ("zzz",), ("", "")]


@settings(deadline=None, max_examples=500)
@given(path=st.sampled_from(PATHS), value=garbage)
def test_garbage_in_any_key_is_a_study_or_a_study_error(path, value):
    raw = deepcopy(WHOLE)
    table = raw
    for key in path[:-1]:
        table = table.setdefault(key, {})
    table[path[-1]] = value
    with suppress(StudyError):
        read = parse_study(raw)
        assert isinstance(read, Study)
        assert math.isfinite(read.perturbation.window)


@settings(deadline=None)
@given(raw=st.dictionaries(st.sampled_from([*WHOLE, "zzz"]), garbage))
def test_a_study_of_garbage_is_a_study_error(raw):
    with pytest.raises(StudyError):
        parse_study(raw)  # three tables filled rightly by chance are beyond chance


@settings(deadline=None)
@given(content=st.binary() | st.text().map(str.encode))
def test_a_file_of_garbage_is_a_study_error_or_toml(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "garbage.toml"
    path.write_bytes(content)
    with suppress(StudyError):
        assert isinstance(load_study(path, smoke=True), dict)


@settings(deadline=None)
@given(setting=st.text() | st.builds("{}={}".format, st.sampled_from(["a.b", "sweep", '"', "title"]), st.text()))
def test_any_setting_is_applied_or_a_study_error(setting):
    with suppress(StudyError):
        assert isinstance(apply_setting(WHOLE, setting), dict)


def test_what_is_written_reads_back():
    for raw in (WHOLE, load_study("gates"), load_study("xor", ["title=\"\\\\'µ"], smoke=True)):
        assert tomllib.loads(dump(raw)) == raw
        assert dump(raw) == dump(deepcopy(raw))


@settings(deadline=None)
@given(raw=st.dictionaries(texts, toml_values(st.floats(allow_nan=False)), max_size=4))  # nan equals nothing
def test_whatever_toml_holds_is_written_and_read_back(raw):
    assert tomllib.loads(dump(raw)) == raw


def test_a_block_of_your_own(tmp_path):
    write(
        tmp_path,
        "s.toml",
        """
[device]
subcircuit = "block.cir"
parameters = { w = "2u", n = 3 }
[bias]
vdd = "1.8 V"
[probe]
nodes = ["x1.n3", "@m.x1.m2[id]"]
[electrodes]
output = "out"
output_voltage = "0.9 V"
inputs = ["a", "b"]
controls = ["c"]
[task]
name = "and"
""",
    )
    found = parse_study(load_study(tmp_path / "s.toml"))
    assert found.device.family == "subcircuit"
    assert found.device.subcircuit == str(tmp_path / "block.cir")  # seen from the study, not from where one stands
    assert found.device.temperature == pytest.approx(300.15)
    assert found.device.parameters == {"w": 2e-6, "n": 3.0}
    assert found.bias == {"vdd": 1.8}
    assert found.electrodes.output_voltage == 0.9
    assert found.probe.nodes == ("x1.n3", "@m.x1.m2[id]")


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ({"subcircuit": "a.cir", "sites": 3}, "sites is no key of a block of your own"),
        ({"subcircuit": "a.cir", "family": "dopant"}, "needs subcircuit"),
        ({"family": "subcircuit"}, "needs subcircuit"),
        ({"name": "x"}, "name belongs to a block of your own"),
        ({"subcircuit": "a.cir", "allow_outside": 1}, "1 should be true or false"),
    ],
)
def test_a_block_and_a_network_dont_mix(device, message):
    raw = {**LEAST, "device": device}
    with pytest.raises(StudyError, match=message):
        parse_study(raw)


@pytest.mark.parametrize(
    ("family", "parameters", "si"),
    [
        ("sinh", {"i0": "5 nA", "v0": "60 mV", "ea": "0.2 eV"}, {"i0": 5e-9, "v0": 0.06, "ea": 0.2 * 1.602176634e-19}),
        ("diode", {"saturation_current": "1 fA", "antiparallel": 1, "series_resistance": "1 kohm"}, None),
        ("hp_biolek", {"d": "16 nm", "roff": "1.5k", "x0": "40 %"}, {"d": 16e-9, "roff": 1500.0, "x0": 0.4}),
        ("pershin", {"beta": 2e12, "vth": "1.6 V"}, {"beta": 2e12, "vth": 1.6}),
    ],
)
def test_parameters_of_elements_are_read_in_their_units(family, parameters, si):
    device = Device.model_validate({"family": family, "parameters": parameters})
    if si is not None:
        assert device.parameters == pytest.approx(si)
    assert device.temperature == ELEMENTS[family].all_parameters["temperature"].default


@pytest.mark.parametrize(
    ("family", "parameters", "message"),
    [
        ("sinh", {"i0": "5 mV"}, "'5 mV' is not a current"),
        ("sinh", {"i00": "5 nA"}, "sinh has no parameter 'i00'; did you mean i0?"),
        ("sinh", {"v0": "0 V"}, "v0 of sinh is 0 V; it must be above 0"),
        ("team", {"x0": "5 nm"}, "x0 of team is 5e-09; it must be in 0 … 3e-09"),
        ("dopant", {"i0": 1}, "parameters belongs to a block of your own"),
    ],
)
def test_parameters_that_do_not_fit_an_element_are_refused(family, parameters, message):
    study = {**LEAST, "device": {"family": family, "parameters": parameters}}
    with pytest.raises(StudyError, match=re.escape(message)):
        parse_study(study)


@pytest.mark.parametrize("table", ["pdk", "cluster"])
def test_an_unknown_key_of_a_table_that_may_be_absent_is_said(table):
    with pytest.raises(StudyError, match=rf"unknown key {table}\.zzz; known: "):
        parse_study(load_study("xor", [f"{table}.zzz=1"]))


def test_states_go_on_where_a_study_says_so():
    assert Device.model_validate({"family": "pershin"}).reinitialise
    assert not Device.model_validate({"family": "pershin", "graph": "grid", "reinitialise": False}).reinitialise
    with pytest.raises(StudyError, match="reinitialise"):
        parse_study({**LEAST, "device": {"reinitialise": False}})
