/** Names of marts and columns offered while a query is typed, and the queries that were run before. */

const OFFERED = 8;
const KEPT = 50;
const HISTORY = "flowhouse.queries";
const GROUPS = [
  ["Who bought, who sold, and what do they hold?", /^(etf_fund_daily|etf_market_daily|etf_fund_weekly|demand_vs_supply_daily|etf_revisions)$/],
  ["How much of what was sold did funds absorb?", /^demand_/],
  ["What did each source say of the funds, and when?", /^(etf_|fund)/],
  ["Who holds the coins, since when, at what price?", /^onchain_/],
  ["What was the price, and what did markets do?", /^(market|derivatives|macro|equity|sector)_/],
  ["Is what was written true?", /^claim/],
  ["Other marts", /./],
];
const DESK = ["etf_fund_daily", "etf_market_daily", "etf_fund_weekly", "demand_vs_supply_daily", "etf_revisions"];
let known = {marts: [], columns: []};

/** Marts by the question that they answer, those of the desk first; groups without a mart are left out. */
function byQuestion(marts) {
  const place = name => DESK.includes(name) ? DESK.indexOf(name) : DESK.length;
  const group = ({table_name: name}) => GROUPS.findIndex(([, form]) => form.test(name));
  return GROUPS.map(([question], i) => ({question, marts: marts.filter(mart => group(mart) === i)
    .sort((a, b) => place(a.table_name) - place(b.table_name) || a.table_name.localeCompare(b.table_name))}))
    .filter(({marts: found}) => found.length);
}

/** The word before the caret, and what can stand in its place: columns of the marts that the query names come first. */
function offers() {
  const box = at("query");
  const [word] = /[\w.]*$/.exec(box.value.slice(0, box.selectionStart));
  const start = word.split(".").at(-1).toLowerCase();
  if (start.length < 2 || box.selectionStart !== box.selectionEnd) return {start, names: []};
  const used = new Set(box.value.match(/\w+/g));
  const near = known.columns.filter(({table_name: mart}) => used.has(mart));
  const names = [...near, ...(near.length ? [] : known.columns)].map(({column_name: name}) => name);
  const all = [...new Set([...known.marts.map(({table_name: name}) => name), ...names])];
  const found = all.filter(name => name.includes(start) && name !== start);
  return {start, names: found.sort((a, b) => b.startsWith(start) - a.startsWith(start)).slice(0, OFFERED)};
}

function showOffers() {
  const {names} = offers();
  at("query").setAttribute("aria-expanded", String(names.length > 0));
  at("offer").replaceChildren(...names.map((name, i) => {
    const item = element("li", {id: `offer-${i}`, textContent: name});
    item.setAttribute("role", "option");
    item.onpointerdown = event => { event.preventDefault(); complete(name); };
    return item;
  }));
  choose(-1);
}

/** Mark an offer; -1 for none. */
function choose(number) {
  const items = [...at("offer").children];
  items.forEach((item, i) => item.setAttribute("aria-selected", String(i === number)));
  if (number < 0) at("query").removeAttribute("aria-activedescendant");
  else at("query").setAttribute("aria-activedescendant", items[number].id);
}

function complete(name) {
  const box = at("query"), end = box.selectionStart;
  box.setRangeText(name, end - offers().start.length, end, "end");
  box.focus();
  showOffers();
}

/** Tab takes the first offer or goes on to the next, Enter takes a marked one, Escape closes: Tab then leaves the box. */
function typed(event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { closeOffers(); return run(); }
  const items = [...at("offer").children];
  if (!items.length) return;
  const marked = items.findIndex(item => item.getAttribute("aria-selected") === "true");
  const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
  if (event.key === "Escape") closeOffers();
  else if (step && (marked >= 0 || event.altKey)) choose((marked + step + items.length) % items.length);
  else if (event.key === "Tab" && !event.shiftKey) complete(items[Math.max(marked, 0)].textContent);
  else if (event.key === "Enter" && marked >= 0) complete(items[marked].textContent);
  else return;
  event.preventDefault();
}

function closeOffers() {
  at("offer").replaceChildren();
  at("query").setAttribute("aria-expanded", "false");
}

/** Queries that were run in this browser, the last one first; empty where it keeps nothing. */
function remembered() {
  try {
    const kept = JSON.parse(localStorage.getItem(HISTORY));
    return Array.isArray(kept) ? kept.filter(each => typeof each === "string") : [];
  } catch {
    return [];
  }
}

function remember(query) {
  try {
    localStorage.setItem(HISTORY, JSON.stringify([query, ...remembered().filter(each => each !== query)].slice(0, KEPT)));
  } catch { /* a browser that keeps nothing */ }
  listRemembered();
}

function listRemembered() {
  const kept = remembered();
  at("history").hidden = !kept.length;
  at("remembered").replaceChildren(...kept.map(query => {
    const button = element("button", {textContent: query.replace(/\s+/g, " "), title: query});
    button.onclick = () => ask(query);
    return element("li", {}, button);
  }));
}

function forget() {
  try { localStorage.removeItem(HISTORY); } catch { /* nothing was kept */ }
  listRemembered();
}

/** The query in the page's address, so that it can be shared; empty where there is none. */
function addressed() {
  const query = new URLSearchParams(location.hash.slice(1)).get("sql")?.trim() ?? "";
  return query.includes("\ufffd") ? "" : query;  // what stands for bytes that are no text
}

function address(query) {
  const shared = `#${new URLSearchParams({sql: query})}`;
  if (addressed() !== query) history.replaceState(null, "", shared);
}
