/** Charts of an answer, as SVG: lines or bars over time, or bars of names. */

const CHART = {height: 280, left: 64, right: 12, top: 12, bottom: 28, bar: 22, bars: 40, series: 12, colours: 8};
const SVG = "http://www.w3.org/2000/svg";
const isTime = type => [Arrow.Type.Date, Arrow.Type.Timestamp].includes(type.typeId);
const isText = type => [Arrow.Type.Utf8, Arrow.Type.Dictionary].includes(type.typeId);

/** What of an answer can be drawn: its columns as plain values, by the part they can take. */
function chartColumns(table) {
  const columns = table.schema.fields.map(({name, type}, i) => {
    const vector = table.getChildAt(i);
    const read = isNumber(type)
      ? value => value === null ? null : Number(text(value, type))
      : value => value === null ? null : text(value, type);
    return {name, type, values: Array.from({length: table.numRows}, (_, row) => read(vector.get(row)))};
  });
  return {
    times: columns.filter(({type}) => isTime(type)),
    texts: columns.filter(({type}) => isText(type)),
    numbers: columns.filter(({type}) => isNumber(type)),
  };
}

/** The chart that an answer is first shown as: over time, or by name where each name has one row; null where none says
    anything. */
function firstChoice({times, texts, numbers}) {
  const isOnce = column => new Set(column.values).size === column.values.length;
  const [time] = times, name = texts.find(isOnce);
  const x = time && (isOnce(time) || !name) ? time : name ?? texts[0];
  if (!x || !numbers.length || new Set(x.values).size < 2) return null;
  if (x !== time) return {x, values: [numbers[0]], by: null, kind: "bars"};
  const unit = column => column.name.split(/[_ ]/).at(-1);
  const alike = numbers.filter(column => unit(column) === unit(numbers[0])).slice(0, 4);
  return {x, values: isOnce(x) ? alike : [numbers[0]], by: isOnce(x) ? null : splitting(x, texts), kind: "lines"};
}

/** The text column that leaves one row per time and name, or else the one with the most names that a chart can hold. */
function splitting(x, texts) {
  const names = column => new Set(column.values).size;
  const fitting = texts.filter(column => names(column) > 1 && names(column) <= CHART.series);
  const isOnce = column => new Set(column.values.map((name, row) => `${x.values[row]}\n${name}`)).size === x.values.length;
  return fitting.find(isOnce) ?? fitting.sort((a, b) => names(b) - names(a))[0] ?? null;
}

/** Series with one value for each x, in order of x; `repeated` counts rows that have no place of their own. */
function seriesOf({x, values, by}) {
  const xs = [...new Set(x.values.filter(each => each !== null))];
  if (isTime(x.type)) xs.sort();
  const place = new Map(xs.map((each, i) => [each, i]));
  const series = new Map();
  let repeated = 0;
  x.values.forEach((value, row) => {
    if (value === null) return;
    for (const column of by ? values.slice(0, 1) : values) {
      const name = by ? by.values[row] ?? "null" : column.name;
      if (!series.has(name)) series.set(name, xs.map(() => undefined));
      const points = series.get(name);
      if (points[place.get(value)] === undefined) points[place.get(value)] = column.values[row];
      else repeated += 1;
    }
  });
  return {xs, repeated, series: [...series].slice(0, CHART.series).map(([name, points], i) => (
    {name, points, colour: `var(--series-${i % CHART.colours})`, dash: i < CHART.colours ? null : "5 3"})),
    left: Math.max(0, series.size - CHART.series)};
}

const shape = (name, attributes, ...children) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

/** About five round numbers from low to high. */
function roundTicks(low, high) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find(each => each * power >= rough) * power;
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({length: Math.floor(high / step + 1e-9) - first + 1}, (_, i) => (first + i) * step);
}

const short = new Intl.NumberFormat("en", {notation: "compact", maximumFractionDigits: 2});
const exact = new Intl.NumberFormat("en", {maximumFractionDigits: 8});

/** The range of values, with zero where bars stand on it; a flat line gets room above and below. */
function rangeOf(series, fromZero) {
  const all = series.flatMap(({points}) => points).filter(Number.isFinite);
  let low = Math.min(...all, ...(fromZero ? [0] : [])), high = Math.max(...all, ...(fromZero ? [0] : []));
  if (low === high) [low, high] = [low - Math.abs(low || 1) / 2, high + Math.abs(high || 1) / 2];
  return [low, high];
}

