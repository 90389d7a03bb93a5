// The report of a sweep: its table sorts and filters, its pictures are drawn from the numbers in the page, and a click
// on a trial opens its page. Plain SVG, so that it prints and works where nothing can be loaded.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const count = data.id.length;
  const by = (id) => document.getElementById(id);
  const NS = "http://www.w3.org/2000/svg";
  const W = 640, H = 340, LEFT = 70, RIGHT = 14, TOP = 14, BOTTOM = 48;
  const COLOURS = ["var(--blue)", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f"];

  const node = (name, about = {}, parent = null, text = null) => {
    const made = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(about)) made.setAttribute(key, value);
    if (text !== null) made.textContent = text;
    if (parent) parent.appendChild(made);
    return made;
  };
  const element = (name, about = {}, parent = null, text = null) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(about)) made.setAttribute(key, value);
    if (text !== null) made.textContent = text;
    if (parent) parent.appendChild(made);
    return made;
  };

  // numbers as people write them
  const PREFIXES = [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"], [1e-12, "p"], [1e-15, "f"]];
  const prefix = (largest) => PREFIXES.find(([size]) => largest >= size) || PREFIXES[PREFIXES.length - 1];
  const plain = (value) => {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    const text = size && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
    return text.replace(/-/g, "−");
  };
  const si = (value, unit) => {
    if (value === null || value === undefined) return "–";
    if (!unit || !value) return plain(value) + (unit ? " " + unit : "");
    const [size, letter] = prefix(Math.abs(value));
    return `${Number((value / size).toPrecision(3))} ${letter}${unit}`.replace("-", "−");
  };
  // "80.5505946707 K" in as many letters as a label has room for
  const brief = (text) => {
    const found = /^([+-]?[\d.]+(?:e[+-]?\d+)?)( .*)?$/i.exec(text);
    const short = found ? plain(Number(found[1])) + (found[2] || "") : text;
    return short.length > 14 ? short.slice(0, 13) + "…" : short;
  };
  const bare = (values) => values.filter((v) => v !== null && v !== undefined && Number.isFinite(v));

  // an axis: where a value lies, and ticks at round numbers
  const linear = (low, high, from, to) => {
    if (low === high) { low -= Math.abs(low) * 0.05 || 1; high += Math.abs(high) * 0.05 || 1; }
    const raw = (high - low) / 5, power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find((n) => n * power >= raw);
    const ticks = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) ticks.push(Number((k * step).toPrecision(10)));
    return { at: (v) => from + ((v - low) / (high - low)) * (to - from), ticks, low, high };
  };
  const logarithmic = (low, high, from, to) => {
    const a = Math.log10(low), b = Math.log10(high) === a ? a + 1 : Math.log10(high);
    let ticks = [];
    for (let k = Math.floor(a); k <= Math.ceil(b); k++) for (const n of b - a < 2 ? [1, 2, 5] : [1]) ticks.push(n * 10 ** k);
    ticks = ticks.map((t) => Number(t.toPrecision(6))).filter((t) => t >= low * 0.999 && t <= high * 1.001);
    while (ticks.length > 8) ticks = ticks.filter((_, k) => k % 2 === 0);
    return { at: (v) => from + ((Math.log10(v) - a) / (b - a)) * (to - from), ticks, low, high };
  };
  const spread = (values, from, to) => {
    const known = bare(values);
    if (!known.length) return linear(0, 1, from, to);
    const low = Math.min(...known), high = Math.max(...known);
    if (low > 0 && high / low > 30) return logarithmic(low, high, from, to);
    const room = 0.04 * (high - low);
    return linear(low - room, high + room, from, to);
  };
  const named = (names, from, to) => ({
    at: (k) => from + ((k + 0.5) / names.length) * (to - from),
    ticks: names.map((_, k) => k).filter((k) => names.length <= 12 || k % Math.ceil(names.length / 12) === 0),
    names, width: Math.abs(to - from) / names.length,
  });

  const picture = (host, label, height = H) => {
    const svg = node("svg", { viewBox: `0 0 ${W} ${height}`, role: "img", "aria-label": label, class: "plot" });
    host.replaceChildren(svg);
    return svg;
  };
  const frame = (svg, x, y, xName, yName, xUnit = "", yUnit = "", height = H, left = LEFT) => {
    const group = node("g", { class: "axes" }, svg);
    const write = (axis, unit) => {
      if (axis.names) return { word: (t) => brief(axis.names[t]), unit: "" };
      const [size, letter] = unit ? prefix(Math.max(...axis.ticks.map(Math.abs))) : [1, ""];
      return { word: (t) => plain(t / size), unit: unit ? ` / ${letter}${unit}` : "" };
    };
    const wx = write(x, xUnit), wy = write(y, yUnit);
    for (const t of y.ticks) {
      node("line", { x1: left, x2: W - RIGHT, y1: y.at(t), y2: y.at(t), class: "grid" }, group);
      node("text", { x: left - 6, y: y.at(t) + 4, "text-anchor": "end" }, group, wy.word(t));
    }
    for (const t of x.ticks) {
      node("line", { x1: x.at(t), x2: x.at(t), y1: height - BOTTOM, y2: height - BOTTOM + 4, class: "edge" }, group);
      node("text", { x: x.at(t), y: height - BOTTOM + 18, "text-anchor": "middle" }, group, wx.word(t));
    }
    node("line", { x1: left, x2: W - RIGHT, y1: height - BOTTOM, y2: height - BOTTOM, class: "edge" }, group);
    node("line", { x1: left, x2: left, y1: TOP, y2: height - BOTTOM, class: "edge" }, group);
    node("text", { x: (left + W - RIGHT) / 2, y: height - 8, "text-anchor": "middle", class: "name" }, group, xName + wx.unit);
    const turned = `translate(15 ${(TOP + height - BOTTOM) / 2}) rotate(-90)`;
    node("text", { transform: turned, "text-anchor": "middle", class: "name" }, group, yName + wy.unit);
    return group;
  };
  const tip = (mark, text) => node("title", {}, mark, text);
  const legend = (host, entries) => {
    const line = element("p", { class: "legend" }, host);
    for (const [colour, text] of entries) {
      const item = element("span", {}, line);
      element("i", { style: `background:${colour}` }, item);
      item.append(` ${text}`);
    }
  };

  // a column of the table: numbers, or the places of words
  const column = (name) => {
    if (data.metrics[name]) return { name, values: data.metrics[name], unit: data.units[name] || "", names: null };
    const written = data.written[name], numbers = data.numbers[name];
    if (numbers.every((n) => n !== null)) return { name, values: numbers, unit: "", names: null, written };
    const names = [...new Set(written)];
    return { name, values: written.map((w) => names.indexOf(w)), unit: "", names, written };
  };
  const axis = (c, from, to) => {
    if (c.names) return named(c.names, from, to);
    const made = spread(c.values, from, to), distinct = [...new Set(bare(c.values))];
    if (c.written && distinct.length < 8) made.ticks = distinct.sort((a, b) => a - b); // where the trials are
    return made;
  };
  const parameters = (k) => data.keys.map((key) => `${key} = ${data.written[key][k]}`).join(", ") || data.id[k];

  // the table
  const body = by("trials-body"), rows = [...body.rows];
  const cells = rows.map((row) => row.textContent.toLowerCase());
  const heads = [...document.querySelectorAll("#trials thead th")];
  const sorted = { name: null, down: false };
  const sortable = (name) => {
    if (name === "id" || name === "status") return data[name];
    const c = column(name);
    return c.values;
  };
  for (const head of heads) {
    const button = head.querySelector("button");
    if (!button) continue;
    button.addEventListener("click", () => {
      const name = head.dataset.name;
      sorted.down = sorted.name === name ? !sorted.down : false;
      sorted.name = name;
      const values = sortable(name), sign = sorted.down ? -1 : 1;
      const order = rows.map((_, k) => k).sort((a, b) => {
        const [x, y] = [values[a], values[b]];
        if (x === y) return a - b;
        if (x === null || x === undefined) return 1;
        if (y === null || y === undefined) return -1;
        return x < y ? -sign : sign;
      });
      body.append(...order.map((k) => rows[k]));
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
    });
  }
  const TEST = /^([\w.]+)(<=|>=|<|>|=)(.+)$/;
  const HOLDS = { "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b, "=": (a, b) => a === b };
  const filter = () => {
    const words = by("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = by("only").value;
    const tests = words.map((word) => {
      const found = TEST.exec(word), number = found && Number(found[3]);
      const source = found && (data.metrics[found[1]] || data.numbers[found[1]]);
      if (!source || Number.isNaN(number)) return (k) => cells[k].includes(word);
      return (k) => source[k] !== null && HOLDS[found[2]](source[k], number);
    });
    let shown = 0;
    rows.forEach((row, k) => {
      const state = data.status[k] !== "done" ? data.status[k] : data.passed[k] ? "passed" : "missed";
      row.hidden = !((!wanted || state === wanted) && tests.every((test) => test(k)));
      shown += !row.hidden;
    });
    by("shown").textContent = `${shown} of ${count} shown`;
  };
  by("filter").addEventListener("input", filter);
  by("only").addEventListener("change", filter);

  // pictures of the whole sweep
  const open = (k) => { location.hash = `t=${data.id[k]}`; };
  const choose = (id, names, chosen) => {
    const select = by(id);
    for (const name of names) element("option", { value: name }, select, name);
    if (names.includes(chosen)) select.value = chosen;
    select.addEventListener("change", drawAll);
    return select;
  };
  const metrics = Object.keys(data.metrics).filter((name) => new Set(data.metrics[name]).size > 1);
  const numeric = [...data.keys, ...metrics];
  const first = ["gap_over_span", "loss", "relative_error_max"].find((name) => metrics.includes(name)) || metrics[0];
  const scatter = () => {
    const cx = column(by("x").value), cy = column(by("y").value);
    const colourName = by("colour").value;
    const svg = picture(by("scatter"), `${cy.name} against ${cx.name}`);
    const x = axis(cx, LEFT, W - RIGHT), y = axis(cy, H - BOTTOM, TOP);
    frame(svg, x, y, cx.name, cy.name, cx.unit, cy.unit);
    const groups = colourName === "passed" ? ["passed", "missed"] : [...new Set(data.written[colourName])];
    const few = groups.length <= COLOURS.length;
    const place = (k) => (colourName === "passed" ? (data.passed[k] ? 0 : 1) : groups.indexOf(data.written[colourName][k]));
    for (let k = 0; k < count; k++) {
      const [u, v] = [cx.values[k], cy.values[k]];
      if (u === null || v === null || u === undefined || v === undefined || data.status[k] !== "done") continue;
      const aside = cx.names ? (((k * 7919) % 101) / 101 - 0.5) * 0.6 * x.width : 0;
      const fill = few ? COLOURS[place(k)] : heat(place(k) / (groups.length - 1));
      const dot = node("circle", { cx: x.at(u) + aside, cy: y.at(v), r: 4, fill, class: "dot" }, svg);
      tip(dot, `${parameters(k)}\n${cy.name} = ${si(v, cy.unit)}`);
      dot.addEventListener("click", () => open(k));
    }
    limits(svg, cy.name, y);
    if (few) legend(by("scatter"), groups.map((g, k) => [COLOURS[k], colourName === "passed" ? g : `${colourName} = ${g}`]));
    else legend(by("scatter"), [[heat(0), groups[0]], [heat(1), groups[groups.length - 1]]]);
  };
  const limits = (svg, name, y) => {
    for (const bound of data.specs[name] || []) {
      if (bound === null || bound < y.low || bound > y.high) continue;
      const line = node("line", { x1: LEFT, x2: W - RIGHT, y1: y.at(bound), y2: y.at(bound), class: "bound" }, svg);
      tip(line, `spec: ${plain(bound)}`);
    }
  };
  // viridis at five points
  const VIRIDIS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  const heat = (share) => {
    const at = Math.min(Math.max(share, 0), 1) * 4, k = Math.min(Math.floor(at), 3);
    const mixed = VIRIDIS[k].map((c, i) => Math.round(c + (VIRIDIS[k + 1][i] - c) * (at - k)));
    return `rgb(${mixed.join(",")})`;
  };
  const BINS = 16;
  const binned = (c) => {
    // the distinct values in their order, or equal parts of the range
    if (c.names) return { names: c.names, of: (k) => c.values[k] };
    const distinct = [...new Set(bare(c.values))].sort((a, b) => a - b);
    if (distinct.length <= BINS) {
      const names = distinct.map((v) => (c.written ? c.written[c.values.indexOf(v)] : plain(v)));
      return { names, of: (k) => distinct.indexOf(c.values[k]) };
    }
    const low = distinct[0], high = distinct[distinct.length - 1], width = (high - low) / BINS;
    const names = Array.from({ length: BINS }, (_, k) => plain(low + (k + 0.5) * width));
    return { names, of: (k) => Math.min(Math.floor((c.values[k] - low) / width), BINS - 1) };
  };
  const heatmap = () => {
    if (data.keys.length < 2) return;
    const bx = binned(column(by("hx").value)), hy = binned(column(by("hy").value)), cz = column(by("hz").value);
    const sums = new Map();
    for (let k = 0; k < count; k++) {
      if (cz.values[k] === null || data.status[k] !== "done") continue;
      const key = `${bx.of(k)},${hy.of(k)}`, old = sums.get(key) || [0, 0];
      sums.set(key, [old[0] + cz.values[k], old[1] + 1]);
    }
    const means = [...sums.values()].map(([s, n]) => s / n), low = Math.min(...means), high = Math.max(...means);
    const svg = picture(by("heat"), `mean ${cz.name} over ${by("hx").value} and ${by("hy").value}`);
    const left = 40 + 9 * Math.max(...hy.names.map((name) => brief(name).length));
    const x = named(bx.names, left, W - RIGHT), y = named(hy.names, H - BOTTOM, TOP);
    frame(svg, x, y, by("hx").value, by("hy").value, "", "", H, left);
    for (const [key, [sum, n]] of sums) {
      const [i, j] = key.split(",").map(Number), mean = sum / n, share = high > low ? (mean - low) / (high - low) : 0.5;
      const cell = node("rect", { x: x.at(i) - x.width / 2 + 0.5, y: y.at(j) - y.width / 2 + 0.5, width: Math.max(x.width - 1, 1), height: Math.max(y.width - 1, 1), fill: heat(share) }, svg);
      tip(cell, `${by("hx").value} = ${bx.names[i]}, ${by("hy").value} = ${hy.names[j]}\nmean ${cz.name} = ${si(mean, cz.unit)} of ${n}`);
      if (x.width > 44 && y.width > 16) node("text", { x: x.at(i), y: y.at(j) + 4, "text-anchor": "middle", fill: share > 0.6 ? "#000" : "#fff" }, svg, si(mean, cz.unit));
    }
    legend(by("heat"), [[heat(0), si(low, cz.unit)], [heat(0.5), si((low + high) / 2, cz.unit)], [heat(1), si(high, cz.unit)]]);
  };
  const histogram = () => {
    const c = column(by("h").value), values = bare(c.values);
    const svg = picture(by("histogram"), `distribution of ${c.name}`);
    const x = spread(values, LEFT, W - RIGHT), bins = Math.max(5, Math.min(40, Math.ceil(Math.sqrt(values.length))));
    const counts = Array.from({ length: bins }, () => [0, 0]), share = (v) => (x.at(v) - LEFT) / (W - RIGHT - LEFT);
    c.values.forEach((v, k) => {
      if (v === null || v === undefined) return;
      counts[Math.min(Math.max(Math.floor(share(v) * bins), 0), bins - 1)][data.passed[k] ? 0 : 1]++;
    });
    const y = linear(0, Math.max(...counts.map(([a, b]) => a + b), 1), H - BOTTOM, TOP), wide = (W - RIGHT - LEFT) / bins;
    frame(svg, x, y, c.name, "trials", c.unit);
    counts.forEach(([good, bad], k) => {
      for (const [from, size, fill] of [[0, good, COLOURS[0]], [good, bad, COLOURS[1]]]) {
        if (!size) continue;
        const bar = node("rect", { x: LEFT + k * wide + 0.5, width: Math.max(wide - 1, 1), y: y.at(from + size), height: y.at(from) - y.at(from + size), fill }, svg);
        tip(bar, `${size} trials`);
      }
    });
    for (const bound of data.specs[c.name] || []) {
      if (bound !== null && bound >= x.low && bound <= x.high) node("line", { x1: x.at(bound), x2: x.at(bound), y1: TOP, y2: H - BOTTOM, class: "bound" }, svg);
    }
    legend(by("histogram"), [[COLOURS[0], "passed"], [COLOURS[1], "missed"]]);
  };
  const drawAll = () => { if (metrics.length) { scatter(); heatmap(); histogram(); } };
  if (metrics.length) {
    choose("x", numeric, data.keys[0] || metrics[0]);
    choose("y", metrics, first);
    choose("colour", ["passed", ...data.keys], "passed");
    choose("h", metrics, first);
    if (data.keys.length > 1) { choose("hx", data.keys, data.keys[0]); choose("hy", data.keys, data.keys[1]); choose("hz", metrics, first); }
    drawAll();
  }

  // a trial's page
  const figure = (host, title, caption, draw) => {
    const made = element("figure", {}, host);
    element("h4", {}, made, title);
    const place = element("div", {}, made);
    draw(place);
    element("figcaption", {}, made, caption);
  };
  const polyline = (svg, xs, ys, about) => {
    const points = xs.map((x, k) => [x, ys[k]]).filter(([, y]) => Number.isFinite(y)).map((p) => p.map((n) => n.toFixed(1)).join(","));
    node("polyline", { points: points.join(" "), fill: "none", ...about }, svg);
  };
  const curves = (place, steps, lines, yName, level) => {
    const svg = picture(place, yName, 260), all = lines.flatMap((line) => line.values);
    const x = linear(Math.min(...steps.step), Math.max(...steps.step), LEFT, W - RIGHT);
    x.ticks = x.ticks.filter(Number.isInteger);
    const y = spread(level === undefined ? all : [...all, level], 260 - BOTTOM, TOP);
    frame(svg, x, y, "step", yName, "", "", 260);
    if (level !== undefined) node("line", { x1: LEFT, x2: W - RIGHT, y1: y.at(level), y2: y.at(level), class: "bound" }, svg);
    for (const line of lines) {
      for (const start of new Set(steps.start)) {
        const at = steps.start.map((s, k) => k).filter((k) => steps.start[k] === start && line.values[k] !== null);
        const xs = at.map((k) => x.at(steps.step[k])), ys = at.map((k) => y.at(line.values[k]));
        const last = start === steps.start[steps.start.length - 1];
        polyline(svg, xs, ys, { stroke: line.colour, "stroke-width": last ? 2.2 : 1, opacity: last ? 1 : 0.4 });
        if (at.length < 25) at.forEach((k, n) => tip(node("circle", { cx: xs[n], cy: ys[n], r: last ? 3 : 2, fill: line.colour }, svg), `start ${start}, step ${steps.step[k]}: ${plain(line.values[k])}`));
      }
    }
  };
  const labels = (page) => (page.gradient ? page.gradient.inputs : page.outputs.map((_, p) => [p])).map((row) => (page.gradient ? row.map((v) => `${plain(v)} V`).join(", ") : `pattern ${row[0]}`));
  const truthTable = (host, page) => {
    const named_ = labels(page), ones = page.outputs.filter((_, p) => page.classes[p] > 0.5), zeros = page.outputs.filter((_, p) => page.classes[p] <= 0.5);
    const middle = (Math.min(...ones) + Math.max(...zeros)) / 2;
    const table = element("table", {}, element("div", { class: "wide" }, host));
    const head = element("tr", {}, element("thead", {}, table));
    for (const word of ["inputs", "class", "output", "beyond the threshold", "in σ"]) element("th", {}, head, word);
    const inside = element("tbody", {}, table);
    page.outputs.forEach((output, p) => {
      const margin = (output - middle) * (page.classes[p] > 0.5 ? 1 : -1), row = element("tr", {}, inside);
      element("td", {}, row, named_[p]); element("td", {}, row, plain(page.classes[p]));
      element("td", { class: "number" }, row, si(output, page.unit));
      element("td", { class: margin > 0 ? "number" : "number bad" }, row, si(margin, page.unit));
      element("td", { class: "number" }, row, page.noise ? plain(Number((margin / page.noise).toPrecision(3))) : "–");
    });
    const what = page.unit === "V" ? "Output voltage" : "Output current";
    figure(host, "Outputs", `${what} of every pattern, tones off; dashed, the threshold midway between the classes.`, (place) => {
      const svg = picture(place, `${what} of every pattern`, 260), x = named(named_, LEFT, W - RIGHT);
      const y = spread(page.outputs, 260 - BOTTOM, TOP);
      frame(svg, x, y, "inputs", "output", "", page.unit, 260);
      page.outputs.forEach((output, p) => tip(node("circle", { cx: x.at(p), cy: y.at(output), r: 7, fill: page.classes[p] > 0.5 ? COLOURS[1] : COLOURS[0] }, svg), si(output, page.unit)));
      node("line", { x1: LEFT, x2: W - RIGHT, y1: y.at(middle), y2: y.at(middle), class: "bound" }, svg);
      legend(place, [[COLOURS[1], "class 1"], [COLOURS[0], "class 0"]]);
    });
  };
  const gradient = (place, found) => {
    const names = found.inputs.flatMap((row, p) => found.controls.map((c) => c));
    const svg = picture(place, "Gradient against truth"), x = named(names, LEFT, W - RIGHT);
    const truth = found.truth.flat(), estimate = found.estimate.flat(), noise = found.stderr_stated_noise.flat();
    const y = spread([...truth, ...estimate, 0], H - BOTTOM, TOP);
    frame(svg, x, y, "control, by pattern", "derivative", "", found.unit);
    const zero = y.at(Math.min(Math.max(0, y.low), y.high)), wide = Math.max(x.width * 0.7, 1);
    truth.forEach((t, k) => tip(node("rect", { x: x.at(k) - wide / 2, width: wide, y: Math.min(y.at(t), zero), height: Math.abs(y.at(t) - zero), class: "truth" }, svg), `truth ${si(t, found.unit)}`));
    estimate.forEach((e, k) => {
      tip(node("circle", { cx: x.at(k), cy: y.at(e), r: 3.5, fill: COLOURS[1] }, svg), `${names[k]}: estimate ${si(e, found.unit)}, stated noise ± ${si(noise[k], found.unit)}`);
    });
    for (let p = 1; p < found.inputs.length; p++) node("line", { x1: LEFT + p * found.controls.length * x.width, x2: LEFT + p * found.controls.length * x.width, y1: TOP, y2: H - BOTTOM, class: "grid" }, svg);
    legend(place, [["var(--sky)", "truth, .ac"], [COLOURS[1], "estimate"]]);
  };
  const spectrum = (place, page) => {
    const { amplitude, width } = page.spectrum, svg = picture(place, "Output spectrum");
    const top = Math.max(...bare(amplitude)), low = Math.max(Math.min(...bare(amplitude).filter((a) => a > 0)), top * 1e-9);
    const x = linear(0, (amplitude.length * width) / page.spectrum.window, LEFT, W - RIGHT), y = logarithmic(low, top, H - BOTTOM, TOP);
    frame(svg, x, y, "frequency", "output amplitude", "Hz", page.unit);
    const tones = new Set(page.spectrum.harmonics.map((h) => Math.floor((h - 1) / width)));
    amplitude.forEach((a, k) => {
      if (!(a > low)) return;
      const at = x.at(((k + 0.5) * width + 0.5) / page.spectrum.window), tone = tones.has(k);
      tip(node("line", { x1: at, x2: at, y1: H - BOTTOM, y2: y.at(a), stroke: tone ? COLOURS[0] : "var(--faint)", "stroke-width": tone ? 4 : 1.5 }, svg), si(a, page.unit));
    });
    legend(place, [[COLOURS[0], "tones"], ["var(--faint)", "products and residual"]]);
  };
  const ROLES = { output: "#d55e00", input: "#009e73", control: "var(--blue)", ground: "#7f7f7f", bias: "#e69f00", site: "var(--paper)" };
  const network = (place, net) => {
    const size = 420, svg = picture(place, "The network", size), xs = net.nodes.map((n) => n[0]), ys = net.nodes.map((n) => n[1]);
    const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)], span = Math.max(x1 - x0, y1 - y0) || 1;
    const at = (n) => [W / 2 + ((n[0] - (x0 + x1) / 2) / span) * (size - 80), size / 2 - ((n[1] - (y0 + y1) / 2) / span) * (size - 80)];
    for (const [a, b, strength] of net.links) {
      const rank = Math.max(0, 1 + Math.log10(Math.max(strength, 1e-4)) / 4), [p, q] = [at(net.nodes[a]), at(net.nodes[b])];
      node("line", { x1: p[0], y1: p[1], x2: q[0], y2: q[1], stroke: "currentColor", "stroke-width": 0.4 + 3.6 * rank, opacity: 0.12 + 0.6 * rank }, svg);
    }
    for (const n of net.nodes) {
      const [x, y] = at(n), inside = n[3] === "site";
      tip(node("circle", { cx: x, cy: y, r: inside ? 8 : 11, fill: ROLES[n[3]] || "#7f7f7f", stroke: "currentColor" }, svg), `${n[2]}: ${n[3]}`);
      if (!inside) node("text", { x, y: y - 15, "text-anchor": "middle" }, svg, n[2]);
    }
    legend(place, Object.entries(ROLES).filter(([role]) => net.nodes.some((n) => n[3] === role)).map(([role, colour]) => [colour, role]));
  };
  const show = () => {
    const wanted = /^#t=(.+)$/.exec(location.hash), host = by("page");
    if (!wanted) { host.hidden = true; return; }
    const k = data.id.indexOf(decodeURIComponent(wanted[1]));
    if (k < 0) return;
    const id = data.id[k], page = data.pages[id], section = by(`trial-${k + 1}`);
    if (section) { section.scrollIntoView(); return; }
    host.replaceChildren();
    host.hidden = false;
    element("h2", {}, host, parameters(k));
    const line = element("p", { class: "faint" }, host, `trial ${id}, seed ${data.seed[k]}, ${data.status[k]} · `);
    element("a", { href: "#trials" }, line, "back to the table");
    for (const [step, word] of [[-1, "previous"], [1, "next"]]) {
      if (data.id[k + step] !== undefined) { line.append(" · "); element("a", { href: `#t=${data.id[k + step]}` }, line, word); }
    }
    if (data.reasons[id]) { element("p", { class: "bad" }, host, "It failed, for this reason:"); element("pre", {}, host, data.reasons[id].filter(Boolean).join("\n\n")); }
    const list = element("table", {}, element("div", { class: "wide" }, host));
    const inside = element("tbody", {}, list);
    for (const [name, values] of Object.entries(data.metrics)) {
      if (values[k] === null) continue;
      const row = element("tr", {}, inside);
      element("th", {}, row, name); element("td", { class: "number" }, row, name === "solved" ? (values[k] ? "yes" : "no") : si(values[k], data.units[name]));
    }
    const flags = Object.entries(data.flags[id] || {});
    element("p", {}, host, flags.length ? "Flags: " + flags.map(([name, n]) => `${name} (${n} step${n === 1 ? "" : "s"})`).join(", ") : data.status[k] === "done" ? "No flags were raised." : "");
    const command = element("p", {}, host, "Run this trial alone and keep all its files: ");
    element("code", {}, command, `${data.command} ${data.settings[k]} --set results.keep=all --out trial-${id}`);
    if (!page) { element("p", {}, host, "The report keeps no page for this trial; its folder has the files."); return; }
    const pictures = element("div", { class: "pages" }, host);
    if (page.outputs.length && page.classes) truthTable(pictures, page);
    if (page.steps) {
      figure(pictures, "Loss", "Measured by the extraction before each update; the last start is bold.", (p) => curves(p, page.steps, [{ values: page.steps.loss, colour: COLOURS[0] }], "loss"));
      figure(pictures, "Gap over span", "From the read-out after each update; dashed, what solved needs.", (p) => curves(p, page.steps, [{ values: page.steps.gap_over_span, colour: COLOURS[0] }], "gap / span", 0.3));
      const controls = Object.entries(page.steps.control).map(([name, values], n) => ({ name, values, colour: COLOURS[n % COLOURS.length] }));
      figure(pictures, "Control voltages", "After each update.", (p) => { curves(p, page.steps, controls, "control / V"); legend(p, controls.map((c) => [c.colour, c.name])); });
    }
    if (page.gradient) figure(pictures, "Gradient against truth", `At the control setting reached; largest error of each pattern: ${page.gradient.error.map((e) => `${plain(Number((100 * e).toPrecision(2)))} %`).join(", ")} of its largest derivative.`, (p) => gradient(p, page.gradient));
    if (page.spectrum) figure(pictures, "Output spectrum", `Over one window, for ${labels(page)[page.spectrum.pattern]}: the pattern whose gradient is furthest from the truth.`, (p) => spectrum(p, page));
    if (page.network !== undefined) figure(pictures, "The network", "Electrodes by role; links are wider and bolder the stronger they are.", (p) => network(p, data.networks[page.network]));
    host.scrollIntoView();
  };
  window.addEventListener("hashchange", show);
  show();
  document.documentElement.dataset.ready = "yes";
})();
