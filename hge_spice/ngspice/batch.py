"""One run of `ngspice -b` on a whole deck: for transients that take minutes, and as whoever gets the deck runs it."""

import shutil
import subprocess
from pathlib import Path

from hge_spice.drive import Floats, SimulationError
from hge_spice.ngspice.library import NgspiceNotFound, install_command
from hge_spice.ngspice.log import ending
from hge_spice.traces import read_raw


def run_batch(text: str, deck: Path, timeout: float) -> dict[str, Floats]:
    """Write a deck, run it in its folder, and return the vectors of its analysis by name, the scale first.

    timeout : s. The vectors' file stays beside the deck, with the suffix .raw.

    Raises NgspiceNotFound where there is no ngspice command, SimulationError with the end of its log where it gives no
    result. A `.spiceinit` is not read.
    """
    command = shutil.which("ngspice")
    if command is None:
        raise NgspiceNotFound(f"there is no ngspice command on the path; type: {install_command() or 'its installer'}")
    deck.write_text(text)
    raw = deck.with_suffix(".raw")
    try:
        done = subprocess.run(  # noqa: S603 - found on the path, as a user would
            [command, "-n", "-b", "-r", raw.name, deck.name],
            cwd=deck.parent,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SimulationError(f"ngspice -b {deck} was not done after {timeout:.0f} s; take fewer steps") from None
    log = (done.stdout + done.stderr).decode(errors="replace")
    if done.returncode != 0 or not raw.is_file():
        raise SimulationError(f"ngspice -b {deck} gave no result:\n{ending(log.splitlines())}")
    return read_raw(raw)[0][1]
