"""A training killed at any moment goes on where it was: the same steps, bit for bit."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hge_spice.drive import Condition, Drive, Tables, Tone, Transient, Waveform
from hge_spice.drive.remembered import digest
from hge_spice.study.bench.bench import Bench
from hge_spice.study.bench.journal import Journal
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study
from hge_spice.study.trial.trial import run_starts

COMMAND = [sys.executable, "-c", "from hge_spice.cli import main; main()"]
ABOUT = {"trial": "abc", "hge-spice": "0"}
WHOLE = Waveform(
    np.array([0.1, 0.2, np.nextafter(0.3, 1)]),
    np.array([1e-9, -2e-9, 0.1 + 0.2]),
    0.025,
    energy=1 / 3 * 1e-9,
    perturbation_energy=-1e-12,
    current_error=1e-16,
    flags=("lag", "coarse"),
    notes=('a "note"\nof two lines',),
    states={"x": (0.25, 0.1 + 0.2)},
    probes={"x1.n3": np.array([3.0, np.inf]), "v": np.empty(0)},
    rejected_steps=3,
    iterations=3.4,
)


def drive(control: float = 0.1, **other) -> Drive:
    return replace(Drive(np.array([control]), np.array([0.3]), (), Transient(0.025, 64)), **other)


def same(a: Waveform, b: Waveform) -> bool:
    def bits(waveform: Waveform) -> list[object]:
        plain = {f.name: getattr(waveform, f.name) for f in fields(waveform)}
        arrays = [plain.pop("time"), plain.pop("output"), *plain.pop("probes").values()]
        return [*(array.tobytes() for array in arrays), list(waveform.probes), plain]

    return bits(a) == bits(b)


def test_a_waveform_comes_back_bit_for_bit(tmp_path: Path) -> None:
    plain = Waveform(np.arange(3.0), np.arange(3.0), 1.0)
    with Journal(tmp_path / "j", ABOUT) as journal:
        journal.note("a", [WHOLE])
        journal.note("b", [plain, WHOLE])
    with Journal(tmp_path / "j", ABOUT) as journal:
        assert journal.left == 2
        first, second = journal.recall("a"), journal.recall("b")
        assert first is not None
        assert second is not None
        for found, noted in zip(first + second, [WHOLE, plain, WHOLE], strict=True):
            assert same(found, noted)
        assert journal.recall("c") is None


def test_what_is_soon_over_is_not_written_and_the_rest_is_whole(tmp_path: Path, monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with Journal(tmp_path / "j", ABOUT, after=1.0) as journal:
        journal.note("a", [WHOLE])
        journal.note("b", [WHOLE, WHOLE])
        assert not (tmp_path / "j").exists()
        now[0] = 1.5
        journal.note("c", [WHOLE])
        with Journal(tmp_path / "j", ABOUT, after=1.0) as copy:  # as after a kill
            assert copy.left == 3
            assert [len(copy.recall(key) or ()) for key in "abc"] == [1, 2, 1]
        journal.note("d", [WHOLE])
    with Journal(tmp_path / "j", ABOUT) as journal:
        assert journal.left == 4


def test_of_something_else_it_begins_anew(tmp_path: Path) -> None:
    for about in (ABOUT, {**ABOUT, "trial": "other"}):
        with Journal(tmp_path / "j", about) as journal:
            assert journal.left == 0
            journal.note("a", [WHOLE])
    (tmp_path / "j").write_bytes(b"no journal at all")
    with Journal(tmp_path / "j", ABOUT) as journal:
        assert journal.left == 0


def test_another_measurement_ends_what_is_given_back(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", ABOUT) as journal:
        for key in "abc":
            journal.note(key, [WHOLE])
    with Journal(tmp_path / "j", ABOUT) as journal:
        assert journal.recall("a") is not None
        assert journal.recall("x") is None
        assert journal.recall("c") is None


def test_every_part_of_a_drive_tells_it_from_others() -> None:
    table = Tables(("a",), np.array([[0.0, 1.0]]), 1e-3)
    drives = [
        drive(),
        drive(np.nextafter(0.1, 1)),
        drive(inputs=np.array([0.4])),
        drive(tones=(Tone("a", 40.0, 1e-3),)),
        drive(tones=(Tone("a", 40.0, 1e-3, 0.1),)),
        drive(transient=Transient(0.025, 65)),
        drive(condition=Condition(warmer=1.0)),
        drive(tables=table),
        drive(tables=replace(table, held=True)),
        drive(tables=replace(table, values=np.array([[0.0, 1.1]]))),
    ]
    assert len({digest(each) for each in drives}) == len(drives)
    assert digest(drive()) == digest(drive())
    together = {digest(*drives[:2]), digest(*drives[1::-1]), digest(*drives[:2], ramp=1e-3), digest(drives[0])}
    assert len(together) == 4


@given(cut=st.integers(0, 3000))
def test_whatever_a_kill_cuts_off_the_whole_records_before_it_count(tmp_path_factory, cut: int) -> None:
    path = tmp_path_factory.mktemp("cut") / "j"
    sizes = []
    with Journal(path, ABOUT) as journal:
        for key in "abc":
            sizes.append(path.stat().st_size)
            journal.note(key, [WHOLE])
    content = path.read_bytes()
    path.write_bytes(content[:cut])
    with Journal(path, ABOUT) as journal:
        assert journal.left == sum(size <= cut for size in [*sizes[1:], len(content)])
        journal.note("d", [WHOLE])  # what was torn is cut off, so that this stands whole
    with Journal(path, ABOUT) as journal:
        assert journal.left == 1 + sum(size <= cut for size in [*sizes[1:], len(content)])


class KilledError(RuntimeError):
    """The moment of a kill."""


NOISY = [
    "training.steps=6",
    "training.starts=2",
    "training.seed=9",
    "training.patience=1",
    "perturbation.amplitude=20 mV",
    'imperfections.readout_noise={psd="1e-4 nA^2/Hz", colour="pink"}',
    'imperfections.drift={offset="0.1 nA", time="1 s"}',
]


def test_a_training_goes_on_with_the_same_bits_and_measures_nothing_twice(tmp_path: Path, monkeypatch) -> None:
    """Rule, jumps, noise by the number of the measurement and drift by its time all come back to where they were."""
    study = parse_study(load_study("xnor", NOISY))
    measured = []

    def trained(journal: Journal | None, most: int = 10**9) -> list[tuple[object, ...]]:
        found = []
        with Bench.of(study, journal=journal) as bench:
            device = bench.pool.devices[0]
            whole = device.measure_many

            def counted(asked):
                measured.extend(asked)
                if len(measured) > most:
                    raise KilledError
                return whole(asked)

            monkeypatch.setattr(device, "measure_many", counted)
            for each in run_starts(bench, tmp_path):
                step = each.step
                found.append((each.start, step.number, step.control.tobytes(), step.outputs.tobytes(), each.cost))
        return found

    undisturbed = trained(None)
    whole = len(measured)
    assert len(undisturbed) > 4
    for most in (9, 30):
        measured.clear()
        with Journal(tmp_path / "j", ABOUT) as journal, pytest.raises(KilledError):
            trained(journal, most)
    with Journal(tmp_path / "j", ABOUT) as journal:
        known = journal.left
        assert known > 9
        measured.clear()
        assert trained(journal) == undisturbed
    assert len(measured) < whole - 9


def test_only_networks_that_forget_are_recorded(tmp_path: Path) -> None:
    for reinitialise, kept in (("false", False), ("true", True)):
        study = tmp_path / "mesh.toml"
        study.write_text(
            f'[device]\nfamily = "pershin"\ngraph = "grid"\nrows = 2\ncolumns = 2\nelectrodes = 4\n'
            f'reinitialise = {reinitialise}\n[electrodes]\noutput = "e0"\ninputs = ["e1", "e2"]\ncontrols = ["e3"]\n'
            'control_range = ["0 V", "0.1 V"]\n[task]\nname = "and"\nlevels = ["0 V", "0.1 V"]\n'
        )
        raw = load_study(study)
        with Journal(tmp_path / reinitialise, ABOUT) as journal:
            before = (tmp_path / reinitialise).stat().st_size
            with Bench.of(parse_study(raw), journal=journal) as bench:
                bench.dut.measure(Drive(bench.control(), bench.recipe.inputs[0], (), Transient(0.025, 16)))
            assert ((tmp_path / reinitialise).stat().st_size > before) is kept


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_killed_again_and_again_the_steps_are_those_of_an_undisturbed_run(tmp_path: Path, seed: int) -> None:
    study = tmp_path / "study.toml"
    study.write_text(
        'extends = "xnor.toml"\n[training]\nsteps = 40\nstarts = 1\npatience = 2\nseed = 5\ngap_over_span = 0.99\n'
        '[imperfections]\nreadout_noise = { psd = "1e-5 nA^2/Hz", colour = "pink" }\n'
    )

    def command(out: Path, *more: str) -> subprocess.Popen[bytes]:
        words = [*COMMAND, "run", str(study), "--out", str(out), "--jobs", "1", *more]
        return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    rng = np.random.default_rng(seed)
    assert command(tmp_path / "whole").wait(300) in {0, 1}
    sizes, kills = [], 0
    while True:
        process = command(tmp_path / "killed", "--resume") if kills else command(tmp_path / "killed")
        target = rng.integers(1, 12) * 20_000 + (sizes[-1] if sizes else 0)  # bytes of journal, some steps on
        while process.poll() is None:
            found = list((tmp_path / "killed" / "trials").glob("*.journal"))
            if found and found[0].stat().st_size > target:
                os.kill(process.pid, signal.SIGKILL)
                break
            time.sleep(0.005)
        if process.wait(300) != -signal.SIGKILL:
            break
        sizes.append(next((tmp_path / "killed" / "trials").glob("*.journal")).stat().st_size)
        kills += 1
    assert kills >= 2
    assert sizes == sorted(sizes)
    one, other = (
        pd.read_parquet(next((tmp_path / name / "trials").glob("*/steps.parquet"))) for name in ("whole", "killed")
    )
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert not list((tmp_path / "killed" / "trials").glob("*.journal"))
