import html
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from hge_spice.cli.gradient import _bias
from hge_spice.cli.results import print_results
from hge_spice.cli.run import _new
from hge_spice.traces import read_raw

COMMAND = [sys.executable, "-W", "error", "-c", "from hge_spice.cli import main; main()"]
TINY = ("--set", "training.steps=1", "--set", "training.starts=1", "--set", "perturbation.amplitude=2 mV")


def call(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


def test_run_from_an_empty_directory(tmp_path: Path) -> None:
    done = call("run", "xor", "--out", "out", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"study", "out", "trials", "seconds", "results"}
    (result,) = found["results"]
    wanted = (
        "status solved steps starts loss extractions seconds simulated_seconds energy_joule outputs gap gap_over_span"
    )
    assert {*wanted.split(), "contrast", "d_prime", "control"} <= set(result)
    assert result["solved"]
    outputs = np.array(result["outputs"])
    assert min(outputs[1:3]) - max(outputs[[0, 3]]) == pytest.approx(result["gap"])
    assert result["gap_over_span"] >= 0.3
    assert result["contrast"] >= 0.05
    assert result["d_prime"] >= 6.2
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "study.toml",
        "ledger.sqlite",
        "results.csv",
        "results.parquet",
        "trials",
        "report.html",
        "run.log",
    }
    # the outputs are those of plain ngspice on the decks beside them
    (folder,) = (tmp_path / "out/trials").iterdir()
    for pattern in range(4):
        deck, raw = folder / f"readout-{pattern}.cir", tmp_path / "r.raw"
        subprocess.run(["ngspice", "-b", "-r", str(raw), str(deck)], check=True, capture_output=True)  # noqa: S607 - found on the path, as a user would
        ((_, vectors),) = read_raw(raw)
        assert vectors["i(vout_e0)"][0] == pytest.approx(outputs[pattern], abs=1e-3 * np.ptp(outputs))
    # and what was run can be run again from its own copy
    again = call("run", "out/study.toml", "--out", "again", "--json", cwd=tmp_path)
    assert json.loads(again.stdout)["results"][0]["outputs"] == result["outputs"]
    # made again from what is on disk
    (tmp_path / "out/report.html").unlink()
    assert call("report", "out", cwd=tmp_path).returncode == 0
    assert (tmp_path / "out/report.html").exists()


