// Charts that a reader can work with: drawn by Vega from the data in the page, instead of the still ones.
// Vega only draws. Ranges, legend, choice of funds, zoom and the reading of points are here, the same for all charts.

const DAY = 86400000;
const { charts, config, crashes } = JSON.parse(document.getElementById("data").textContent);
const state = { asset: "BTC", fund: "All funds", range: "365", zoom: null, hidden: new Set(), window: crashes.at(-1)?.window };
const tip = document.getElementById("tip");

const element = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
const [whole, fine] = [0, 2].map((digits) => new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
const small = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 4 });
const number = (value) => (Math.abs(value) >= 1000 || Number.isInteger(value) ? whole : Math.abs(value) < 1 ? small : fine).format(value).replace("-", "\u2212");
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const day = (x) => {
  const date = new Date(x);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
};
const isoDay = (x) => new Date(x).toISOString().slice(0, 10);
const isoMinute = (x) => `${new Date(x).toISOString().slice(0, 16)}Z`;

/** One chart of the page. */
class Panel {
  constructor(box) {
    this.box = box;
    this.name = box.dataset.chart;
    this.chart = charts[this.name];
    this.window = Object.keys(this.chart.choices)[0];
    this.legend = element("div", { className: "legend" });
    box.before(this.legend);
    this.frame = element("div", { className: "frame" });
    this.cursor = element("div", { className: "cursor", hidden: true });
    this.brush = element("div", { className: "brush", hidden: true });
    this.box.tabIndex = 0;
    this.addChoice();
    this.listen();
  }

  /** Radio buttons for a choice that is this chart's own. */
  addChoice() {
    if (!this.chart.by || this.chart.by === "asset") return;
    const group = element("div", { className: "segments", role: "radiogroup", ariaLabel: this.chart.by });
    for (const name of Object.keys(this.chart.choices)) {
      const input = element("input", { type: "radio", name: `${this.name}-choice`, checked: name === this.window });
      input.addEventListener("change", () => { this.window = name; this.draw(); });
      group.append(element("label", {}, input, element("span", { textContent: name })));
    }
    this.legend.before(group);
  }

  get choice() {
    return this.chart.choices[this.chart.by === "asset" ? state.asset : this.window];
  }

  /** The names of the series that are drawn. */
  get names() {
    const names = Object.keys(this.choice?.values ?? {});
    if (this.chart.shows === "one") return names.filter((name) => name === state.fund);
    if (this.chart.isOfFunds && state.fund !== "All funds") return names.filter((name) => name === state.fund);
    return names.filter((name) => !state.hidden.has(name));
  }

  /** The first and last index of what is in range; the last is before the first where nothing is. */
  get bounds() {
    const x = this.choice.x;
    if (this.chart.across === "steps") return [0, x.length - 1];
    const [from, to] = this.ends;
    const first = x.findIndex((each) => each >= from);
    return first < 0 ? [0, -1] : [first, x.findLastIndex((each) => each <= to)];
  }

  /** The first and the last moment in range: of the stress view, which has a window of its own, or of all other charts. */
  get ends() {
    if (this.chart.isStress) return state.window;
    const x = this.choice.x;
    return state.zoom ?? [state.range === "all" ? x[0] : x.at(-1) - Number(state.range) * DAY, x.at(-1)];
  }

  rows() {
    const [first, last] = this.bounds;
    return this.names.flatMap((name) => {
      const values = this.choice.values[name];
      const faint = new Set(this.choice.faint[name]);
      return this.choice.x.slice(first, last + 1).map((x, at) => ({
        x, series: name, value: values[first + at], faint: faint.has(first + at),
      }));
    });
  }

  async draw() {
    const turn = this.turn = {};
    this.hide();
    const rows = this.choice ? this.rows() : [];
    this.shown = rows.filter((row) => row.value !== null);
    this.points = [...new Set(this.shown.map((row) => row.x))].sort((one, other) => one - other);
    this.drawLegend();
    if (!this.points.length) return this.sayWhy(this.whyEmpty());
    const width = this.box.clientWidth;
    const height = this.chart.across === "weeks" ? 24 * (this.names.length + 2) : this.chart.isStress ? 170 : width < 500 ? 230 : 320;
    const spec = { autosize: { type: "fit", contains: "padding" }, width, height, ...this.chart.spec, data: { values: rows } };
    if (this.chart.isStress) spec.params = ["since", "until"].map((name, at) => ({ name, value: this.ends[at] }));
    const drawn = element("div", {});
    const result = await vegaEmbed(drawn, spec, {
      ast: true, renderer: "svg", actions: false, defaultStyle: false, tooltip: false, hover: false, config,
    });
    if (turn !== this.turn) return result.finalize();
    this.result?.finalize();
    this.result = result;
    this.frame.replaceChildren(drawn, this.cursor, this.brush);
    this.box.replaceChildren(this.frame);
    this.box.classList.add("live");
    this.place();
  }

