"use strict";

// ---- What is shown: runs → sources (series, or networks of a sweep) → layers.
const runs = JSON.parse(document.getElementById("data").textContent);
const several = runs.length > 1;
const shapes = ["square", "circle", "triangle", "diamond", "cross", "star"];
const views = [];
runs.forEach((run, r) => {
  run.sources.forEach((source) => {
    const style = styleOf(source.name);
    source.layers.forEach((layer) => {
      const mean = (number) => average(layer.measures.map(number));
      views.push({
        run: r, source: source.name, style, layer, name: layer.name,
        resolution: mean((m) => m.resolution), relevance: mean((m) => m.relevance),
        error: mean((m) => m.classification_error), beta: mean((m) => m.beta.mle),
        ks: mean((m) => m.beta.ks), states: mean((m) => m.states), optimum: mean((m) => m.optimum),
        critical: Boolean(run.critical && run.critical.layer === layer.name && source.name === "trained"),
      });
    });
  });
});
let chosen = views.findIndex((view) => view.critical);
if (chosen < 0) chosen = 0;
const hidden = new Set();

// The same source has the same colour and shape in every run.
function styleOf(name) {
  styleOf.names ??= [];
  if (!styleOf.names.includes(name)) styleOf.names.push(name);
  const place = styleOf.names.indexOf(name);
  return { colour: `var(--c${place % 6 + 1})`, shape: shapes[place % shapes.length] };
}

// ---- Numbers.
// Means and standard errors over realizations; null where there is no number.
function average(values) {
  const there = values.filter((value) => value !== null && value !== undefined && Number.isFinite(value));
  if (there.length === 0) return null;
  const n = there.length;
  const value = there.reduce((a, b) => a + b, 0) / n;
  const squares = there.reduce((sum, x) => sum + (x - value) ** 2, 0);
  return { value, stderr: n > 1 ? Math.sqrt(squares / (n * (n - 1))) : null };
}
function number(x, digits = 4) {
  if (x === null || x === undefined || !Number.isFinite(x)) return "–";
  if (Number.isInteger(x)) return x.toLocaleString("en");
  return Math.abs(x) >= 1000 ? Math.round(x).toLocaleString("en") : x.toFixed(digits);
}
function withError(mean, digits = 4) {
  if (!mean) return "–";
  return mean.stderr === null ? number(mean.value, digits) : `${number(mean.value, digits)} ± ${number(mean.stderr, digits)}`;
}
const percent = (share) => `${(100 * share).toFixed(share < 0.1 || (share > 0.99 && share < 1) ? 1 : 0)} %`;
function title(view) {
  const run = several ? `${runs[view.run].folder}, ` : "";
  return `${run}${view.source} ${view.name}`;
}
function words(view) {
  const lines = [title(view), `H[s] ${withError(view.resolution)}`, `H[k] ${withError(view.relevance)}`];
  if (view.beta) lines.push(`β ${withError(view.beta, 3)}`);
  if (view.states) lines.push(`${number(view.states.value, 0)} states`);
  if (view.error) lines.push(`classification error ${withError(view.error, 3)}`);
  return lines;
}

// ---- Elements.
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}
const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes = {}, ...children) => fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
const place = (id) => document.getElementById(id);
const show = (id, ...children) => place(id).replaceChildren(...children.filter(Boolean));

function table(caption, head, rows, attributes = () => ({})) {
  const cell = (value, c) => h(c === 0 ? "th" : "td", { scope: c === 0 ? "row" : null, class: head[c].text ? "text" : null }, value instanceof Node ? value : String(value));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", {}, caption),
      h("thead", {}, h("tr", {}, ...head.map((name) => h("th", { scope: "col", class: name.text ? "text" : null }, name.text ?? name)))),
      h("tbody", {}, ...rows.map((row, r) => h("tr", attributes(r), ...row.map(cell))))));
}

