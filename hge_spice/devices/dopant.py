"""Mean-field variable-range hopping between dopant sites under electrodes: the dopant network.

The voltage of node p<i> is the mean occupation of site i (0 to 1 V), so Kirchhoff's current law is charge conservation;
the voltage of node u<i> is the site's potential. The equations are the mean-field (Hartree) form ⟨n_i(1−n_j)⟩ ≈
p_i(1−p_j) of hopping with the Glauber rate ½(1 − tanh(ΔE/2kT)), which obeys detailed balance and is smooth:

    u_i  = Σ_k W_ik V_k + Σ_j C_ij (p_j − ½)        C_ij = e/(4π ε0 εr r_ij)
    I_ij = (I0/2) g_ij [(p_i − p_j) − tanh((u_j − u_i − C_ij (p_i − p_j))/(2kT/e)) (p_i + p_j − 2 p_i p_j)]
    I_ik = (I0/2) g_ik [(2 p_i − 1) − tanh((V_k − u_i)/(2kT/e))]        g = exp(−2r/a), I0 = e ν0

C_ij (p_i − p_j) takes the pair's own Coulomb term out of a hop: a carrier doesn't repel itself. W is the harmonic
measure of the rim arc nearest each electrode (Poisson's kernel of the disc, integrated in closed form).

What it is not: a model of correlations between sites, which the exact master equation has. And taking the pair's term
out of each hop alone leaves no single set of occupations at which every link is in balance. With all electrodes at one
potential and sites of equal energy it rests without current, as it must; sites of different fixed energies would keep
currents circulating at rest (1.4 nA at the output for 50 mV of disorder on the device of the shipped studies).

`varied` therefore leaves the pair's term in where it gives sites energies of their own or sets fixed donors between
them: p_i = 1/(1 + exp((u_i − V)/(kT/e))), Fermi's occupation, is then in balance on every link. With donors, each a
positive charge e that never moves, an empty site is negative, p − 1, as an acceptor is; without them the background is
−½. It also offers the rate of hops that a phonon carries, ½·x/(e^x − 1) with x = ΔE/kT, which is Glauber's times
(x/2)·coth(x/2): the same at equal energies, in balance at the same occupations, and without Glauber's ceiling.

Sources: the rate and the geometry follow the kinetic Monte Carlo literature on dopant network processing units
(Tertilt et al., Phys. Rev. Applied 17, 064025 (2022)); the mean-field form and the attempt rate are ours.
What is perturbed: electrode voltages. State: the occupations; each site's capacitance is e/1 V = 0.16 aF.
"""

import networkx as nx
import numpy as np
from PySpice.Spice.Netlist import Circuit
from scipy.constants import Boltzmann, elementary_charge

from hge_spice.devices.dopant_potentials import coulomb, electrode_weights, fixed_potential
from hge_spice.devices.equations import Branches, Equations, Positions
from hge_spice.devices.expression import Expression
from hge_spice.devices.family import Family
from hge_spice.devices.names import terminal
from hge_spice.graph import Network, dopant_network, electrodes, sites

# s = I0·g/2 in A; w = e/(2kT) in 1/V; c = C_ij in V
HOP = Expression("s*((pi-pj)-tanh((uj-ui-c*(pi-pj))*w)*(pi+pj-2*pi*pj))")
TO_ELECTRODE = Expression("s*((2*pi-1)-tanh((v-ui)*w))")
# what the rate is over Glauber's, an even function of z = ΔE/(2kT); z·coth(z) is 1 at z = 0, to 1e-10 in this form
RATES = {"glauber": None, "phonon": Expression("sqrt(z*z+1e-10)/tanh(sqrt(z*z+1e-10))")}
_HOP_ENERGY, _LEAD_ENERGY = Expression("(uj-ui-c*(pi-pj))*w"), Expression("(v-ui)*w")


def hop(rate: str) -> tuple[Expression, Expression]:
    """Current between two sites, and from a site to an electrode, with a rate of RATES."""
    over = RATES[rate]
    if over is None:
        return HOP, TO_ELECTRODE
    pairs = ((HOP, _HOP_ENERGY), (TO_ELECTRODE, _LEAD_ENERGY))
    between, lead = (Expression("i*over").substituted(i=i, over=over.substituted(z=z)) for i, z in pairs)
    return between, lead


# Zero for every physical occupation. The algebraic equations also have roots outside [0, 1], on which an operating
# point can land without a word; this current bars them. 1000 times the strongest link's current a volt removed all
# of 600 tried.
CLAMP = Expression("k*(max(pi-1,0)+min(pi,0))")
CLAMP_FACTOR = 1000.0


