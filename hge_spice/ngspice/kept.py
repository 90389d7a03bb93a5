"""Circuits that stay loaded from one network to the next: a process's library takes ngspice a second to read."""

from collections.abc import Callable
from threading import Lock

from hge_spice.closing import Closing
from hge_spice.graph import Network
from hge_spice.ngspice.loaded import LoadedDeck


class Kept(Closing):
    """Workers that nobody uses at the moment, each with the circuit that it had last.

    Whoever takes one alters everything that its own circuit differs in, so that nothing depends on who had it before.
    Use it as a context manager, or call close().
    """

    def __init__(self) -> None:
        self._idle: list[LoadedDeck] = []
        self._lock = Lock()
        self._texts: dict[tuple[str, str], str] = {}

    def text(self, graph: Network, write: Callable[[Network], str]) -> str:
        """`write(graph)`, written once for networks that are told alike: writing it takes longer than an analysis."""
        key = (write.__qualname__, repr((graph.graph, [*graph.nodes.items()], [*graph.edges(data=True)])))
        if key not in self._texts:
            self._texts[key] = write(graph)
        return self._texts[key]

    def __len__(self) -> int:
        return len(self._idle)

    def take(self, text: str, timeout: float, setup: tuple[str, ...]) -> LoadedDeck:
        """A worker with this circuit: one that has it, one that loads it, or a new one.

        setup : commands before it; they stay until the process ends, so that a worker with others is left alone
        Raises SimulationError where ngspice can't read it.
        """
        with self._lock:
            alike = [each for each in self._idle if each.setup == setup]
            found = next((each for each in alike if each.text == text), alike[0] if alike else None)
            if found is not None:
                self._idle.remove(found)
        if found is None:
            return LoadedDeck(text, timeout, setup=setup)
        found.retried, found.solver_seconds, found.worker.timeout = 0, 0.0, timeout
        if found.text != text:
            found.load(text, setup=setup)  # which ends the process where it fails
        return found

    def give(self, loaded: LoadedDeck) -> None:
        """Take back a worker that may be used again."""
        with self._lock:
            self._idle.append(loaded)

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()
