"""The UI in the machine's own Chromium, and pages of others that try to reach it from there."""

import http.server
import json
import shutil
import threading
from collections.abc import Iterator

import pytest
from served import Served, launch

CHROMIUM = shutil.which("chromium")
MILLISECONDS = 60_000

ATTACKS = """<!doctype html><title>evil</title><iframe name=sink></iframe>
<form id=form method=post enctype=text/plain target=sink action="URL/graphql"><input id=field></form>
<script>
const query = QUERY, body = JSON.stringify({query});
async function attempt(make) { try { return String(await make()); } catch { return "refused"; } }
const post = (type, mode) => () => fetch("URL/graphql", {method: "POST", mode, body, headers: {"Content-Type": type}})
  .then(answer => answer.type + answer.status);
const load = (element, url) => () => new Promise((done, fail) => {
  Object.assign(element, {onload: () => done("loaded"), onerror: fail, src: url}); document.body.append(element); });
const socket = url => () => new Promise((done, fail) => {
  const ws = new WebSocket(url, "graphql-ws"); ws.onopen = () => done("open"); ws.onerror = fail; });
async function attack() {
  const results = {
    json: await attempt(post("application/json", "cors")),
    text: await attempt(post("text/plain", "no-cors")),
    read: await attempt(() => fetch("URL/server_info").then(answer => answer.text())),
    image: await attempt(load(new Image(), "URL/favicon.png")),
    query: await attempt(load(new Image(), "URL/graphql?query=" + encodeURIComponent(query))),
    script: await attempt(load(document.createElement("script"), "URL/vendor/graphiql/graphiql.min.js")),
    socket: await attempt(socket("URL/graphql".replace("http", "ws"))),
  };
  field.name = '{"query": ' + JSON.stringify(query) + ', "x": "'; field.value = '"}'; form.submit();
  return results;
}
</script>"""


@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium without its sandbox, which it cannot have as root."""
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def page(chromium):
    with chromium.new_context() as context:
        yield context.new_page()


@pytest.fixture
def foreign_page(served: Served) -> Iterator[str]:
    """Address of a page on another port, which a browser takes for another origin."""
    content = ATTACKS.replace("URL", served.url).replace("QUERY", json.dumps(launch("run_quick"))).encode()

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def test_a_page_of_another_origin_reaches_nothing(page, foreign_page, served: Served):
    page.goto(foreign_page)
    results = page.evaluate("attack()")
    assert set(results.values()) == {"refused"}, results
    page.frame("sink").wait_for_load_state()
    page.wait_for_timeout(1000)
    assert served.runs() == {}


def test_the_ui_shows_groups_and_checks_and_runs_a_job(page, served: Served):
    refused = []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
    page.goto(f"{served.url}/asset-groups/")
    page.get_by_text("sources").first.wait_for(timeout=MILLISECONDS)
    page.goto(f"{served.url}/locations/flowhouse/jobs/run_quick")
    page.get_by_role("button", name="Materialize").first.click(timeout=MILLISECONDS)
    served.wait_for(lambda: list(served.runs().values()) == ["SUCCESS"])
    page.goto(f"{served.url}/runs/{next(iter(served.runs()))}")
    page.get_by_text("Success").first.wait_for(timeout=MILLISECONDS)
    page.goto(f"{served.url}/assets/quick?view=checks")
    page.get_by_text("read_without_failure").first.wait_for(timeout=MILLISECONDS)
    assert refused == []
