"""Mixer and integrator of bipolar transistors: a Gilbert cell and an operational transconductance amplifier.

The cell's lower pair, with emitter resistors, takes the signal; its upper quad the reference, kept so small beside
2kT/e that its tanh is nearly straight: i_p − i_n ≈ x/(R + r_e) · tanh(y/2V_T) (Gilbert, IEEE J. Solid-State Circuits 3,
365 (1968), doi 10.1109/JSSC.1968.1049925). The amplifier is a differential pair with a Wilson mirror as load:
I₀ tanh(v/2V_T) into the capacitor, which integrates and limits the step at once.

The transistors' charges are left out of a learning run, whose clock is a thousand times slower than their poles;
`characterisation` has them. Model parameters are ours, of an ordinary monolithic process.
"""

from dataclasses import dataclass

import numpy as np
from scipy.constants import Boltzmann, elementary_charge

THERMAL = Boltzmann * 300.15 / elementary_charge  # V, at ngspice's 27 °C
TAIL, DEGENERATION = 200e-6, 10e3  # A, ohm
SIGNAL, SMALL = 0.1, 2e-3  # V at the cell for 1 V of signal, and of reference
CHARGES = " tf={tf} cje={cj} cjc={cj}"
TOP, BASES = 2.0, -2.0  # V, of the cell's outputs and supply, and of the bases of its lower pair and of the amplifier
CELL_TRANSISTORS, AMPLIFIER_TRANSISTORS = 6, 5  # of the two below
TRICKLE = 1e-4  # share of the tail current that flows while the amplifier is gated off, so that its nodes are defined


def models(*, charges: bool = False) -> list[str]:
    """Lines of the transistors' models and of the two circuits made of them."""
    stored = {"qn": CHARGES.format(tf="0.3n", cj="0.5p"), "qp": CHARGES.format(tf="5n", cj="0.5p")}
    extra = stored if charges else dict.fromkeys(stored, "")
    return [
        f".model qn npn(is=1e-16 bf=200 vaf=80{extra['qn']})",
        f".model qp pnp(is=1e-16 bf=60 vaf=40{extra['qp']})",
        ".subckt gilbert xp xn yp yn p n",
        "Q1 c1 xp e1 qn",
        "Q2 c2 xn e2 qn",
        f"R1 e1 t {DEGENERATION!r}",
        f"R2 e2 t {DEGENERATION!r}",
        f"Itail t 0 {TAIL!r}",
        "Q3 p yp c1 qn",
        "Q4 n yn c1 qn",
        "Q5 n yp c2 qn",
        "Q6 p yn c2 qn",
        ".ends",
        ".subckt ota ip in out tail",
        "Q1 d ip tail qn",
        "Q2 out in tail qn",
        "Q3 d m vcc qp",
        "Q4 m m vcc qp",
        "Q5 out d m qp",
        "Vcc vcc 0 2",
        ".ends",
    ]


@dataclass(frozen=True)
class GilbertCell:
    """A mixer; offset : V, between the bases of the quad, where a mismatch of its transistors stands."""

    offset: float = 0.0

    @property
    def resistance(self) -> float:
        """Ohm that turn i_p − i_n into x·y/10 V, for small signals."""
        emitter = DEGENERATION + 2 * THERMAL / TAIL
        return emitter * 2 * THERMAL / (10 * SIGNAL * SMALL)

    def stamp(self, name: str, x: str, y: str) -> tuple[list[str], str]:
        """Lines of a cell fed by two expressions, and the expression of its product, W in V."""
        lines = [
            f"Bxp{name} xp{name} 0 V={BASES!r}+{SIGNAL / 2!r}*({x})",
            f"Bxn{name} xn{name} 0 V={BASES!r}-{SIGNAL / 2!r}*({x})",
            f"Byp{name} yp{name} 0 V={SMALL / 2!r}*({y})+({self.offset / 2!r})",
            f"Byn{name} yn{name} 0 V=-{SMALL / 2!r}*({y})-({self.offset / 2!r})",
            f"Vp{name} top p{name} 0",
            f"Vn{name} top n{name} 0",
            f"X{name} xp{name} xn{name} yp{name} yn{name} p{name} n{name} gilbert",
        ]
        return lines, f"{self.resistance!r}*(i(Vp{name})-i(Vn{name}))"


def ota_lines(name: str, node: str, wanted: str, gate: str, current: float) -> list[str]:
    """Lines of an amplifier that draws I₀·tanh(wanted) from the node while the gate, an expression, is 1; I₀ in A."""
    return [
        f"Vip{name} ip{name} 0 {BASES!r}",
        f"Bin{name} in{name} 0 V={BASES!r}+{2 * THERMAL!r}*({wanted})",
        f"Btail{name} tail{name} 0 I={current!r}*({gate}+{TRICKLE!r})",
        f"X{name} ip{name} in{name} {node} tail{name} ota",
    ]


CHARACTERISTICS = {  # x, y (or the amplifier's input over 2V_T), and the analysis
    "gain": ("0", "1", ".dc Vx -10 10 0.1"),
    "reference": ("1", "0", ".dc Vy -10 10 0.1"),
    "bandwidth": ("DC 0 AC 1", "5", ".ac dec 20 1k 10g"),
    "integrator": ("0", "0", ".dc Vx -3 3 0.02"),
}


def characterisation(kind: str, current: float = 20e-6) -> str:
    """Deck of one mixer or integrator, charges counted; kind is one of CHARACTERISTICS.

    Its node `out` is the mixer's product, V, or 1 V for 1 A that the integrator draws, of I₀ = current.
    """
    x, y, analysis = CHARACTERISTICS[kind]
    lines, product = GilbertCell().stamp("m", "v(x)", "v(y)")
    if kind == "integrator":
        lines = [*ota_lines("o", "held", "v(x)", "1", current), "Vheld held 0 0", "Hout out 0 Vheld -1"]
    else:
        lines.append(f"Bout out 0 V={product}")
    sources = [f"Vtop top 0 {TOP!r}", f"Vx x 0 {x}", f"Vy y 0 {y}"]
    return "\n".join(
        [f"{kind} of a part", *models(charges=True), *lines, *sources, ".save v(out)", analysis, ".end", ""]
    )


def reference_gain(amplitude: float) -> float:
    """Share of a small reference's product that one of this amplitude leaves: mean of 2·tanh(a·sin)·sin over a, V."""
    swing = SMALL * amplitude / (2 * THERMAL)
    angle = 2 * np.pi * (np.arange(256) + 0.5) / 256
    return float(2 * np.mean(np.tanh(swing * np.sin(angle)) * np.sin(angle)) / swing)