  /** Where the points lie, in pixels of the frame. */
  place() {
    const view = this.result.view;
    const [left, top] = view.origin();
    const scale = view.scale("x");
    const step = scale.bandwidth ? scale.bandwidth() / 2 : 0;
    const span = this.chart.bar * DAY / 2 || 0;
    this.pixels = this.points.map((x) => left + scale(x + span) + step);
    this.plot = { left, top, width: view.width(), height: view.height(), scale };
    this.cursor.style.top = this.brush.style.top = `${top}px`;
    this.cursor.style.height = this.brush.style.height = `${view.height()}px`;
  }

  sayWhy(text) {
    this.box.replaceChildren(element("p", { className: "nothing", textContent: text }));
    this.result?.finalize();
    this.result = null;
  }

  whyEmpty() {
    if (!this.choice) return `Nothing is stored for ${state.asset}. ${this.chart.empty ?? ""}`.trim();
    const known = Object.keys(this.choice.values);
    if (!this.names.length) return known.includes(state.fund) || !this.chart.isOfFunds ? "Every series is switched off." : `Nothing is stored for ${state.fund}.`;
    return `Nothing in this range: stored are ${day(this.choice.x[0])} to ${day(this.choice.x.at(-1))}.`;
  }

  drawLegend() {
    const names = this.chart.shows === "one" || this.chart.across === "weeks" ? [] : Object.keys(this.choice?.values ?? {}).filter((name) => !this.chart.band.includes(name));
    this.legend.replaceChildren(...(names.length < 2 ? [] : names).map((name) => {
      const isShown = this.names.includes(name);
      const swatch = element("i", {});
      swatch.style.background = `var(--${this.chart.colors[name]})`;
      const button = element("button", { type: "button", ariaPressed: String(isShown) }, swatch, name);
      button.addEventListener("click", () => this.toggle(name, isShown));
      return button;
    }));
  }

  toggle(name, isShown) {
    if (isShown) state.hidden.add(name); else state.hidden.delete(name);
    if (this.chart.isOfFunds && state.fund !== "All funds") choose("fund", "All funds");
    const at = [...this.legend.children].findIndex((button) => button.textContent === name);
    redraw();
    this.legend.children[at]?.focus();
  }

  // Reading points

  nearest(pixel) {
    let best = 0;
    this.pixels.forEach((each, at) => { if (Math.abs(each - pixel) < Math.abs(this.pixels[best] - pixel)) best = at; });
    return best;
  }

  /** Show what the point says, beside the pointer or above the point. */
  read(at, clientX, clientY, pixelY) {
    const cell = this.chart.across === "weeks" && pixelY !== undefined ? this.seriesAt(pixelY) : null;
    if (cell === undefined) return this.hide();
    if (this.at !== at || this.cell !== cell) this.say(at, cell);
    const frame = this.frame.getBoundingClientRect();
    const left = clientX ?? frame.left + this.pixels[at];
    const top = clientY ?? frame.top + this.plot.top;
    const isRight = left + 16 + tip.offsetWidth > innerWidth - 8;
    tip.style.left = `${Math.max(isRight ? left - 16 - tip.offsetWidth : left + 16, 8)}px`;
    tip.style.top = `${Math.min(Math.max(top - tip.offsetHeight / 2, 8), innerHeight - tip.offsetHeight - 8)}px`;
  }

  /** Fill the tip with what the point says; of a table of weeks, with one cell. */
  say(at, cell) {
    [this.at, this.cell] = [at, cell];
    const x = this.points[at];
    const rows = this.shown.filter((row) => row.x === x && (cell === null || row.series === cell));
    if (this.chart.isOfFunds) rows.sort((one, other) => other.value - one.value);
    const lines = rows.flatMap((row) => ["\n", this.line(row)]);
    tip.replaceChildren(element("b", { textContent: this.heading(x) }), ...lines);
    tip.hidden = !rows.length;
    this.cursor.hidden = this.chart.across !== "days";
    this.cursor.style.left = `${this.pixels[at]}px`;
    this.pointAt(x);
  }

  /** Mark the same moment in the other lines of the stress view. */
  pointAt(x) {
    for (const other of this.chart.isStress ? panels : []) {
      if (other === this || !other.chart.isStress || !other.result) continue;
      other.cursor.hidden = x === null;
      if (x !== null) other.cursor.style.left = `${other.plot.left + other.plot.scale(x + this.chart.bar * DAY / 2)}px`;
    }
  }