// ---- Tooltips: on what the mouse is over, and on what has the keyboard's attention.
const tip = place("tip");
function explain(element, lines) {
  const open = () => {
    tip.textContent = lines.join("\n");
    tip.hidden = false;
    const box = element.getBoundingClientRect();
    const left = Math.min(box.right + 10, document.documentElement.clientWidth - tip.offsetWidth - 8);
    tip.style.left = `${Math.max(8, left) + window.scrollX}px`;
    const above = box.top - tip.offsetHeight - 8;
    tip.style.top = `${(above > 0 ? above : box.bottom + 8) + window.scrollY}px`;
  };
  const close = () => { tip.hidden = true; };
  element.addEventListener("pointerenter", open);
  element.addEventListener("pointerleave", close);
  element.addEventListener("focus", open);
  element.addEventListener("blur", close);
}
document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });

// ---- Plots.
const size = { width: 640, height: 440, left: 62, right: 16, top: 14, bottom: 50 };

function axis(low, high, logarithmic) {
  if (!logarithmic) {
    const span = high - low || 1;
    let step = 10 ** Math.floor(Math.log10(span / 5));
    step *= span / step > 25 ? 5 : span / step > 12 ? 2 : 1;
    const ticks = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * span; i += 1) ticks.push(i * step);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    return { map: (x) => (x - low) / span, ticks: ticks.map((x) => [x, x.toFixed(digits)]) };
  }
  const from = Math.log10(low), to = Math.log10(high);
  const every = Math.max(1, Math.ceil((to - from) / 7));
  const ticks = [];
  for (let power = Math.ceil(from - 1e-9); power <= to + 1e-9; power += 1) {
    if (power % every === 0) ticks.push([10 ** power, power >= 0 && power <= 4 ? (10 ** power).toLocaleString("en") : `1e${power}`]);
  }
  return { map: (x) => (Math.log10(x) - from) / (to - from || 1), ticks };
}

function frame(label, x, y) {
  const across = axis(x.low, x.high, x.logarithmic), up = axis(y.low, y.high, y.logarithmic);
  const wide = size.width - size.left - size.right, high = size.height - size.top - size.bottom;
  const X = (value) => size.left + wide * across.map(value);
  const Y = (value) => size.top + high * (1 - up.map(value));
  const clip = `clip-${frame.count = (frame.count ?? 0) + 1}`;
  const inside = s("g", { "clip-path": `url(#${clip})` });
  const picture = s("svg", { viewBox: `0 0 ${size.width} ${size.height}`, role: "group", "aria-label": label, xmlns: "http://www.w3.org/2000/svg" },
    s("clipPath", { id: clip }, s("rect", { x: size.left, y: size.top, width: wide, height: high })),
    ...across.ticks.flatMap(([value, text]) => [
      s("line", { class: "grid", x1: X(value), x2: X(value), y1: size.top, y2: size.top + high }),
      s("text", { class: "tick", x: X(value), y: size.top + high + 18, "text-anchor": "middle" }, text)]),
    ...up.ticks.flatMap(([value, text]) => [
      s("line", { class: "grid", x1: size.left, x2: size.left + wide, y1: Y(value), y2: Y(value) }),
      s("text", { class: "tick", x: size.left - 7, y: Y(value) + 4, "text-anchor": "end" }, text)]),
    s("rect", { class: "axis", x: size.left, y: size.top, width: wide, height: high }),
    s("text", { x: size.left + wide / 2, y: size.height - 10, "text-anchor": "middle" }, x.label),
    s("text", { transform: `translate(16 ${size.top + high / 2}) rotate(-90)`, "text-anchor": "middle" }, y.label),
    inside);
  const line = (points, name) => inside.append(s("polyline", { class: name, points: points.map(([a, b]) => `${X(a).toFixed(2)},${Y(b).toFixed(2)}`).join(" ") }));
  return { picture, inside, X, Y, line };
}

