"""What the simulated device leaves open: solutions besides the one trained, and what is left without mean field."""

from typing import Any

import numpy as np

from hge_spice.devices.dopant import single_carriers
from hge_spice.drive import Floats
from hge_spice.graph import electrodes, readout
from hge_spice.margin import margin
from hge_spice.quasistatic import BatchedNetwork, QuasistaticDevice, count_solutions
from hge_spice.quasistatic.master_equation import MOST_SITES, master_equation
from hge_spice.study.bench.bench import Bench
from hge_spice.study.text.finite import finite

SETTINGS, STARTS = 20, 5


def holds_exactly(bench: Bench, control: Floats) -> dict[str, Any]:
    """Outputs, gap and gradient of a solution in the exact model; nothing for devices that have none.

    Nor where more than an amplifier is between device and read-out: loads, resistances and wiring are no carriers, and
    a difference of outputs isn't worked out.

    control : [control], V

    Keys: `holds_in_exact_model` (solved by the same conditions), `exact` with `outputs`, `gap`, `gap_over_span`,
    `d_prime`, `loss_gradient` against `mean_field_loss_gradient` [control], 1/V, the `cosine` between them, their
    `ratio` of sizes and the largest `correlation` of two sites.
    """
    graph = bench.network.graph
    if (
        graph.graph["family"] != "dopant"
        or sum(d.get("kind") == "site" for _, d in graph.nodes(data=True)) > MOST_SITES
    ):
        return {}
    network, device = BatchedNetwork.of(single_carriers(graph)), QuasistaticDevice(graph)
    how = readout(graph)
    if how.differential or not network.equations.carriers:
        return {}
    factor = how.sign * how.per_ampere
    output = network.equations.electrodes.index(electrodes(graph, "output")[0])
    columns = [network.equations.electrodes.index(name) for name in device.controls]
    found = [master_equation(network, device.held(control, inputs), output) for inputs in bench.recipe.inputs]
    outputs = factor * np.array([each.current[output] for each in found])
    measurement, target = bench.recipe.measurement, bench.recipe.target
    judged = margin(outputs, target.classes, measurement.mean_noise, 0.0)
    _, slope = bench.recipe.loss(outputs, target)
    exact = slope @ (factor * np.array([each.jacobian[columns] for each in found]))
    mean_outputs, mean_jacobian = device.exact(control, bench.recipe.inputs)
    _, mean_slope = bench.recipe.loss(mean_outputs, target)
    mean = mean_slope @ mean_jacobian
    sizes = float(np.linalg.norm(exact)), float(np.linalg.norm(mean))
    return {
        "holds_in_exact_model": judged.solved,
        "exact": {
            "outputs": outputs.tolist(),
            "gap": judged.gap,
            "gap_over_span": judged.gap_over_span,
            "d_prime": finite(judged.d_prime),
            "loss_gradient": exact.tolist(),
            "mean_field_loss_gradient": mean.tolist(),
            "cosine": float(exact @ mean / (sizes[0] * sizes[1])) if all(sizes) else None,
            "ratio": sizes[1] / sizes[0] if sizes[0] else None,
            "correlation": max(each.correlation for each in found),
        },
    }


def solutions(bench: Bench, control: Floats) -> dict[str, Any]:
    """Whether the device is multistable where it was trained, and in how much of the control range.

    control : [control], V. Nothing for a device whose equations aren't stated, or not at rest.

    Key `solutions`: `most`, the largest number of operating points of a pattern found here; `multistable_settings` of
    `settings` random ones of the control range in which a pattern has more than one; `region`, the lowest and highest
    voltage of each control, by name, among the settings where one has, this one included; `starts` tried for each.
    """
    graph = bench.network.graph
    try:
        network, device = BatchedNetwork.of(graph), QuasistaticDevice(graph)
    except ValueError:
        return {}
    output = network.equations.electrodes.index(electrodes(graph, "output")[0])
    rng = np.random.default_rng([bench.study.training.seed, STARTS])
    drawn = rng.uniform(*bench.study.electrodes.control_range, (SETTINGS, len(control)))
    rims = np.array([device.held(row, inputs) for row in (control, *drawn) for inputs in bench.shown.inputs])
    counts = count_solutions(network, rims, output, starts=STARTS, rng=rng).reshape(SETTINGS + 1, -1).max(axis=1)
    several = np.concatenate([control[None], drawn])[counts > 1]
    return {
        "solutions": {
            "most": int(counts[0]),
            "multistable_settings": int((counts[1:] > 1).sum()),
            "region": {
                name: [float(each.min()), float(each.max())]
                for name, each in zip(device.controls, several.T, strict=True)
                if len(each)
            },
            "settings": SETTINGS,
            "starts": STARTS + 1,
        }
    }
