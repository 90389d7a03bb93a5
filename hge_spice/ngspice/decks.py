"""The netlists of one network, a worker process each: made when first asked for, loaded again when they change."""

from collections.abc import Mapping, Sequence

from hge_spice import netlist
from hge_spice.devices.condition import warmed
from hge_spice.drive import SimulationError, Tables
from hge_spice.drive.plateaus import Plateaus
from hge_spice.graph import Network
from hge_spice.netlist import tables
from hge_spice.netlist.ramps import sequence_text
from hge_spice.ngspice.kept import Kept
from hge_spice.ngspice.loaded import LoadedDeck


class Decks:
    """Those of a network whose plain netlist is `text`; call close().

    plain : the one for plain measurements, which nothing that the others do can change
    kept : circuits that stay loaded beyond this network, if any are to
    """

    def __init__(self, graph: Network, text: str, timeout: float, kept: Kept | None = None) -> None:
        self._graph = graph
        self._kept = kept
        self._text = text
        self._timeout = timeout
        self._setup = tuple(graph.graph.get("setup", ()))
        self._placed: Mapping[str, str] = {}
        self.plain = self._taken(text)
        self._noisy: LoadedDeck | None = None
        self._tabled: LoadedDeck | None = None
        self._sequence: LoadedDeck | None = None
        self._sequence_text = ""
        self._tables: Tables | None = None
        self._body: tuple[tuple[str, ...], float, str] | None = None  # building it takes longer than loading it
        self._warm: LoadedDeck | None = None
        self._warmer = 0.0

    @property
    def retried(self) -> int:
        """Analyses that were repeated because a worker died."""
        return sum(loaded.retried for loaded in self._begun)

    @property
    def solver_seconds(self) -> float:
        """What ngspice's analyses took."""
        return sum(loaded.solver_seconds for loaded in self._begun)

    def place(self, placed: Mapping[str, str]) -> None:
        """What is altered in all of them from now on; see LoadedDeck."""
        self._placed = placed
        for loaded in self._begun:
            loaded.placed = placed

    def close(self) -> None:
        """End the worker processes, but for those that are kept for the next network."""
        for loaded in self._begun:
            if self._kept is not None and loaded in (self.plain, self._noisy):
                self._kept.give(loaded)
            else:
                loaded.close()

    def _taken(self, text: str) -> LoadedDeck:
        if self._kept is None:
            return self._new(text)
        found = self._kept.take(text, self._timeout, self._setup)
        found.placed = self._placed
        return found

    def _new(self, text: str, files: Mapping[str, bytes] | None = None) -> LoadedDeck:
        made = LoadedDeck(text, self._timeout, setup=self._setup, files=files)
        made.placed = self._placed
        return made

    @property
    def _begun(self) -> list[LoadedDeck]:
        found = (self.plain, self._noisy, self._tabled, self._sequence, self._warm)
        return [loaded for loaded in found if loaded is not None]

    @property
    def noisy(self) -> LoadedDeck:
        """With the netlist for `.noise`, which keeps every quantity of an analysis."""
        if self._noisy is None:
            write, kept = netlist.noise_deck, self._kept
            self._noisy = self._taken(write(self._graph) if kept is None else kept.text(self._graph, write))
        return self._noisy

    def at(self, warmer: float) -> LoadedDeck:
        """With the circuit warmer by so much, K."""
        if not warmer:
            return self.plain
        if self._warm is None or warmer != self._warmer:
            text = netlist.deck(warmed(self._graph, warmer))
            self._warmer = 0.0  # should loading fail
            if self._warm is None:
                self._warm = self._new(text)
            else:
                self._warm.load(text, setup=self._setup)
            self._warmer = warmer
        return self._warm

    def with_tables(self, wanted: Tables, warmer: float) -> LoadedDeck:
        """With these tables loaded; warmer : K."""
        at = (wanted.electrodes, warmer)
        if self._tabled is not None and wanted is self._tables and self._body is not None and self._body[:2] == at:
            return self._tabled
        text = self._tabled_text(wanted, warmer)
        self._tables = None
        self._tabled = self._loaded(self._tabled, text, wanted)
        self._tables = wanted
        return self._tabled

    def sequence(self, plateaus: Plateaus, levels: Sequence[Mapping[str, float]]) -> LoadedDeck:
        """With the levels and ramps of these drives; levels : DC voltage of each driven electrode, V, by drive."""
        warmer, together = plateaus.condition.warmer, plateaus.tables
        if together is not None:
            plain = self._tabled_text(together, warmer)
        else:
            plain = netlist.deck(warmed(self._graph, warmer)) if warmer else self._text
        text = sequence_text(plain, plateaus, levels)
        if self._sequence is None or together is not None or text != self._sequence_text:
            self._sequence_text = ""
            self._sequence = self._loaded(self._sequence, text, together)
            self._sequence_text = text if together is None else ""
        return self._sequence

    def _tabled_text(self, wanted: Tables, warmer: float) -> str:
        body = (wanted.electrodes, warmer)
        if self._body is None or self._body[:2] != body:
            self._body = (*body, netlist.tabled_body(warmed(self._graph, warmer), wanted.electrodes))
        return "\n".join([self._body[2], *netlist.table_sources(self._graph, wanted), ".end", ""])

    def _loaded(self, deck: LoadedDeck | None, text: str, wanted: Tables | None) -> LoadedDeck:
        """The worker with this netlist, and the files of its tables, or a new one."""
        files = None if wanted is None else tables.files(wanted)
        try:
            if deck is None:
                return self._new(text, files)
            deck.load(text, setup=self._setup, files=files)
        except SimulationError as error:
            if wanted is None or self.plain.worker.features["code_models"]:
                raise
            raise SimulationError(
                "tables need XSPICE's code models, which this ngspice has not loaded; `hge-spice doctor` says more"
            ) from error
        return deck