function outline(shape, x, y, r) {
  const points = (list) => `M${list.map(([a, b]) => `${(x + a * r).toFixed(2)} ${(y + b * r).toFixed(2)}`).join("L")}Z`;
  switch (shape) {
    case "square": return points([[-.9, -.9], [.9, -.9], [.9, .9], [-.9, .9]]);
    case "triangle": return points([[0, -1.2], [1.1, .8], [-1.1, .8]]);
    case "diamond": return points([[0, -1.3], [1.1, 0], [0, 1.3], [-1.1, 0]]);
    case "cross": return points([[-.4, -1.1], [.4, -1.1], [.4, -.4], [1.1, -.4], [1.1, .4], [.4, .4], [.4, 1.1], [-.4, 1.1], [-.4, .4], [-1.1, .4], [-1.1, -.4], [-.4, -.4]]);
    case "star": return points(Array.from({ length: 10 }, (_, i) => [Math.sin(i * Math.PI / 5) * (i % 2 ? .5 : 1.3), -Math.cos(i * Math.PI / 5) * (i % 2 ? .5 : 1.3)]));
    default: return `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;
  }
}
// The first run's marks are filled, the second's are open.
function mark(view, x, y, r, attributes = {}) {
  return s("path", { d: outline(view.style.shape, x, y, r), fill: view.run === 0 ? view.style.colour : "var(--paper)", stroke: view.style.colour, "stroke-width": 1.6, ...attributes });
}

// A plot with what a person may want of it: downloads, and its numbers as a table.
function figure(name, heading, note, picture, head, rows) {
  const csv = [head, ...rows].map((row) => row.map((x) => (/[",\n]/.test(x) ? `"${String(x).replaceAll("\"", "\"\"")}"` : x)).join(",")).join("\n");
  return h("figure", {}, h("figcaption", {}, heading), picture,
    note ? h("p", { class: "note" }, note) : null,
    h("div", { class: "under" },
      h("span", {}, "Download:"),
      ...[["SVG", () => save(`${name}.svg`, "image/svg+xml", alone(picture))], ["PNG", () => raster(name, picture)], ["CSV", () => save(`${name}.csv`, "text/csv", `${csv}\n`)]]
        .map(([kind, action]) => h("button", { type: "button", "aria-label": `Download ${heading} as ${kind}`, onclick: action }, kind)),
      h("details", {}, h("summary", {}, "The numbers as a table"), table(heading, head, rows.slice(0, 400)))));
}
function save(name, kind, content) {
  const url = URL.createObjectURL(new Blob([content], { type: kind }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
// The picture with the styles that the page gives it written into it.
function alone(picture) {
  const copy = picture.cloneNode(true);
  const originals = [picture, ...picture.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((element, i) => {
    const style = getComputedStyle(originals[i]);
    for (const name of ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-family", "font-size"]) element.setAttribute(name, style.getPropertyValue(name));
    element.removeAttribute("class");
  });
  copy.setAttribute("width", size.width);
  copy.setAttribute("height", size.height);
  copy.prepend(s("rect", { width: size.width, height: size.height, fill: getComputedStyle(document.documentElement).backgroundColor }));
  return new XMLSerializer().serializeToString(copy);
}
function raster(name, picture) {
  const image = new Image();
  image.onload = () => {
    const canvas = h("canvas", { width: 2 * size.width, height: 2 * size.height });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(`${name}.png`, "image/png", blob));
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(alone(picture))}`;
}

// ---- The plane.
let marks = [];
function drawPlane() {
  const seen = views.filter((view) => !hidden.has(`${view.run} ${view.source}`) && view.resolution && view.relevance);
  const curves = runs.map((run) => run.curves);
  const top = Math.max(0.05, ...views.filter((v) => v.relevance).map((v) => v.relevance.value), ...curves.flatMap((c) => c.bound.map((p) => p[1]))) * 1.06;
  const { picture, inside, X, Y, line } = frame("Plane of resolution and relevance", { low: 0, high: 1, label: "resolution H[s] / ln M" }, { low: 0, high: Math.min(1, top), label: "relevance H[k] / ln M" });
  picture.id = "plane-picture";
  const drawn = new Set();
  curves.forEach((c) => {
    // Runs with as many observations share their curves.
    const key = JSON.stringify(c);
    if (drawn.has(key)) return;
    drawn.add(key);
    line([[0, 0], [1, 1]], "diagonal");
    line(c.family, "family");
    line(c.bound, "bound");
    line(c.optimum, "optimum");
  });
  for (const source of new Set(seen.map((view) => `${view.run} ${view.source}`))) {
    const group = seen.filter((view) => `${view.run} ${view.source}` === source);
    inside.append(s("polyline", { fill: "none", stroke: group[0].style.colour, "stroke-width": 1, opacity: .6, points: group.map((v) => `${X(v.resolution.value)},${Y(v.relevance.value)}`).join(" ") }));
  }
  for (const view of seen) {
    if (view.layer.measures.length < 2) continue;
    for (const m of view.layer.measures) {
      if (m.resolution !== null && m.relevance !== null) inside.append(s("circle", { cx: X(m.resolution), cy: Y(m.relevance), r: 2.2, fill: view.style.colour, opacity: .5 }));
    }
  }
  const ring = s("circle", { class: "ring", r: 11 });
  inside.append(ring);
  marks = seen.map((view) => {
    const lines = words(view);
    const element = mark(view, X(view.resolution.value), Y(view.relevance.value), 5.5, {
      class: "mark", role: "button", tabindex: "-1", "aria-label": lines.join(", "), "data-view": views.indexOf(view),
      onclick: () => choose(views.indexOf(view)), onkeydown: (event) => move(event, element),
    });
    explain(element, lines);
    picture.append(element);
    return element;
  });
  const mine = marks.find((element) => Number(element.dataset.view) === chosen);
  (mine ?? marks[0])?.setAttribute("tabindex", "0");
  if (mine) {
    mine.setAttribute("aria-pressed", "true");
    ring.setAttribute("cx", X(views[chosen].resolution.value));
    ring.setAttribute("cy", Y(views[chosen].relevance.value));
  } else ring.remove();
  const sources = [...new Set(views.map((view) => `${view.run} ${view.source}`))];
  const legend = h("ul", { class: "legend" }, ...sources.map((key) => {
    const view = views.find((v) => `${v.run} ${v.source}` === key);
    const box = h("input", { type: "checkbox", checked: !hidden.has(key), onchange: () => { if (!hidden.delete(key)) hidden.add(key); drawPlane(); } });
    return h("li", {}, h("label", {}, box, s("svg", { viewBox: "0 0 22 16", "aria-hidden": "true" }, mark(view, 11, 8, 5.5)), (several ? `${runs[view.run].folder}: ` : "") + view.source));
  }), ...[["optimum", "Poisson optimum"], ["bound", "strict bound"], ["family", "power-law family, not a bound"], ["diagonal", "H[k] = H[s]"]].map(([name, text]) =>
    h("li", {}, h("label", {}, s("svg", { viewBox: "0 0 22 16", "aria-hidden": "true" }, s("line", { class: name, x1: 0, x2: 22, y1: 8, y2: 8 })), text))));
  const number_of = (mean) => (mean ? String(mean.value) : "");
  show("plane", legend, figure("plane", "Relevance against resolution", null, picture, ["layer", "H[s]", "H[k]", "β", "states"],
    seen.map((v) => [title(v), number_of(v.resolution), number_of(v.relevance), number_of(v.beta), number_of(v.states)])));
}
// Arrows go along the layers of a source; up and down to the next source.
function move(event, element) {
  const view = views[Number(element.dataset.view)];
  const of = (e) => views[Number(e.dataset.view)];
  const group = marks.filter((e) => of(e).run === view.run && of(e).source === view.source);
  let next = null;
  if (event.key === "ArrowRight") next = group[group.indexOf(element) + 1];
  else if (event.key === "ArrowLeft") next = group[group.indexOf(element) - 1];
  else if (event.key === "ArrowDown") next = marks[marks.indexOf(group.at(-1)) + 1];
  else if (event.key === "ArrowUp") next = marks[marks.indexOf(group[0]) - 1];
  else if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(views.indexOf(view)); return; }
  else return;
  event.preventDefault();
  if (!next) return;
  marks.forEach((e) => e.setAttribute("tabindex", "-1"));
  next.setAttribute("tabindex", "0");
  next.focus();
}

// ---- The chosen layer.
function choose(index) {
  const focused = document.activeElement?.classList?.contains("mark");
  chosen = index;
  drawPlane();
  if (focused) marks.find((e) => Number(e.dataset.view) === chosen)?.focus();
  drawLayer();
  drawLayers();
}
function drawLayer() {
  const view = views[chosen];
  if (!view) { show("chooser", h("p", {}, "This run has no layer to look at.")); return; }
  place("layer-heading").textContent = `Layer ${title(view)}${view.critical ? ", the critical one" : ""}`;
  const groups = [...new Set(views.map((v) => (several ? `${runs[v.run].folder}: ` : "") + v.source))];
  const list = h("select", { id: "choose", onchange: (event) => choose(Number(event.target.value)) }, ...groups.map((group) =>
    h("optgroup", { label: group }, ...views.map((v, i) => [v, i]).filter(([v]) => (several ? `${runs[v.run].folder}: ` : "") + v.source === group)
      .map(([v, i]) => h("option", { value: i, selected: i === chosen }, v.name)))));
  const step = (text, by) => h("button", { type: "button", disabled: !views[chosen + by], onclick: () => choose(chosen + by) }, text);
  show("chooser", h("div", { class: "chooser" }, h("label", { for: "choose" }, "Layer"), list, step("← previous", -1), step("next →", 1)));
  const first = view.layer.measures[0];
  const mean = (pick) => average(view.layer.measures.map(pick));
  const rows = [
    ["H[s], resolution", withError(view.resolution)], ["H[k], relevance", withError(view.relevance)],
    ["largest H[k] at this H[s]: Poisson optimum", withError(view.optimum)], ["strict bound", withError(mean((m) => m.bound))],
    ["H[s] + H[k]", withError(mean((m) => (m.resolution === null || m.relevance === null ? null : m.resolution + m.relevance)))],
    ["β, maximum likelihood", withError(view.beta, 3) + (view.layer.measures.length === 1 && first.beta.mle_stderr ? ` ± ${number(first.beta.mle_stderr, 3)}` : "")],
    ["Kolmogorov–Smirnov distance to the power law", withError(view.ks)],
    ["states", withError(view.states, 0)], ["inputs M", number(first.m)], ["largest number of inputs in a state", withError(mean((m) => m.max_frequency), 0)],
  ];
  if (view.error) rows.push(["classification error", withError(view.error)]);
  if (view.layer.ability !== null) rows.push(["generation ability 1/D(P‖Q)", number(view.layer.ability, 2)]);
  const n = view.layer.measures.length;
  show("numbers", table(`${title(view)}${n > 1 ? `, means over ${n} realizations ± standard errors` : ""}`, ["", "value"], rows));
  drawSpectrum(view, n);
  drawEnergies(view, n);
  drawStates(view);
  const sheet = view.layer.samples;
  show("samples", sheet ? h("div", {}, h("h3", {}, "Generated samples"), h("img", { class: "sheet", src: sheet.png, width: sheet.columns * sheet.shape[1] * 2, alt: `${sheet.count} samples that this layer generated` })) : null);
}
function drawSpectrum(view, n) {
  const pairs = view.layer.spectrum.map(([k, m]) => [k, m / n]);
  if (pairs.length === 0) { show("spectrum"); return; }
  const last = pairs.at(-1)[0];
  const lowest = Math.min(...pairs.map((p) => p[1]), ...view.layer.bins.map((b) => b[1] / n));
  const { picture, inside, X, Y, line } = frame(`Number of states of each frequency, ${title(view)}`,
    { low: 1, high: Math.max(10, last * 1.2), logarithmic: true, label: "frequency k: inputs that share a state" },
    { low: lowest / 1.5, high: Math.max(10, ...pairs.map((p) => p[1])) * 1.5, logarithmic: true, label: "number of states m_k" });
  const law = view.layer.law;
  if (law) line(Array.from({ length: 60 }, (_, i) => last ** (i / 59)).map((k) => [k, law.factor / n * k ** (-law.beta - 1)]), "law");
  for (const [k, m] of pairs) {
    const dot = s("circle", { class: "dots", cx: X(k), cy: Y(m), r: 3 });
    explain(dot, [`k = ${number(k)}`, `${number(m, 2)} state${m === 1 ? "" : "s"}`]);
    inside.append(dot);
  }
  line(view.layer.bins.map(([k, m]) => [k, m / n]), "bins");
  for (const [k, m] of view.layer.bins) inside.append(s("rect", { class: "bin", x: X(k) - 3.5, y: Y(m / n) - 3.5, width: 7, height: 7 }));
  show("spectrum", figure("spectrum", "How many states have each frequency", `Dots: each k. Squares: bins of ratio 2, zeros included.${law ? ` Orange: the fitted power law, β = ${law.beta.toFixed(3)}.` : ""}`,
    picture, ["k", "m_k"], pairs.map((p) => p.map(String))));
}
// E_s = −ln(k_s/M): how many states lie at each energy or below it.
function drawEnergies(view, n) {
  const m = view.layer.measures[0].m;
  let below = 0;
  const levels = [...view.layer.spectrum].reverse().map(([k, count]) => { below += count / n; return [Math.log(m / k), below]; });
  if (levels.length === 0) { show("energies"); return; }
  const high = Math.max(levels.at(-1)[0] * 1.05, 1), most = below * 1.6;
  const { picture, line } = frame(`Number of states up to each energy, ${title(view)}`, { low: 0, high, label: "energy −ln(k/M), nats" },
    { low: Math.min(1, levels[0][1]) / 1.3, high: Math.max(10, most), logarithmic: true, label: "states with at most this energy" });
  line(levels.flatMap(([e, count], i) => (i === 0 ? [[e, count]] : [[e, levels[i - 1][1]], [e, count]])), "steps");
  // Zipf's law through the last point, and what the fitted law expects: n·Σ_{j ≥ k} j^(−β−1)/ζ(β+1).
  const [end, top] = levels.at(-1);
  line([[0, top * Math.exp(-end)], [end, top]], "diagonal");
  const law = view.layer.law;
  if (law) {
    let left = below;
    const expected = [];
    for (let k = 1; k <= m && left > levels[0][1] / 10; k += 1) {
      expected.push([Math.log(m / k), left]);
      left -= law.factor / n * k ** (-law.beta - 1);
    }
    line(expected, "law");
  }
  show("energies", figure("energies", "Energies of the states", `${law ? `Orange: what the fitted law expects, slope β = ${law.beta.toFixed(3)}. ` : ""}Dashes: slope 1, Zipf's law.`,
    picture, ["energy", "states up to it"], levels.map((p) => p.map(String))));
}
function drawStates(view) {
  const { states, state_images: sheet } = view.layer;
  if (states.length === 0) { show("states", h("p", { class: "note" }, "The records of this layer hold no states.")); return; }
  let scale = 1, wide = 0, high = 0;
  if (sheet) {
    scale = Math.max(1, Math.floor(56 / Math.max(...sheet.shape)));
    wide = sheet.shape[1] * scale;
    high = Math.max(sheet.shape[0] * scale, 12);
  }
  const card = (state, row) => h("div", { class: "card" },
    h("p", {}, h("b", {}, `${number(state.count)} input${state.count === 1 ? "" : "s"}`), state.labels.length > 0 ? `, labels ${state.labels.map(([label, count]) => `${label} (${percent(count / state.count)})`).join(", ")}` : ""),
    sheet ? h("div", { class: "images" }, ...Array.from({ length: state.images }, (_, column) => h("span", {
      class: column === 0 ? "image mean" : "image", role: "img",
      "aria-label": column === 0 ? `mean of ${state.count} inputs` : `input ${state.rows[column - 1]}`,
      title: column === 0 ? "mean" : `input ${state.rows[column - 1]}`,
      style: `width:${wide}px;height:${high}px;background-position:${-column * wide}px ${-row * high}px`,
    }))) : h("p", { class: "note" }, `Inputs ${state.rows.join(", ")}`));
  const all = states.map((state, row) => [state, row]);
  const group = (heading, rare) => {
    const some = all.filter(([state]) => state.rare === rare);
    return some.length > 0 ? [h("h3", {}, heading), h("div", { class: "cards" }, ...some.map(([state, row]) => card(state, row)))] : [];
  };
  const box = h("div", {}, ...group("The most populated states", false), ...group("Some rare states", true),
    sheet ? h("p", { class: "note" }, "Framed: the mean of all inputs that share the state. Beside it: some of them.") : null);
  if (sheet) {
    box.style.setProperty("--sheet", `url(${sheet.png})`);
    for (const image of box.querySelectorAll(".image")) image.style.backgroundSize = `${sheet.columns * wide}px ${states.length * high}px`;
  }
  show("states", box);
}

// ---- The rest.
function drawLayers() {
  const head = ["layer", "H[s]", "H[k]", "of its optimum", "β", "KS", "states", "error"];
  const row = (view, i) => [
    h("button", { type: "button", class: "plain", onclick: () => { choose(i); place("layer").scrollIntoView(); } }, title(view)),
    withError(view.resolution), withError(view.relevance), view.optimum && view.relevance && view.optimum.value > 0 ? percent(view.relevance.value / view.optimum.value) : "–",
    withError(view.beta, 3), withError(view.ks, 3), withError(view.states, 0), withError(view.error, 3)];
  const parts = [table("Means over realizations with standard errors, where there are several", head, views.map(row), (i) => ({ class: i === chosen ? "chosen" : null }))];
  if (several) {
    const rows = views.filter((view) => view.run === 0).flatMap((view) => {
      const other = views.find((v) => v.run === 1 && v.source === view.source && v.name === view.name);
      const change = (pick) => (other && pick(view) && pick(other) ? number(pick(other).value - pick(view).value) : "–");
      return other ? [[`${view.source} ${view.name}`, change((v) => v.resolution), change((v) => v.relevance), change((v) => v.beta), change((v) => v.error)]] : [];
    });
    if (rows.length > 0) parts.push(h("h3", {}, `What changes from ${runs[0].folder} to ${runs[1].folder}`), table("Differences of means, layers of the same name", ["layer", "H[s]", "H[k]", "β", "error"], rows));
  }
  show("layers", ...parts);
}
function drawHeader() {
  show("header", ...runs.flatMap((run) => [
    h("h1", {}, several ? `${run.folder}: ${run.title}` : run.title),
    h("p", { class: "about" }, `${run.data}, ${number(run.observations)} inputs, ${run.realizations} realization${run.realizations === 1 ? "" : "s"}`),
    run.verdict.length > 0 ? h("div", { class: "verdict" }, ...run.verdict.map((text) => h("p", {}, text))) : null,
  ]).filter(Boolean));
}
function drawClaims() {
  const verdicts = { holds: "holds", fails: "does not hold", undecided: "undecided", "not-judged": "not judged" };
  const parts = runs.filter((run) => run.claims.length > 0).flatMap((run) => [
    several ? h("h3", {}, run.folder) : null,
    table("Judged by bounds that were fixed before the run", ["claim", { text: "what the paper says" }, { text: "here" }, { text: "by which numbers" }],
      run.claims.map((claim) => [claim.number, claim.claim, h("span", { class: claim.verdict }, verdicts[claim.verdict]), claim.evidence])),
  ]);
  if (parts.length > 0) show("claims", ...parts); else place("claims-section").remove();
}
function drawFigures() {
  const panels = runs.flatMap((run) => {
    const stems = [...new Set(run.figures.map((file) => file.name.replace(/\.\w+$/, "")))];
    return stems.map((stem) => ({ run, stem, files: run.figures.filter((file) => file.name.replace(/\.\w+$/, "") === stem) }));
  });
  const parts = panels.map(({ run, stem, files }) => h("figure", {}, h("figcaption", {}, (several ? `${run.folder}: ` : "") + stem),
    h("img", { src: files.find((file) => file.name.endsWith(".svg")).uri, alt: `figure ${stem}` }),
    h("div", { class: "under" }, h("span", {}, "Download:"), ...files.map((file) => h("a", { href: file.uri, download: file.name }, file.name.split(".").pop().toUpperCase())))));
  if (parts.length > 0) show("figures", h("div", { class: "downloads" }, ...parts)); else place("figures-section").remove();
}
function drawMade() {
  show("made", ...runs.flatMap((run) => [
    several ? h("h3", {}, run.folder) : null,
    h("p", {}, "The command that repeats it:"), h("pre", {}, run.command),
    h("p", { class: "note" }, `Written by ${run.written_by.join("; ")}. Work, over all units: ${Object.entries(run.seconds).map(([phase, time]) => `${phase} ${time < 100 ? `${time.toFixed(1)} s` : `${(time / 60).toFixed(1)} min`}`).join(", ")}.`),
    h("details", {}, h("summary", {}, "The recipe"), h("pre", {}, run.recipe)),
  ]));
}

drawHeader();
drawPlane();
drawLayer();
drawLayers();
drawClaims();
drawFigures();
drawMade();
