import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import networkx as nx
import numpy as np
import psutil
import pytest

from hge_spice.drive import Drive, SimulationError, Tone, Transient
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.ngspice.pool import NgspicePool
from hge_spice.study.bench.bench import Bench
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study
from hge_spice.train import train

WINDOW = 25e-3


def drives(count: int, points: int = 75) -> list[Drive]:
    rng = np.random.default_rng(0)
    return [
        Drive(
            rng.uniform(-0.5, 0.5, 5),
            rng.choice([-0.3, 0.3], 2),
            tuple(
                Tone(name, h / WINDOW, 2e-3, p)
                for name, h, p in zip(
                    ("e1", "e4", "e5", "e6", "e7"), (7, 11, 16, 17, 19), rng.uniform(0, 6, 5), strict=True
                )
            ),
            Transient(WINDOW * points / 75, points),
        )
        for _ in range(count)
    ]


def test_every_number_of_workers_gives_the_same_bits_in_the_same_order(
    graph: nx.Graph,  # type: ignore[type-arg]  # generic in stubs only
    device: NgspiceDevice,
) -> None:
    asked = drives(9)
    alone = [device.measure(drive) for drive in asked]
    for workers in (1, 2, 3):
        with NgspicePool(graph, workers) as pool:
            for one, other in zip(alone, pool.measure_many(asked), strict=True):
                assert np.array_equal(one.output, other.output)
                assert np.array_equal(one.time, other.time)
                assert one.energy == other.energy


def test_a_worker_killed_in_a_training_changes_no_step() -> None:
    study = parse_study(load_study("xor", ["perturbation.amplitude=5 mV", "training.rate=1 mV"]))

    def steps(kill: bool) -> list[np.ndarray]:
        with Bench.of(study, workers=2) as bench:
            found = []
            for step in train(bench.dut, bench.control(), bench.recipe, 8):
                found.append(step.control)
                if kill and step.number in {2, 5}:
                    victim = bench.network.devices[step.number % 2].worker.pid
                    threading.Timer(0.02, os.kill, (victim, signal.SIGKILL)).start()
            assert not kill or bench.network.retried >= 1
            return found

    for one, other in zip(steps(kill=False), steps(kill=True), strict=True):
        assert np.array_equal(one, other)


def test_a_worker_that_dies_twice_is_a_failure_with_a_reason(graph: nx.Graph) -> None:  # type: ignore[type-arg]
    with NgspicePool(graph, 2) as pool:
        stop = threading.Event()

        def murder() -> None:
            while not stop.is_set():
                for device in pool.devices:
                    pid = device.worker.pid  # read once: 0 while one is replaced, and kill(0) is of the whole group
                    if pid:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                time.sleep(0.05)

        killer = threading.Thread(target=murder)
        killer.start()
        try:
            with pytest.raises(SimulationError, match="SIGKILL"):
                pool.measure_many(drives(4, points=7500))
        finally:
            stop.set()
            killer.join()
        assert len(pool.measure_many(drives(4))) == 4  # and the pool is as good as new


def test_a_dead_worker_does_not_end_a_program_in_which_sigpipe_kills() -> None:
    script = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"  # as some libraries do when they are imported
        "from hge_spice.ngspice.worker import Worker\n"
        "worker = Worker()\n"
        "worker.load('a divider\\nv1 a 0 1\\nr1 a b 1k\\nr2 b 0 1k\\n.end\\n')\n"
        "os.kill(worker.pid, signal.SIGKILL)\n"
        "time.sleep(0.3)\n"
        "try: worker.run([], 'op', ('v(b)',))\n"
        "except Exception as error: print(error)\n"
        "print(worker.run([], 'op', ('v(b)',)).vectors)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "signal SIGKILL" in done.stdout
    assert "0.5" in done.stdout


def test_closing_ends_what_another_thread_measures(
    graph: nx.Graph,  # type: ignore[type-arg]  # generic in stubs only
) -> None:
    pool = NgspicePool(graph, 2)
    failed: list[BaseException] = []

    def measure() -> None:
        try:
            pool.measure_many(drives(2, points=7_500_000))
        except SimulationError as error:
            failed.append(error)

    caller = threading.Thread(target=measure)
    caller.start()
    time.sleep(0.5)
    pool.close()
    caller.join(20)
    assert not caller.is_alive()
    assert len(failed) == 1
    assert pool.retried == 0
    assert not any(device.worker.pid for device in pool.devices)


def test_closing_leaves_no_process(graph: nx.Graph) -> None:  # type: ignore[type-arg]
    pool = NgspicePool(graph, 2)
    pids = [device.worker.pid for device in pool.devices]
    pool.measure_many(drives(2))
    pool.close()
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_no_workers_is_refused(graph: nx.Graph) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match="0 workers"):
        NgspicePool(graph, 0)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_parent_however_it_ends(how: signal.Signals) -> None:
    script = (
        "from hge_spice.graph import *; from hge_spice.ngspice.pool import NgspicePool; import sys, time\n"
        "g = assign_roles(dopant_network(seed=13), output='e0', inputs=['e2', 'e3'], "
        "controls=['e1', 'e4', 'e5', 'e6', 'e7'])\n"
        "from test_pool import drives\n"
        "with NgspicePool(g, 2) as pool:\n"
        "    print(*(d.worker.pid for d in pool.devices), flush=True)\n"
        "    pool.measure_many(drives(2, points=7_500_000))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parent,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,  # noqa: PLW1509 - as above
    ) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        time.sleep(0.5)
        parent.send_signal(how)
        _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=4)
        assert not alive
        parent.kill()