/** Draw lines or bars over time into `frame`; returns how to show the values of the nth x. */
function drawTimes(frame, {xs, series}, kind) {
  const width = Math.max(320, frame.clientWidth);
  const [low, high] = rangeOf(series, kind === "bars");
  const inner = width - CHART.left - CHART.right;
  const span = xs.map(Date.parse);
  const room = kind === "bars" ? inner / (xs.length + 1) / 2 : 0;
  const x = i => CHART.left + room + (span[i] - span[0]) / (span.at(-1) - span[0]) * (inner - 2 * room);
  const y = value => CHART.top + (high - value) / (high - low) * (CHART.height - CHART.top - CHART.bottom);
  const svg = shape("svg", {viewBox: `0 0 ${width} ${CHART.height}`, height: CHART.height, role: "img", tabindex: 0,
    "aria-label": `${kind} of ${series.map(({name}) => name).join(", ")} from ${xs[0]} to ${xs.at(-1)}`});
  for (const tick of roundTicks(low, high)) {
    svg.append(shape("line", {class: tick ? "grid" : "zero", x1: CHART.left, x2: width - CHART.right, y1: y(tick), y2: y(tick)}),
      shape("text", {x: CHART.left - 8, y: y(tick) + 4, "text-anchor": "end"}, short.format(tick)));
  }
  const labels = Math.min(xs.length, Math.max(2, Math.floor(inner / 130)));
  for (let n = 0; n < labels; n++) {
    const i = labels === 1 ? 0 : Math.round(n * (xs.length - 1) / (labels - 1));
    const anchor = n === 0 ? "start" : n === labels - 1 ? "end" : "middle";
    svg.append(shape("text", {x: x(i), y: CHART.height - 8, "text-anchor": anchor}, xs[i].slice(0, 10)));
  }
  series.forEach(({points, colour, dash}, n) => svg.append(kind === "bars"
    ? barsOf(points, x, y, colour, (inner / (xs.length + 1)) * .8 / series.length, n - series.length / 2)
    : linesOf(points, x, y, colour, dash)));
  const cursor = shape("line", {class: "cursor", y1: CHART.top, y2: CHART.height - CHART.bottom, visibility: "hidden"});
  svg.append(cursor);
  frame.append(svg);
  return {svg, cursor, at: i => x(i) * frame.clientWidth / width, nearest: pixel => {
    const wanted = pixel * width / frame.clientWidth;
    return xs.reduce((best, _, i) => Math.abs(x(i) - wanted) < Math.abs(x(best) - wanted) ? i : best, 0);
  }, mark: i => { cursor.setAttribute("x1", x(i)); cursor.setAttribute("x2", x(i)); cursor.setAttribute("visibility", "visible"); }};
}

/** A line with a gap wherever a value is missing; a point alone is a dot. */
function linesOf(points, x, y, colour, dash) {
  const has = i => Number.isFinite(points[i]);
  const steps = points.map((value, i) => {
    if (!has(i)) return "";
    const isAlone = !has(i - 1) && !has(i + 1);
    return `${has(i - 1) ? "L" : "M"}${x(i).toFixed(1)},${y(value).toFixed(1)}${isAlone ? "h1" : ""}`;
  });
  return shape("path", {d: steps.join(""), style: `stroke: ${colour}`, "stroke-dasharray": dash, "stroke-linecap": "round"});
}

function barsOf(points, x, y, colour, width, offset) {
  return shape("g", {style: `fill: ${colour}`}, ...points.flatMap((value, i) => Number.isFinite(value) ? [shape("rect", {
    x: (x(i) + offset * width).toFixed(1), y: Math.min(y(value), y(0)).toFixed(1), width: Math.max(1, width).toFixed(1),
    height: Math.abs(y(value) - y(0)).toFixed(1)})] : []));
}

/** Draw a bar for each name, in the answer's order. */
function drawNames(frame, {xs, series: [{name, points}]}) {
  const width = Math.max(320, frame.clientWidth), left = Math.min(width / 3, 180);
  const names = xs.slice(0, CHART.bars), shown = points.slice(0, CHART.bars);
  const [low, high] = rangeOf([{points: shown}], true);
  const x = value => left + (value - low) / (high - low) * (width - left - 90);
  const svg = shape("svg", {viewBox: `0 0 ${width} ${names.length * CHART.bar + 4}`, role: "img",
    "aria-label": `bars of ${name}: ${names.map((each, i) => `${each} ${exact.format(shown[i] ?? NaN)}`).join(", ")}`});
  names.forEach((each, i) => {
    const top = i * CHART.bar, value = shown[i];
    svg.append(shape("text", {x: left - 8, y: top + 15, "text-anchor": "end"}, each.length > 24 ? `${each.slice(0, 23)}…` : each));
    if (!Number.isFinite(value)) return;
    svg.append(shape("rect", {x: Math.min(x(0), x(value)), y: top + 4, height: CHART.bar - 8, style: "fill: var(--series-0)",
      width: Math.max(1, Math.abs(x(value) - x(0)))}),
      shape("text", {x: Math.max(x(value), x(0)) + 6, y: top + 15}, short.format(value)));
  });
  frame.append(svg);
}