  seriesAt(pixelY) {
    const scale = this.result.view.scale("y");
    const place = pixelY - this.plot.top;
    return this.names.find((name) => place >= scale(name) && place < scale(name) + scale.bandwidth());
  }

  heading(x) {
    if (this.chart.across === "steps") return `US$ ${number(x)} to ${number(x + 5000)}`;
    if (this.chart.hasTime) return `${day(x)}, ${isoMinute(x).slice(11, 16)} UTC`;
    return `${this.chart.bar === 7 || this.chart.across === "weeks" ? "Week of " : ""}${day(x)}`;
  }

  line(row) {
    const swatch = element("i", {});
    const isSigned = this.chart.shows === "one" || this.chart.across === "weeks";
    swatch.style.background = `var(--${isSigned ? (row.value < 0 ? "out" : "in") : this.chart.colors[row.series]})`;
    return element("span", {}, swatch, `${row.series}: `, element("strong", { textContent: number(row.value) }), ` ${this.chart.unit}${row.faint ? `, ${this.chart.faint}` : ""}`);
  }

  hide() {
    tip.hidden = this.cursor.hidden = this.brush.hidden = true;
    this.at = this.cell = null;
    this.pointAt(null);
  }

  /** Show what lies between two moments. */
  zoom(ends) {
    if (this.chart.isStress) look(ends); else zoom(ends);
  }

  // Pointer and keyboard

  listen() {
    const pixel = (event) => event.clientX - this.frame.getBoundingClientRect().left;
    this.box.addEventListener("pointermove", (event) => {
      if (!this.result) return;
      if (this.from !== undefined) return this.drag(pixel(event));
      this.read(this.nearest(pixel(event)), event.clientX, event.clientY, event.clientY - this.frame.getBoundingClientRect().top);
    });
    this.box.addEventListener("pointerleave", () => { if (this.from === undefined) this.hide(); });
    this.box.addEventListener("pointerdown", (event) => {
      if (!this.result || event.button || event.pointerType === "touch" || this.chart.across !== "days") return;
      this.from = pixel(event);
      this.box.setPointerCapture(event.pointerId);
    });
    this.box.addEventListener("pointerup", (event) => {
      if (this.from === undefined) return;
      const ends = [this.from, pixel(event)].sort((one, other) => one - other);
      this.from = undefined;
      this.brush.hidden = true;
      if (ends[1] - ends[0] > 8) this.zoom(ends.map((end) => Number(this.plot.scale.invert(end - this.plot.left))));
    });
    this.box.addEventListener("dblclick", () => { if (this.chart.isStress) look(everything()); else choose("range", "all"); });
    this.box.addEventListener("blur", () => this.hide());
    this.box.addEventListener("keydown", (event) => this.press(event));
  }

  drag(to) {
    tip.hidden = true;
    this.brush.hidden = false;
    this.brush.style.left = `${Math.min(this.from, to)}px`;
    this.brush.style.width = `${Math.abs(to - this.from)}px`;
  }

  press(event) {
    if (!this.result || event.target !== this.box) return;
    const last = this.points.length - 1;
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -Infinity, End: Infinity };
    if (event.key in steps) {
      this.read(Math.min(Math.max((this.at ?? last + (steps[event.key] < 0 ? 1 : 0)) + steps[event.key], 0), last));
    } else if ((event.key === "+" || event.key === "-") && this.chart.across === "days") {
      const middle = this.points[this.at ?? last];
      const half = (this.points[last] - this.points[0]) * (event.key === "+" ? 0.25 : 1);
      this.zoom([middle - half, middle + half]);
    } else if (event.key === "Escape") {
      this.hide();
    } else return;
    event.preventDefault();
  }

  // What is shown, as a table and as a file

  table() {
    if (!this.choice) return [["day"]];
    const names = this.names;
    const [first, last] = this.bounds;
    const isDays = this.chart.across !== "steps";
    return [
      [isDays ? "day" : "from", ...names.map((name) => names.length > 1 ? name : `${name}, ${this.chart.unit}`)],
      ...this.choice.x.slice(first, last + 1).map((x, at) => [
        this.chart.hasTime ? isoMinute(x) : isDays ? isoDay(x) : x, ...names.map((name) => this.choice.values[name][first + at]),
      ]),
    ];
  }
}

const panels = [...document.querySelectorAll(".chart[data-chart]")].map((box) => new Panel(box));
const byBox = new Map(panels.map((panel) => [panel.box, panel]));
const stale = new Set(panels);
const near = new Set();
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const panel = byBox.get(target);
    if (isIntersecting) near.add(panel); else near.delete(panel);
    if (isIntersecting && stale.delete(panel)) panel.draw();
  }
}, { rootMargin: "300px" });
for (const panel of panels) watcher.observe(panel.box);

