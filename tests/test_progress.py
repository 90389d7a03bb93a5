import io
import time
from contextlib import suppress

from hge_spice.study.run.ledger import Outcome
from hge_spice.study.run.plan import plan_study
from hge_spice.study.run.progress import LOG, Tally, watching
from hge_spice.study.text.files import load_study


def outcome(gap: float | None, reason: str = "") -> Outcome:
    return Outcome(None if gap is None else {"gap_over_span": gap, "solved": gap > 0.3}, reason, 0.5, {})


def test_a_line_says_what_is_done_and_what_is_left(monkeypatch):
    tally = Tally(total=10, before=2, began=0.0)
    monkeypatch.setattr("hge_spice.study.run.progress.time.monotonic", lambda: 20.0)
    tally.add(2, outcome(0.1))
    tally.add(7, outcome(0.4))
    tally.add(4, outcome(-0.4))
    tally.add(5, outcome(None))
    assert tally.line() == "6 of 10 trials, 1 failed, 0.2 a second, 20 s left, best gap/span +0.40 (trial 8)"


def test_plain_lines_where_there_is_no_terminal_and_a_log_always(tmp_path):
    planned = plan_study(load_study("xor", ["sweep.training.seed=[0, 1, 2]"]))
    stream = io.StringIO()
    with watching(planned, tmp_path, stream, stepwise=False) as watch:
        watch.planned(3, 1)
        watch.started(1)
        watch.finished(1, outcome(0.5))
        watch.finished(2, outcome(None, "ngspice stopped\nits log"))
    assert stream.getvalue().splitlines()[-1].startswith("3 of 3 trials, 1 failed, ")
    assert "\x1b" not in stream.getvalue()
    log = (tmp_path / LOG).read_text()
    assert "3 trials, 1 of them done already" in log
    assert "trial 2 solved in 0.5 s" in log
    assert "trial 3 failed: ngspice stopped" in log


def test_the_choice_of_electrodes_tells_how_long_it_will_take(tmp_path, monkeypatch):
    stream = io.StringIO()
    with watching(plan_study(load_study("xor", [])), tmp_path, stream, stepwise=True) as watch:
        now = [time.monotonic()]
        monkeypatch.setattr("hge_spice.study.run.progress.time.monotonic", lambda: now[0])
        watch.started(0)
        for tenth in range(1, 11):
            now[0] += 20.0
            watch.screened(0, 100 * tenth, 1000)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[4] == "trial, choosing electrodes: 500 of 1000 points, 1 min 40 s left"
    assert lines[9] == "trial, choosing electrodes: 1000 of 1000 points, 0 s left"


def test_what_stops_a_run_is_in_its_log(tmp_path):
    with suppress(KeyboardInterrupt), watching([], tmp_path, io.StringIO(), stepwise=False) as watch:
        watch.planned(1, 0)
        raise KeyboardInterrupt
    assert "stopped: KeyboardInterrupt" in (tmp_path / LOG).read_text()


def test_a_run_that_is_refused_leaves_no_word_in_the_directory(tmp_path):
    with suppress(ValueError), watching([], tmp_path, io.StringIO(), stepwise=False):
        raise ValueError("--out is not empty")
    assert not list(tmp_path.iterdir())


class Closed(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError


def test_a_run_goes_on_where_nobody_reads_how_it_goes(tmp_path, monkeypatch):
    monkeypatch.setattr("hge_spice.study.run.progress.EVERY", 0.0)
    with watching([], tmp_path, Closed(), stepwise=False) as watch:
        watch.planned(2, 0)
        watch.finished(0, outcome(0.5))
    assert "ended: 1 of 2 trials" in (tmp_path / LOG).read_text()


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path):
    with watching([], tmp_path / "nowhere", io.StringIO(), stepwise=False) as watch:
        watch.planned(0, 0)
