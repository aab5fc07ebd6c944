"""What the web UI answers and what it refuses, asked over loopback as a foreign page or program would."""

import json

import pytest
from served import Served, launch

LAUNCH = json.dumps({"query": launch("run_quick")})
READ = json.dumps({"query": "{ version }"})
JSON = {"Content_Type": "application/json"}
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec_WebSocket_Protocol": "graphql-ws",
}
FOREIGN_ORIGINS = ["http://evil.example", "null", "http://127.0.0.1:1", "http://localhost", "file://", ""]
FOREIGN_HOSTS = ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:{port}.evil.example", ""]


def test_its_own_pages_and_programs_on_this_machine_are_answered(served: Served):
    assert served.request("GET", "/").status == 200
    assert served.request("GET", "/assets", Sec_Fetch_Site="none").status == 200
    assert json.loads(served.request("POST", "/graphql", READ, **JSON).read())["data"]["version"]
    own = {"Origin": f"http://localhost:{served.port}", "Host": f"localhost:{served.port}"}
    assert (
        served.request("POST", "/graphql?op=Name", READ, **own, Content_Type="application/json; charset=utf-8").status
        == 200
    )
    assert served.request("GET", "/graphql", Origin=served.url, **WEBSOCKET).status == 101


def test_a_link_from_another_page_opens_the_ui(served: Served):
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert served.request("GET", "/runs", **link).status == 200
    assert served.request("GET", "/runs", **link | {"Sec_Fetch_Dest": "iframe"}).status == 403
    assert served.request("POST", "/graphql", LAUNCH, **JSON, **link).status == 403


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_other_pages_are_refused(served: Served, origin):
    assert served.request("POST", "/graphql", LAUNCH, **JSON, Origin=origin).status == 403
    assert served.request("GET", "/runs", Origin=origin).status == 403
    assert served.request("GET", "/graphql", Origin=origin, **WEBSOCKET).status == 403


def test_a_websocket_without_an_origin_is_refused(served: Served):
    assert served.request("GET", "/graphql", **WEBSOCKET).status == 403


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_name_that_was_pointed_at_this_machine_is_refused(served: Served, host):
    own = {"Host": host.format(port=served.port)}
    assert served.request("POST", "/graphql", LAUNCH, **JSON, **own).status == 403
    assert served.request("GET", "/", **own).status == 403
    assert served.request("GET", "/graphql", Origin=served.url, **WEBSOCKET, **own).status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pictures_and_fetches_of_other_pages_are_refused(served: Served, site):
    assert served.request("GET", "/favicon.png", Sec_Fetch_Site=site, Sec_Fetch_Dest="image").status == 403
    assert served.request("POST", "/graphql", LAUNCH, **JSON, Sec_Fetch_Site=site).status == 403


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/graphql", "multipart/form-data; boundary=x", "text/plain; application/json"],
)
def test_only_json_is_taken(served: Served, media_type):
    """A page may send these to any address without asking first."""
    assert served.request("POST", "/graphql", LAUNCH, Content_Type=media_type).status == 403
    assert served.request("POST", "/graphql", LAUNCH).status == 403


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_query_in_an_address_is_refused(served: Served, method):
    from urllib.parse import quote

    for path in ("/graphql", "/graphql/", "/%67raphql"):
        assert served.request(method, f"{path}?query={quote(launch('run_quick'))}").status == 403


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(served: Served, method):
    assert served.request(method, "/graphql", LAUNCH, **JSON).status == 403


@pytest.mark.parametrize(
    "path",
    [
        *(f"/report_asset_{what}/quick" for what in ("materialization", "check", "observation")),
        *("/download_debug/1", "/logs/1/compute_logs/x.err", "/notebook?path=/etc/x.ipynb", "/dagit/notebook?path=x"),
    ],
)
def test_endpoints_that_the_ui_does_not_need_are_closed(served: Served, path):
    assert served.request("GET", path).status == 403
    assert served.request("POST", path, "{}", **JSON).status == 403


def test_every_route_of_dagsters_webserver_was_looked_at(served: Served):
    """A new version may open an endpoint, which then wants a decision: pages, static files, the API, or closed."""
    from dagster_webserver.webserver import DagsterWebserver

    from orchestration.serving.guard import CLOSED

    bare = DagsterWebserver.__new__(DagsterWebserver)
    bare._app_path_prefix = ""
    static = {route.path for route in bare.build_static_routes()}
    paths = {route.path for route in bare.build_routes()} - static
    known = {"/server_info", "/dagit_info", "/graphql", "/", "/{path:path}"}
    assert {path for path in paths if not path.startswith(CLOSED)} == known


def test_nothing_was_launched_by_what_was_refused(served: Served):
    assert served.runs() == {}


def test_answers_forbid_frames_and_sniffing_and_open_nothing_to_other_origins(served: Served):
    for path, host in (("/", served.host), ("/server_info", served.host), ("/", "evil.example")):
        headers = served.request("GET", path, Host=host, Sec_Fetch_Site="none").headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Access-Control-Allow-Origin"] is None
    assert "script-src 'nonce-" in served.request("GET", "/").headers["Content-Security-Policy"]