/** Draw again what is in sight, and the rest when it comes into sight. */
function redraw(which = panels) {
  for (const panel of which) if (near.has(panel)) panel.draw(); else stale.add(panel);
}

function zoom(ends) {
  state.zoom = ends;
  for (const input of document.querySelectorAll("[name=range]")) input.checked = false;
  redraw();
}

/** The window of the stress view that shows all that its lines have. */
function everything() {
  const x = panels.filter((panel) => panel.chart.isStress).flatMap((panel) => Object.values(panel.chart.choices).flatMap((choice) => [choice.x[0], choice.x.at(-1)]));
  return [Math.min(...x), Math.max(...x) + DAY - 1];
}

/** Show a window in all lines of the stress view, and say which. */
function look(ends, crash) {
  state.window = ends;
  const form = document.getElementById("stress-window");
  for (const input of form.elements.crash) input.checked = input.value === crash;
  form.elements.since.value = isoDay(ends[0]);
  form.elements.until.value = isoDay(ends[1]);
  redraw(panels.filter((panel) => panel.chart.isStress));
}

/** Set a part of the state from the toolbar, and the toolbar from it. */
function choose(part, value) {
  state[part] = value;
  if (part === "range") state.zoom = null;
  if (part === "asset") { state.fund = "All funds"; listFunds(); }
  for (const input of document.querySelectorAll(`[name=${part}]`)) {
    if (input.type === "radio") input.checked = input.value === value; else input.value = value;
  }
  if (part === "asset") showTiles();
  redraw();
}

/** Hide what is about other assets. */
function showSentences() {
  for (const said of document.querySelectorAll("[data-assets]")) {
    said.hidden = !said.dataset.assets.split(" ").includes(state.asset);
  }
}

function showTiles() {
  showSentences();
  for (const tile of document.querySelectorAll(".tile")) {
    const rows = [...tile.querySelectorAll("[data-asset]")];
    for (const row of rows) row.hidden = row.dataset.asset !== state.asset;
    const none = tile.querySelector("[data-none]");
    if (none) none.hidden = rows.some((row) => !row.hidden);
  }
}

function listFunds() {
  const names = Object.keys(charts.flows_daily?.choices[state.asset]?.values ?? {});
  const select = document.querySelector("[name=fund]");
  select?.replaceChildren(...names.map((name) => element("option", { value: name, textContent: name })));
  if (select) select.hidden = !names.length;
}

const toolbar = document.getElementById("toolbar");
if (toolbar) {
  toolbar.hidden = false;
  for (const button of document.querySelectorAll(".csv")) button.hidden = false;
  listFunds();
  toolbar.addEventListener("change", (event) => choose(event.target.name, event.target.value));
}
const stressWindow = document.getElementById("stress-window");
if (stressWindow && panels.some((panel) => panel.chart.isStress)) {
  stressWindow.hidden = false;
  stressWindow.addEventListener("submit", (event) => event.preventDefault());
  stressWindow.addEventListener("change", ({ target }) => {
    if (target.name === "crash") return look(target.value === "all" ? everything() : crashes[target.value].window, target.value);
    const [since, until] = [stressWindow.elements.since, stressWindow.elements.until].map((input) => input.valueAsNumber);
    if (since <= until) look([since, until + DAY - 1]);
  });
  look(state.window, String(crashes.length - 1));
}
showSentences();

let width = innerWidth;
addEventListener("resize", () => {
  if (width !== innerWidth) redraw();
  width = innerWidth;
});

// Tables and files of what is shown

document.addEventListener("toggle", (event) => {
  const panel = byBox.get(event.target.closest?.(".card")?.querySelector(".chart"));
  if (!panel || !event.target.open || !event.target.matches(".rows")) return;
  const [head, ...rows] = panel.table();
  const cell = (value) => element("td", { className: typeof value === "number" ? "number" : "", textContent: value === null ? "\u2013" : typeof value === "number" ? number(value) : value });
  const table = event.target.querySelector("table");
  table.tHead.rows[0].replaceChildren(...head.map((name, at) => element("th", { scope: "col", className: at ? "number" : "", textContent: name })));
  table.tBodies[0].replaceChildren(...rows.reverse().map((row) => element("tr", {}, ...row.map(cell))));
}, true);

document.addEventListener("click", (event) => {
  if (!event.target.matches(".csv")) return;
  const panel = byBox.get(event.target.closest(".card").querySelector(".chart"));
  const quoted = (value) => value === null ? "" : /[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value;
  const text = panel.table().map((row) => row.map(quoted).join(",")).join("\n") + "\n";
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: `${panel.name}.csv` });
  link.click();
  URL.revokeObjectURL(link.href);
});