@pytest.mark.long
def test_six_of_six_gates(tmp_path: Path) -> None:
    done = call("run", "gates", "--out", "out", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [r["solved"] for r in json.loads(done.stdout)["results"]] == [True] * 6


def test_a_study_that_is_not_solved_is_one(tmp_path: Path) -> None:
    assert call("run", "xor", *TINY, "--set", "training.rate=1 uV", "--out", "o", cwd=tmp_path).returncode == 1


def test_netlist_under_plain_ngspice(tmp_path: Path) -> None:
    done = call("netlist", "xor", "--set", "perturbation.amplitude=2 mV", "--output", "d.cir", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    run = subprocess.run(["ngspice", "-b", "-r", "d.raw", "d.cir"], cwd=tmp_path, check=False, capture_output=True)  # noqa: S607 - found on the path, as a user would
    assert run.returncode == 0
    assert len(read_raw(tmp_path / "d.raw")[0][1]["time"]) > 75
    assert call("netlist", "xor", "--output", "d.cir", cwd=tmp_path).returncode == 2


def test_gradient_tones_list_doctor_as_json(tmp_path: Path) -> None:
    found = json.loads(call("gradient", "xor", "--set", "perturbation.amplitude=1 mV", "--json", cwd=tmp_path).stdout)
    assert found["relative_error_max"] < 5e-3
    plan = json.loads(call("tones", "--controls", "5", "--window", "25 ms", "--json", cwd=tmp_path).stdout)
    assert plan["points"] == 75
    assert plan["second_order_hits"] == plan["third_order_hits"] == []
    assert plan["frequencies"] == pytest.approx([h / 25e-3 for h in plan["harmonics"]])
    listed = json.loads(call("list", "--json", cwd=tmp_path).stdout)
    assert set(listed["tasks"]) >= {"and", "nand", "or", "nor", "xor", "xnor", "sphere", "iris"}
    assert set(listed["studies"]) >= {"xor", "gates"}
    assert json.loads(call("doctor", "--json", cwd=tmp_path).stdout)["usable"]


def test_dry_run_says_what_would_run(tmp_path: Path) -> None:
    done = call("run", "gates", "--dry-run", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert all(line.startswith("trial ") and "task.name=" in line for line in lines[:6])
    assert lines[6].startswith("6 trials; the first is tried now")
    assert "the first took" in done.stdout
    assert not (tmp_path / "runs").exists()


BROKEN = {
    "unknown key": ('[device]\nfamly = "dopant"', "device.famly"),
    "wrong unit": ('extends = "xor.toml"\n[perturbation]\nwindow = "25 mV"', "perturbation.window"),
    "no window": ('extends = "xor.toml"\n[perturbation]\nwindow = "0 ms"', "perturbation.window"),
    "electrode": ('extends = "xor.toml"\n[electrodes]\noutput = "e77"', "e77"),
    "tones": ('extends = "xor.toml"\n[perturbation]\ntones = [7, 7, 16, 17, 19]', "7"),
    "points": ('extends = "xor.toml"\n[perturbation]\ntones = [7, 11, 16, 17, 19]\npoints = 30', "point"),
    "toml": ("[device", "TOML"),
    "range": ('extends = "xor.toml"\n[electrodes]\ncontrol_range = ["1 V", "-1 V"]', "control_range"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_bad_studies_are_two_with_one_message(case: str, tmp_path: Path) -> None:
    text, named = BROKEN[case]
    (tmp_path / "s.toml").write_text(text)
    done = call("run", "s.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "nowhere.toml"),
        ("run", "xor", "--jobs", "0"),
        ("run", "xor", "--frobnicate"),
        ("run", "xor", "--resume"),
        ("report", "."),
        ("list", "cheese"),
        ("bench", "cheese"),
        ("bench", "quasistatic", "--out", os.devnull),
        ("tones",),
        ("tones", "--controls", "3", "--window", "-1 s"),
        ("run", "xor", "--set", "training.steps"),
        ("allan", "xor", "--output", "nowhere/a.png"),
        ("allan", "xor", "--output", "a.jpeg2"),
        ("plot", "yakopcic", "--output", "a"),
    ],
)
def test_bad_calls_are_two(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = call(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("hge-spice: ")
    assert "Traceback" not in done.stderr


def test_no_ngspice_is_three_with_the_command_to_type(tmp_path: Path) -> None:
    done = call("run", "xor", *TINY, cwd=tmp_path, NGSPICE_LIBRARY_PATH=str(tmp_path / "none.so"))
    assert done.returncode == 3
    assert "NGSPICE_LIBRARY_PATH" in done.stderr
    assert "Traceback" not in done.stderr
    (tmp_path / "fake.so").write_text("not a library")
    done = call("run", "xor", *TINY, cwd=tmp_path, NGSPICE_LIBRARY_PATH=str(tmp_path / "fake.so"))
    assert done.returncode in {1, 3}
    assert "Traceback" not in done.stderr


def test_an_out_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = call("run", "xor", *TINY, "--out", "file/deep", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    done = call("run", "xor", *TINY, "--out", "/proc/nothing/here", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_full_disk_keeps_what_is_finished(tmp_path: Path) -> None:
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)]
    mounted = subprocess.run(command, check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        done = call("run", "gates", *TINY, "--jobs", "1", "--out", str(tmp_path / "out"), cwd=Path.cwd())
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        assert "space" in done.stderr.lower() or "full" in done.stderr.lower()
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=False)  # noqa: S607 - found on the path


def heed_signals() -> None:
    """A shell starts background jobs with SIGINT ignored, nohup with SIGHUP, and the tests may be such a job."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("jobs", "number"), [("1", signal.SIGINT), ("2", signal.SIGINT), ("2", signal.SIGTERM), ("1", signal.SIGHUP)]
)
def test_ctrl_c_and_its_like_stop_within_two_seconds_and_leave_no_process(
    jobs: str, number: signal.Signals, tmp_path: Path
) -> None:
    arguments = ("run", "gates", "--set", "training.starts=50", "--set", "training.rate=1 uV", "--jobs", jobs)
    with subprocess.Popen(
        [*COMMAND, *arguments, "--out", "out"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_signals,  # noqa: PLW1509 - before exec
    ) as process:
        log = tmp_path / "out/run.log"
        while not log.exists() and process.poll() is None:  # until trials are planned, however busy the machine is
            time.sleep(0.1)
        time.sleep(4)
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        began = time.monotonic()
        process.send_signal(number)
        _, stderr = process.communicate(timeout=20)
        assert time.monotonic() - began < 2 + 1  # a second for a busy machine
    assert process.returncode == 130
    assert "finished trials are kept" in stderr
    assert "Traceback" not in stderr
    _, alive = psutil.wait_procs(children, timeout=3)
    assert not alive
    assert (tmp_path / "out/ledger.sqlite").exists()
    assert not (tmp_path / "out/lock").exists()
    go_on = f"hge-spice {shlex.join(arguments)} --out out --resume"
    assert f"go on with {go_on}\n" in stderr
    assert go_on in html.unescape((tmp_path / "out/report.html").read_text())


def in_a_shell(line: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", line.format(shlex.join([*COMMAND, *arguments]))]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_output_into_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    for arguments in (("list",), ("list", "--json")):
        done = in_a_shell("{} | head -1; exit ${{PIPESTATUS[0]}}", *arguments, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")


def test_output_that_finds_no_room_is_an_error(tmp_path: Path) -> None:
    done = in_a_shell("{} > /dev/full", "list", "devices", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "hge-spice: No space left on device\n")


def test_closed_streams_and_a_terminal_without_our_letters_do_no_harm(tmp_path: Path) -> None:
    closed = in_a_shell("{} >&- 2>&-", "list", "flags", cwd=tmp_path)
    assert (closed.returncode, closed.stdout, closed.stderr) == (0, "", "")
    plain = call("list", "flags", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert plain.returncode == 0, plain.stderr
    assert "lag" in plain.stdout


def test_a_refused_run_leaves_nothing_where_it_was_to_go(tmp_path: Path) -> None:
    (tmp_path / "run.log").write_text("mine\n")
    for more in ((), ("--resume",)):
        done = call("run", "xor", *TINY, "--out", ".", *more, cwd=tmp_path)
        assert done.returncode == 2
        assert "is not empty" in done.stderr
        assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("run.log", "mine\n")]


def test_runs_that_begin_in_one_second_have_directories_of_their_own(tmp_path: Path) -> None:
    wanted = [tmp_path / "runs/xor", tmp_path / "runs/xor-2", tmp_path / "runs/xor-3"]
    assert [_new(tmp_path / "runs/xor") for _ in range(3)] == wanted
    assert all(path.is_dir() for path in wanted)


def test_what_a_reason_holds_in_brackets_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    failed = {"status": "failed", "reason": "no @m.x1.m1[id] in [/tmp] :smile:\nits log", "seed": "[red]a[/red]"}
    print_results({"results": [failed, failed | {"reason": ""}], "out": "out"}, ["seed"])
    said = capsys.readouterr().out
    assert "no @m.x1.m1[id] in [/tmp] :smile:" in said
    assert "[red]a[/red]" in said


def test_specs_decide_the_exit_status_and_a_subset_what_runs(tmp_path: Path) -> None:
    sweep = ("--set", "sweep.training.seed=[0, 1, 2]", "--subset", "training.seed in [0, 2]")
    done = call("run", "xor", *TINY, *sweep, "--set", "specs.steps.max=1", "--out", "out", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr  # one step each, which is all that the study asks for
    found = json.loads(done.stdout)
    assert [result["training.seed"] for result in found["results"]] == [0, 2]
    assert found["yields"][0] == {**found["yields"][0], "what": "all specs", "passed": 2, "total": 2}
    assert "2 of 2 trials, 0 failed" in done.stderr
    again = call("run", "xor", *TINY, *sweep, "--set", "specs.steps.max=1", "--out", "out", "--resume", cwd=tmp_path)
    assert again.returncode == 0
    assert "2 of them done already" in (tmp_path / "out/run.log").read_text()
    missed = call("run", "xor", *TINY, "--set", "specs.gap_over_span.min=0.99", "--out", "missed", cwd=tmp_path)
    assert missed.returncode == 1
    assert "all specs: 0 of 1" in missed.stdout


def test_help_shows_switches_without_a_value(tmp_path: Path) -> None:
    shown = call("run", "--help", cwd=tmp_path, COLUMNS="200").stdout
    assert "--resume" in shown
    assert "<bool>" not in shown + call("--help", cwd=tmp_path, COLUMNS="200").stdout


RESISTORS = ".subckt net a b c out\nr1 a y 100k\nr2 b y 100k\nr3 y {output} 100k\nr4 c y 100k\n{more}.ends\n"
BLOCK = """
device = { subcircuit = "block.cir" }
electrodes = { output = "out", inputs = ["a", "b"], controls = ["c"], control_range = ["0 V", "1 V"] }
task = { name = "and", levels = ["0 V", "1 V"] }
training = { steps = 1, starts = 1 }
"""


@pytest.mark.parametrize("command", ["run", "gradient"])
def test_an_output_that_nothing_is_connected_to_is_refused_at_once(command: str, tmp_path: Path) -> None:
    (tmp_path / "block.cir").write_text(RESISTORS.format(output="outt", more=""))
    (tmp_path / "s.toml").write_text(BLOCK)
    done = call(command, "s.toml", cwd=tmp_path)
    wanted = (
        "hge-spice: block.cir:1: pin out is the output, and nothing is connected to it; is node outt of r3 meant?\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", wanted)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("command", ["run", "gradient"])
def test_what_looks_odd_is_said_before_anything_runs(command: str, tmp_path: Path) -> None:
    (tmp_path / "block.cir").write_text(RESISTORS.format(output="out", more="r5 y summ 10k\n"))
    (tmp_path / "s.toml").write_text(BLOCK)
    done = call(command, "s.toml", cwd=tmp_path, NGSPICE_LIBRARY_PATH=str(tmp_path / "none.so"))
    assert done.returncode == 3
    assert done.stderr.startswith("hge-spice: block.cir:6: node summ is connected to r5 alone\n")


TRANSISTOR = """
.model n nmos level=1 vto=0.5
.subckt one a b c out
m1 out c 0 0 n w=1u l=1u
r1 a out 1meg
r2 b out 1meg
.ends
"""
CORNERS = """
device = { subcircuit = "block.cir" }
task = { name = "and", levels = ["0 V", "1 V"] }
perturbation = { amplitude = "2 mV", points = 64 }
training = { steps = 1, starts = 1 }
corners = { temperature = ["27 C", "80 C"], saturated = ["M1"] }
specs = { headroom = { min = "1.5 V" }, retrained_solved = { min = 1 }, solved = { min = 1 } }
[electrodes]
output = "out"
output_voltage = "0.9 V"
inputs = ["a", "b"]
controls = ["c"]
control_range = ["0.8 V", "1.4 V"]
"""


def test_a_sign_off_of_which_no_point_is_trained_ends_with_its_verdict(tmp_path: Path) -> None:
    (tmp_path / "block.cir").write_text(TRANSISTOR)
    (tmp_path / "s.toml").write_text(CORNERS)
    for more in ((), ("--resume",)):
        done = call("run", "s.toml", "--out", "out", *more, cwd=tmp_path)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert done.stdout.count("stopped: headroom") == 2
        lines = done.stdout.splitlines()
        assert {"retrained_solved ≥ 1: not reached", "solved ≥ 1: not reached", "report: out/report.html"} <= {*lines}
        assert "headroom ≥ 1.5 V: 0 of 2 (95 %: 0.0 … 65.8 %)" in lines
        assert any(line.startswith("Change what headroom depends on first: 2 of 2 points miss it") for line in lines)
    report = (tmp_path / "out/report.html").read_text()
    assert '<td>retrained_solved ≥ 1</td><td class="number">not reached</td>' in report


def test_a_transistor_that_the_block_lacks_is_named_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "block.cir").write_text(TRANSISTOR)
    (tmp_path / "s.toml").write_text(CORNERS)
    done = call("run", "s.toml", "--set", 'corners.saturated=["m9"]', cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "hge-spice: corners.saturated: the block has no transistor m9; known: m1\n"
    assert not (tmp_path / "runs").exists()


def test_a_predicted_bias_is_said_without_its_error_where_no_fit_tells_that() -> None:
    """With as many points as unknowns nothing is left over; two amplitudes tell a bias all the same."""
    found = {"bias": [[1e-9, -2e-9], [None, 2e-9]], "bias_stderr": [[None, None], [None, None]]}
    assert "predicted up to 2 nA/V, isn't in it" in _bias(found, 1e9, "nA/V")
    found["bias_stderr"] = [[3e-10, 1e-10], [None, 1e-10]]
    assert "predicted up to 2 ± 0.1 nA/V" in _bias(found, 1e9, "nA/V")
    assert "can't tell it" in _bias({"bias": [[None]], "bias_stderr": [[None]]}, 1e9, "nA/V")