/** Let pointer and arrow keys tell the values at the nearest x. */
function tellNearest(frame, drawn, {xs}, shown) {
  const tip = element("div", {className: "tip", hidden: true});
  tip.setAttribute("aria-live", "polite");
  let now = xs.length - 1;
  const tell = i => {
    now = Math.min(Math.max(i, 0), xs.length - 1);
    const lines = shown.map(({name, points}) =>
      `${name}  ${Number.isFinite(points[now]) ? exact.format(points[now]) : "no value"}`);
    tip.textContent = [xs[now], ...lines].join("\n");
    tip.hidden = false;
    const at = drawn.at(now);
    tip.style.left = `${Math.max(0, at + 12 + tip.offsetWidth > frame.clientWidth ? at - 12 - tip.offsetWidth : at + 12)}px`;
    drawn.mark(now);
  };
  const hide = () => { tip.hidden = true; drawn.cursor.setAttribute("visibility", "hidden"); };
  drawn.svg.onpointermove = event => tell(drawn.nearest(event.clientX - frame.getBoundingClientRect().left));
  drawn.svg.onpointerdown = drawn.svg.onpointermove;
  drawn.svg.onpointerleave = drawn.svg.onblur = hide;
  drawn.svg.onkeydown = event => {
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (event.key === "Escape") hide();
    if (step) { tell(tip.hidden ? now : now + step); event.preventDefault(); }
  };
  frame.append(tip);
}

/** Show the chart of an answer below its table, with what it is made of to choose from. */
function showChart(table) {
  const columns = chartColumns(table);
  const choice = table.numRows > 1 ? firstChoice(columns) : null;
  at("chart").replaceChildren();
  if (!choice) return;
  const hidden = new Set();
  const draw = () => {
    const data = seriesOf(choice);
    const shown = data.series.filter(({name}) => !hidden.has(name));
    const frame = element("div", {style: "position: relative"});
    at("chart").replaceChildren(choices(columns, choice, () => { hidden.clear(); draw(); }), frame, legend(choice, data, hidden, draw));
    if (!shown.some(({points}) => points.some(Number.isFinite))) return;
    if (!isTime(choice.x.type)) drawNames(frame, {...data, series: shown});
    else if (data.xs.length > 1) tellNearest(frame, drawTimes(frame, {...data, series: shown}, choice.kind), data, shown);
  };
  draw();
}

/** Selects for a chart's kind, its x, its value and what splits it. */
function choices({times, texts, numbers}, choice, changed) {
  const select = (label, options, chosen, choose) => {
    const list = element("select", {}, ...options.map(({name}, i) =>
      element("option", {value: String(i), textContent: name, selected: name === chosen})));
    list.onchange = () => { choose(options[Number(list.value)]); changed(); };
    return element("label", {}, `${label} `, list);
  };
  const several = choice.values.length > 1 ? [{name: choice.values.map(({name}) => name).join(", "), all: choice.values}] : [];
  const values = [...several, ...numbers];
  const made = [select("Value", values, (several[0] ?? choice.values[0]).name, chosen => { choice.values = chosen.all ?? [chosen]; }),
    select("by", [...times, ...texts], choice.x.name, column => {
      Object.assign(choice, {x: column, by: null, kind: isTime(column.type) ? "lines" : "bars"}); })];
  if (isTime(choice.x.type)) {
    made.push(select("split by", [{name: "nothing"}, ...texts], choice.by?.name ?? "nothing", column => { choice.by = column.values ? column : null; }),
      select("as", [{name: "lines"}, {name: "bars"}], choice.kind, ({name}) => { choice.kind = name; }));
  }
  return element("div", {className: "choices"}, ...made);
}

/** A button for each series, and what the chart leaves out. */
function legend({x}, {series, xs, repeated, left}, hidden, draw) {
  const buttons = series.length < 2 ? [] : series.map(({name, colour}) => {
    const button = element("button", {}, element("i", {style: `background: ${colour}`}), name);
    button.setAttribute("aria-pressed", String(!hidden.has(name)));
    button.onclick = () => { if (!hidden.delete(name)) hidden.add(name); draw(); };
    return button;
  });
  const words = [];
  if (left) words.push(`${left} more series are left out.`);
  if (repeated) words.push(`${repeated.toLocaleString("en")} rows share a place with another and are left out: split the chart, or sum them in the query.`);
  if (!isTime(x.type) && xs.length > CHART.bars) words.push(`The first ${CHART.bars} of ${xs.length.toLocaleString("en")} are drawn.`);
  return element("div", {className: "legend"}, ...buttons, element("span", {className: "quiet", textContent: words.join(" ")}));
}
