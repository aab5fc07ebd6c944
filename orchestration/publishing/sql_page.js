const ROWS_SHOWN = 1000;
const FILE = "warehouse.duckdb";
const content = JSON.parse(document.getElementById("content").textContent);
const at = id => document.getElementById(id);
const say = text => { at("state").textContent = text; };
let database, connection, answer, isPublished = true, isCancelled = false, turn = Promise.resolve();

/** Do something with the connection after what was asked of it before: an answer comes in pieces, and another query in
    between would break it off. */
function inTurn(work) {
  const done = turn.then(work);
  turn = done.catch(() => {});
  return done;
}

/** An element with its children; text is never read as HTML. */
function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** The bytes behind compressed text. */
async function unpack(text) {
  const packed = atob(text);
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = packed.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** Start DuckDB. A page opened from a file may not fetch, nor may a worker read what the page made: so the worker is
    handed the engine and makes its own address for it. */
async function start() {
  const [script, wasm] = await Promise.all([unpack(engineFiles.worker), unpack(engineFiles.wasm)]);
  // DuckDB listens, too, and would answer this message with an error.
  const first = `addEventListener("message", event => {
    event.stopImmediatePropagation();
    postMessage(URL.createObjectURL(event.data));
  }, {once: true});\n`;
  const worker = new Worker(URL.createObjectURL(new Blob([first, script], {type: "text/javascript"})));
  const address = await new Promise((given, failed) => {
    worker.onmessage = event => given(event.data);
    worker.onerror = failed;
    worker.postMessage(new Blob([wasm], {type: "application/wasm"}));
  });
  worker.onmessage = worker.onerror = null;
  database = new duckdb.AsyncDuckDB(new duckdb.VoidLogger(), worker);
  await database.instantiate(address, null);
}

/** Open a warehouse, from bytes or from a file the reader chose; neither can be written to. */
async function open(source) {
  if (connection) {
    await database.reset();
    await database.dropFile(FILE);
  }
  if (source instanceof File) {
    await database.registerFileHandle(FILE, source, duckdb.DuckDBDataProtocol.BROWSER_FILEREADER, true);
  } else {
    await database.registerFileBuffer(FILE, new Uint8Array(source));
  }
  await database.open({path: FILE});
  connection = await database.connect();
  for (const setting of ["autoinstall_known_extensions", "autoload_known_extensions"]) {
    await connection.query(`set ${setting} = false`);
  }
  await connection.query("use marts");
  at("run").disabled = false;
}

async function listMarts() {
  const rowsOf = query => inTurn(async () => (await connection.query(query)).toArray().map(row => row.toJSON()));
  const tables = await rowsOf(
    "select table_name, comment, estimated_size from duckdb_tables() where schema_name = 'marts' order by table_name");
  const columns = await rowsOf(
    "select table_name, column_name, data_type, comment from duckdb_columns()"
    + " where schema_name = 'marts' order by table_name, column_index");
  known = {marts: tables, columns};
  at("marts").replaceChildren(...byQuestion(tables).flatMap(({question, marts}) => [
    element("h3", {textContent: question}), ...marts.map(mart => listed(mart, columns))]));
}

/** Rows, in words; a number, or a BigInt as DuckDB gives it. */
const counted = rows => `${rows.toLocaleString("en")} ${Number(rows) === 1 ? "row" : "rows"}`;

/** A mart with its columns, a look at its rows, and the Parquet file beside the page. */
function listed(mart, columns) {
  const described = columns.filter(column => column.table_name === mart.table_name).flatMap(column => [
    element("dt", {}, element("code", {textContent: column.column_name}), ` ${column.data_type.toLowerCase()}`),
    element("dd", {textContent: column.comment ?? ""}),
  ]);
  const rows = element("span", {className: "quiet", textContent: ` ${counted(mart.estimated_size)}`});
  const look = element("button", {textContent: "Look at its rows"});
  look.onclick = () => ask(`select *\nfrom marts.${mart.table_name}\nlimit 100`);
  const file = element("a", {href: `parquet/${mart.table_name}.parquet`, textContent: "Parquet", download: ""});
  return element("details", {}, element("summary", {}, element("code", {textContent: mart.table_name}), rows),
    element("p", {className: "quiet", textContent: mart.comment ?? ""}), element("dl", {}, ...described), look,
    ...(isPublished ? [" ", file] : []));
}

/** A cell as text, exactly: decimals digit by digit, times in UTC, nothing rounded. */
function text(value, type) {
  if (value === null || value === undefined) return "";
  if (type.typeId === Arrow.Type.Decimal) return decimal(value, type.scale);
  if (type.typeId === Arrow.Type.Date) return new Date(Number(value)).toISOString().slice(0, 10);
  if (type.typeId === Arrow.Type.Timestamp) return new Date(Number(value)).toISOString().replace("T", " ").slice(0, 19);
  return String(value);
}

function decimal(words, scale) {
  const unsigned = words.reduceRight((sum, word) => (sum << 32n) + BigInt(word), 0n);
  const whole = BigInt.asIntN(128, unsigned);
  const digits = String(whole < 0n ? -whole : whole).padStart(scale + 1, "0");
  const sign = whole < 0n ? "-" : "";
  return scale ? `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}` : sign + digits;
}

/** Thousands set apart, in numbers alone. */
function grouped(cell) {
  const [whole, ...rest] = cell.split(".");
  return [whole.replace(/\B(?=(\d{3})+$)/g, ","), ...rest].join(".");
}

const isNumber = type => [Arrow.Type.Int, Arrow.Type.Float, Arrow.Type.Decimal].includes(type.typeId);
const side = type => isNumber(type) ? "number" : "";

function show(query) {
  const fields = answer.schema.fields;
  const columns = fields.map((_, i) => answer.getChildAt(i));
  const body = element("tbody", {});
  for (let row = 0; row < Math.min(answer.numRows, ROWS_SHOWN); row++) {
    body.append(element("tr", {}, ...fields.map(({type}, i) => {
      const value = columns[i].get(row);
      const shown = value === null ? "null" : isNumber(type) ? grouped(text(value, type)) : text(value, type);
      return element("td", {className: `${side(type)} ${value === null ? "null" : ""}`, textContent: shown});
    })));
  }
  const head = fields.map(({name, type}) => element("th", {scope: "col", className: side(type), textContent: name}));
  at("answer").replaceChildren(element("table", {}, element("caption", {textContent: `Answer to: ${query}`}),
    element("thead", {}, element("tr", {}, ...head)), body));
}

async function run() {
  if (at("run").disabled) return;
  const query = at("query").value.trim();
  for (const id of ["run", "save", "arrow"]) at(id).disabled = true;
  at("cancel").disabled = isCancelled = false;
  at("error").textContent = "";
  say("Running …");
  const begun = performance.now();
  try {
    answer = await inTurn(() => answered(query));
    const took = Math.round(performance.now() - begun);
    show(query);
    showChart(answer);
    const rows = answer.numRows;
    const part = rows > ROWS_SHOWN ? `, the first ${ROWS_SHOWN.toLocaleString("en")} shown` : "";
    say(`${counted(rows)}${part}, ${took} ms`);
    at("save").disabled = at("arrow").disabled = rows === 0;
    address(query);
    remember(query);
  } catch (error) {
    at("answer").replaceChildren();
    at("chart").replaceChildren();
    at("error").textContent = isCancelled ? "" : error.message;
    say(isCancelled ? "Cancelled." : "The query does not run.");
  } finally {
    at("run").disabled = false;
    at("cancel").disabled = true;
  }
}

/** The whole answer to a query, batch by batch, so that it can be cancelled between them. */
async function answered(query) {
  const reader = await connection.send(query, true);
  const batches = [];
  for await (const batch of reader) {
    if (isCancelled) throw new Error("cancelled");
    batches.push(batch);
  }
  return new Arrow.Table(reader.schema, batches);
}

async function cancel() {
  isCancelled = true;
  await connection.cancelSent();
}

function ask(query) {
  at("query").value = query;
  at("query").focus();
  run();
}

function save() {
  const quoted = cell => /[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
  const fields = answer.schema.fields;
  const columns = fields.map((_, i) => answer.getChildAt(i));
  const lines = [fields.map(({name}) => quoted(name)).join(",")];
  for (let row = 0; row < answer.numRows; row++) {
    lines.push(fields.map(({type}, i) => quoted(text(columns[i].get(row), type))).join(","));
  }
  download("answer.csv", new Blob([lines.join("\n"), "\n"], {type: "text/csv"}));
}

/** Arrow has the types that CSV loses; for Parquet the engine would have to ask for its writer. */
function saveArrow() {
  download("answer.arrow", new Blob([Arrow.tableToIPC(answer, "file")], {type: "application/vnd.apache.arrow.file"}));
}

function download(name, blob) {
  const link = element("a", {download: name});
  link.href = URL.createObjectURL(blob);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function about({build_id, built_at, as_of, is_sample, failed_sources}) {
  const parts = [`Build ${build_id}, made ${built_at}`];
  if (as_of) parts.push(`as it could have been known at ${as_of}`);
  if (is_sample) parts.push("the bundled sample: reconstructed figures, and a simulated chain on network regtest");
  if (failed_sources.length) parts.push(`without what is new at ${failed_sources.join(", ")}`);
  return `${parts.join("; ")}.`;
}

async function begin() {
  at("about").textContent = about(content.build);
  at("queries").append(...content.queries.map(({question, sql}) => {
    const button = element("button", {textContent: question});
    button.onclick = () => ask(sql);
    return element("li", {}, button);
  }));
  listRemembered();
  at("query").value = addressed() || content.queries[0].sql;
  at("query").onkeydown = typed;
  at("query").oninput = showOffers;
  at("query").onblur = closeOffers;
  at("run").onclick = run;
  at("cancel").onclick = cancel;
  at("save").onclick = save;
  at("arrow").onclick = saveArrow;
  at("forget").onclick = forget;
  window.onhashchange = () => addressed() && ask(addressed());
  at("file").onchange = ({target: {files: [file]}}) => {
    if (!file) return;
    opened = opened.then(() => take(file)).catch(failed);
  };
  const [warehouse] = await Promise.all([content.warehouse && unpack(content.warehouse), start()]);
  if (!warehouse) {
    say("This warehouse is too large to lie in a page: choose its warehouse.duckdb, below the marts.");
    return;
  }
  await open(warehouse);
  await run();
  await listMarts();
}

/** Open the file of another warehouse, and ask it the same. */
async function take(file) {
  at("run").disabled = true;
  isPublished = false;
  await open(file);
  await run();
  await listMarts();
}

function failed(error) {
  say(database ? "This is no warehouse that DuckDB can open." : "DuckDB did not start.");
  at("error").textContent = typeof engineFiles === "undefined"
    ? "duckdb-wasm.js is missing: it has to lie beside this page." : error.message;
}

// what opens a warehouse waits for what opened the one before
let opened = begin().catch(failed);