def strongest_link(graph: Network) -> float:
    """I0·exp(−2r/a) of the shortest link, A: the scale of the network's currents."""
    parameters = graph.graph["parameters"]
    shortest = min(data["length"] for _, _, data in graph.edges(data=True))
    return float(elementary_charge * parameters["attempt_rate"] * np.exp(-2 * shortest / parameters["localisation"]))


def varied(
    graph: Network, rng: np.random.Generator, *, disorder: float = 0.0, donors: int = 0, rate: str = "glauber"
) -> Network:
    """Return a copy of the network with sites of different energies, fixed donors among them, or another rate.

    disorder : V, standard deviation of the sites' energies over e, normal; donors : fixed positive charges, uniform in
    the disc; rate : one of RATES

    Raises ValueError for a negative disorder or number of donors, and an unknown rate.
    """
    if not (np.isfinite(disorder) and disorder >= 0):
        raise ValueError(f"disorder is {disorder!r} V; it must be zero or more")
    if donors < 0:
        raise ValueError(f"{donors} donors; there must be zero or more")
    if rate not in RATES:
        raise ValueError(f"there is no rate {rate!r}; there are {', '.join(RATES)}")
    graph = graph.copy()
    alike = disorder == 0 and donors == 0
    graph.graph["parameters"] = {**graph.graph["parameters"], "rate": rate, "pair_correction": alike}
    for name in sites(graph):
        graph.nodes[name]["energy"] = float(disorder * rng.standard_normal())
    distance = graph.graph["parameters"]["radius"] * np.sqrt(rng.random(donors))
    angle = 2 * np.pi * rng.random(donors)
    graph.graph["donors"] = [
        (float(x), float(y)) for x, y in zip(distance * np.cos(angle), distance * np.sin(angle), strict=True)
    ]
    return graph


def single_carriers(graph: Network) -> Network:
    """Return a copy for the master equation: carriers that hop one by one repel others alone, whatever `varied` did.

    Its occupations are whole, so that the pair's term out of each hop is in balance whatever the sites' energies.
    """
    graph = graph.copy()
    graph.graph["parameters"] = {**graph.graph["parameters"], "pair_correction": True}
    return graph


def _stamp(circuit: Circuit, graph: Network) -> None:
    parameters = graph.graph["parameters"]
    rims, places = tuple(terminal(name) for name in electrodes(graph)), sites(graph)
    number = {name: i for i, name in enumerate(places)}
    weights, repulsion = electrode_weights(graph), coulomb(graph)
    fixed = fixed_potential(graph, repulsion)
    between, lead = hop(parameters.get("rate", "glauber"))
    corrected = 1.0 if parameters.get("pair_correction", True) else 0.0
    for i in range(len(places)):
        # The linear sum as transconductances into 1 Ω: no B source to evaluate at every iteration
        for k, rim in enumerate(rims):
            circuit.VCCS(f"w{i}_{k}", 0, f"u{i}", rim, 0, float(weights[i, k]))
        for j in range(len(places)):
            if j != i:
                circuit.VCCS(f"c{i}_{j}", 0, f"u{i}", f"p{j}", 0, float(repulsion[i, j]))
        circuit.I(f"u{i}", 0, f"u{i}", float(fixed[i]))
        circuit.R(f"u{i}", f"u{i}", 0, 1.0)
        circuit.C(f"p{i}", f"p{i}", 0, elementary_charge)
        clamp = CLAMP.spice(k=CLAMP_FACTOR * strongest_link(graph), pi=f"v(p{i})")
        circuit.BehavioralSource(f"k{i}", f"p{i}", 0, current_expression=clamp)
    rate = elementary_charge * parameters["attempt_rate"] / 2
    inverse = elementary_charge / (2 * Boltzmann * parameters["temperature"])
    for a, b, data in graph.edges(data=True):
        site, other = (a, b) if a in number else (b, a)
        i = number[site]
        strength = float(rate * np.exp(-2 * data["length"] / parameters["localisation"]))
        if other in number:
            j = number[other]
            current = between.spice(
                s=strength,
                w=inverse,
                c=corrected * float(repulsion[i, j]),
                pi=f"v(p{i})",
                pj=f"v(p{j})",
                ui=f"v(u{i})",
                uj=f"v(u{j})",
            )
            circuit.BehavioralSource(_link(i, other, number), f"p{i}", f"p{j}", current_expression=current)
        else:
            rim = terminal(other)
            current = lead.spice(s=strength, w=inverse, pi=f"v(p{i})", ui=f"v(u{i})", v=f"v({rim})")
            circuit.BehavioralSource(_link(i, other, number), f"p{i}", rim, current_expression=current)


def _link(site: int, other: str, number: dict[str, int]) -> str:
    """Name of a hop's source, but for its letter; number : of every site by its name."""
    return f"h{site}_{number.get(other, terminal(other))}"


