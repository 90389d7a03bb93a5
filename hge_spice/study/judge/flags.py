"""What each flag means and what to do about it: for the report, `hge-spice list flags` and docs/how_to_flags.md."""

MEANINGS = {  # the most frequent first
    "nonlinear": (
        "3rd-order products are predicted to move a derivative by more than 0.5 % of the largest one. The bias "
        "falls with the square of the amplitude."
    ),
    "curvature_unseen": (
        "The points in a window are too few to tell by how much 3rd-order products move the derivatives, and by what "
        "they leave elsewhere it may be more than 0.5 % of the largest one. The notes of hge-spice gradient say how "
        "many perturbation.points tell, and at which amplitude it would not matter."
    ),
    "lag": (
        "A response is out of phase with its tone by more than a tenth of the largest: poles of the circuit lie "
        "near the tones. In phase alone it loses the cosine of its lag, and beyond 90° its sign. Slower tones "
        '(a longer window), or lockin.phase = "calibrate", which measures the lag beforehand and turns it back; '
        "the notes of hge-spice gradient say below which frequency it would not matter. Where a capacitance bypasses "
        "the device, they say so: the part in phase is right there, and calibrating would count what is no derivative."
    ),
    "collision": (
        "An intermodulation product of 2nd or 3rd order, aliases counted, falls on a tone and is taken for a "
        "part of its derivative. More points, or other harmonics, keep them apart."
    ),
    "low_snr": (
        "The largest response of a pattern is less than five standard errors, or less than five times the "
        "stated read-out noise. A larger amplitude or a longer window lifts it."
    ),
    "coarse": (
        "A finer grid moves a response by more than a thousandth of the largest: the points are too few for the "
        "circuit's poles. Leave perturbation.points to auto, or take twice as many. Of a learning circuit: its "
        "lock-ins are off by more than 2 %, though nothing in its mixers makes them so; if more points don't help, a "
        "smaller amplitude does, or a slower leak."
    ),
    "false_gradient": (
        "A lock-in of the learning circuit is off by more than 2 % of the pattern's largest derivative, and its mixers "
        "have offsets or feedthrough: chop them (circuit.chopped), or take circuit.auto_zero against what is there "
        "without a signal. Or they are driven beyond their range."
    ),
    "uneven": (
        "The solver took steps of its own, so that the window is no uniform grid: aliases are not where they "
        "were planned."
    ),
    "gmin_stepping": "Newton alone didn't find the operating point; lowering extra conductances stepwise was tried.",
    "source_stepping": "Nor did extra conductances; raising all sources stepwise was tried.",
    "transient_op": "The operating point is where a transient stood still: a state may be undetermined at rest.",
    "newton_limit": "Newton needed more than half of the iterations it is allowed, on average over the steps.",
    "below_tolerance": "The largest response of a pattern is below five times what the solver's tolerances resolve.",
    "unsettled": (
        "Even the longest dead time tried before the window still moved a derivative by more than a thousandth; "
        "or, with patterns in one transient, the last ramp still shows in a window: lengthen the settling time."
    ),
    "clipped": (
        "An update met the control range and was cut there; steps.parquet names the controls. Of a measurement: a "
        "converter or the amplifier met its own range, which the imperfections state."
    ),
    "jumped": "The loss had stopped falling, and the start went on from the best of some random settings.",
    "unphysical": (
        "A state left its bounds (an occupation outside 0 … 1): no current that the device could give. Such a "
        "read-out never counts as solved."
    ),
    "wrong_sign": (
        "A derivative has a sign that this network can't give: none of its elements conducts less with more "
        "voltage and nothing gates them. It is an error of measurement: noise, poles near the tones, or a read- "
        "out whose sign is other than stated."
    ),
    "multistable": (
        "More than one operating point was found at the control setting reached: which one a measurement sees "
        "depends on where it came from. See “More than one solution” for the control region."
    ),
    "moved_state": (
        "A state of the device moved by more than a thousandth during the measurement: what is read is the device on "
        "its way, and where the state follows the tones, also their integral. Shorter windows (faster tones), or tones "
        "and biases below what moves it."
    ),
}