def _links(graph: Network) -> tuple[tuple[str, ...], ...]:
    number = {name: i for i, name in enumerate(sites(graph))}
    each = [(a, b) if a in number else (b, a) for a, b in graph.edges]
    return tuple((f"b{_link(number[site], other, number)}".lower(),) for site, other in each)


def equations(graph: Network) -> Equations:
    """State Kirchhoff's law at every site: charge conservation."""
    parameters = graph.graph["parameters"]
    rims, places = electrodes(graph), sites(graph)
    count = len(places)
    ground, potential = count + len(rims), count + len(rims) + 1
    place = {name: k for k, name in enumerate((*places, *rims))}
    repulsion = coulomb(graph)
    between, lead = hop(parameters.get("rate", "glauber"))
    corrected = bool(parameters.get("pair_correction", True))
    rate = elementary_charge * parameters["attempt_rate"] / 2
    inverse = elementary_charge / (2 * Boltzmann * parameters["temperature"])
    # each link as (site, other end, strength, number), the site first
    links = [
        (*sorted((place[a], place[b])), rate * np.exp(-2 * data["length"] / parameters["localisation"]), number)
        for number, (a, b, data) in enumerate(graph.edges(data=True))
    ]
    hops = [link for link in links if link[1] < count]
    leads = [link for link in links if link[1] >= count]

    def positions(links: list[tuple[int, int, float, int]], end: int) -> Positions:
        return np.array([link[end] for link in links], dtype=np.intp)

    def alone(at: Positions) -> tuple[Positions, Positions]:
        return at, np.full_like(at, ground)

    i, j = positions(hops, 0), positions(hops, 1)
    site, rim = positions(leads, 0), positions(leads, 1)
    return Equations(
        unknowns=tuple(f"p{k}" for k in range(count)),
        electrodes=rims,
        branches=(
            Branches(
                between,
                {
                    "s": np.array([link[2] for link in hops]),
                    "w": np.full(len(hops), inverse),
                    "c": corrected * repulsion[i, j],
                },
                {"pi": alone(i), "pj": alone(j), "ui": alone(potential + i), "uj": alone(potential + j)},
                i,
                j,
                positions(hops, 3),
            ),
            Branches(
                lead,
                {"s": np.array([link[2] for link in leads]), "w": np.full(len(leads), inverse)},
                {"pi": alone(site), "ui": alone(potential + site), "v": alone(rim)},
                site,
                rim,
                positions(leads, 3),
            ),
        ),
        capacitance=elementary_charge * np.diag(np.arange(ground) < count).astype(float),
        bounds=(0.0, 1.0),
        carriers=corrected,
        weights=electrode_weights(graph),
        coupling=repulsion,
        offset=fixed_potential(graph, repulsion),
    )


def _check(graph: Network) -> None:
    """Refuse a network whose occupations would be undetermined, or whose output nothing can reach."""
    unequal = any(graph.nodes[name].get("energy", 0.0) for name in sites(graph)) or graph.graph.get("donors")
    if unequal and graph.graph["parameters"].get("pair_correction", True):
        raise ValueError(
            "sites of unequal energies would keep currents at rest; set pair_correction to False (`varied`)"
        )
    if not sites(graph):
        raise ValueError("the network has no sites")
    linked = set().union(*(nx.node_connected_component(graph, n) for n in electrodes(graph)))
    lost = [n for n in sites(graph) if n not in linked]
    if lost:
        raise ValueError(
            f"no electrode reaches site {', '.join(lost)}: its charge is undetermined; raise the localisation length, "
            "lower the cutoff or take another seed"
        )
    output = electrodes(graph, "output")[0]
    if not any(nx.has_path(graph, output, name) for name in electrodes(graph) if name != output):
        raise ValueError(f"output {output} is linked to no other electrode; no current can reach it")


FAMILY = Family(
    name="dopant",
    build=dopant_network,
    check=_check,
    stamp=_stamp,
    bounded_nodes=lambda graph: tuple(f"p{i}" for i in range(len(sites(graph)))),
    bounds=(0.0, 1.0),
    # Currents are of the order of nA, those of sub-millivolt tones of fA: ngspice's defaults (1 pA, 1 µV, 1e-3) hide
    # them. With reltol 1e-5 the bias's slope over 0.5–4 mV was 1.0, not 2; with 1e-7 it is 2.0, for 5 % more time.
    options={"abstol": 1e-16, "reltol": 1e-7, "vntol": 1e-9, "gmin": 1e-18},
    summary="mean-field hopping between dopant sites under electrodes (trainable to XOR)",
    equations=equations,
    links=_links,
)
