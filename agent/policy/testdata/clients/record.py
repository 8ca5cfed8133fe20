#!/usr/bin/env python3
"""Writes down which calls the clients of PyPI make: methods and paths, nothing else.

    pip install anaplan-sdk anaplan-api anaplan-orm PlanaPY apapi
    DEMO_SHELL="python3 agent/policy/testdata/clients/record.py" make demo-calls

Each client is as it comes. What it sends to Anaplan's hosts goes to the agent of the demo, for a
client that may call everything, and so to the emulator. Below # are the client, its version, and
the page and the client's table whose policy must allow what follows.
"""

import asyncio
import importlib.metadata
import os
import pathlib
import re
import subprocess
import tempfile
import time
from urllib.parse import urlsplit, urlunsplit

HERE = pathlib.Path(__file__).parent
AGENT = urlsplit(os.environ["AGENT"])
WORKSPACE, MODEL = "8a8196b15b7dbae6015b8694411d13fe", "6D203BA7549241C7BEE26C93DE987F12"
SALES, REPORT = "113000000001", "116000000001"
IMPORT, PROCESS, ACTION = "112000000001", "118000000001", "117000000001"
PRODUCTS, MODULE = "101000000001", "102000000001"
ROWS = "Name,Amount\nNorth,1\n"
calls = []


def elsewhere(method, url):
    """Notes a call, and returns where it goes instead."""
    parts = urlsplit(str(url))
    if not parts.hostname.endswith("anaplan.com"):
        return url
    # Tasks and the like have another id each time.
    path = re.sub(r"/(tasks|readRequests)/[0-9A-F]{32}", r"/\1/00000000000000000000000000000000", parts.path)
    if f"{method} {path}" not in calls:
        calls.append(f"{method} {path}")
    return urlunsplit((AGENT.scheme, AGENT.netloc, parts.path, parts.query, ""))


def hook():
    """Puts elsewhere into requests, httpx and httpx2."""
    import requests.adapters

    send = requests.adapters.HTTPAdapter.send

    def sent(self, request, **kwargs):
        request.url = elsewhere(request.method, request.url)
        answer = send(self, request, **kwargs)
        # PlanaPY looks at the list of tasks, and the emulator's go on when one is looked at.
        if request.method == "GET" and urlsplit(request.url).path.endswith("/tasks"):
            for task in answer.json().get("tasks", []):
                once = request.copy()
                once.url = f"{request.url}/{task['taskId']}"
                send(self, once, **kwargs)
        return answer

    requests.adapters.HTTPAdapter.send = sent
    for library in ("httpx", "httpx2"):
        module = __import__(library)
        hook_httpx(module.HTTPTransport, "handle_request", module)
        hook_httpx(module.AsyncHTTPTransport, "handle_async_request", module)


def hook_httpx(transport, name, module):
    handle = getattr(transport, name)

    def handled(self, request):
        request.url = module.URL(elsewhere(request.method, request.url))
        request.headers["Host"] = AGENT.netloc
        return handle(self, request)

    setattr(transport, name, handled)


def sdk(user, password):
    import anaplan_sdk

    client = anaplan_sdk.Client(WORKSPACE, MODEL, user_email=user, password=password, status_poll_delay=0.01)
    nightly_sdk(client)
    mark("anaplan-sdk-lists", "anaplan-sdk", "docs/calls.md", "lists")
    tr = client.tr
    tr.get_model_status(), tr.get_modules(), tr.get_views(), tr.get_view_info(int(MODULE)), tr.get_line_items()
    tr.get_line_items(int(MODULE)), tr.get_lists(), tr.get_list_metadata(int(PRODUCTS))
    tr.get_list_items(int(PRODUCTS)), tr.get_view_data(int(MODULE))
    tr.insert_list_items(int(PRODUCTS), [{"name": "x", "code": "X"}])
    tr.update_list_items(int(PRODUCTS), [{"code": "X", "properties": {"Price": "1"}}])
    tr.delete_list_items(int(PRODUCTS), [{"code": "X"}])


def nightly_sdk(client):
    client.get_workspaces(), client.get_models(), client.get_files(), client.get_imports()
    client.get_exports(), client.get_processes(), client.get_actions()
    client.upload_file(int(SALES), ROWS)
    client.upload_file_stream(int(SALES), iter([ROWS]))
    client.run_action(int(IMPORT))
    client.run_action(int(PROCESS))
    client.get_task_summaries(int(PROCESS))
    client.export_and_download(int(REPORT))
    list(client.get_file_stream(int(REPORT)))


def anaplan_api(user, password):
    from anaplan import anaplan
    from anaplan.models.AnaplanConnection import AnaplanConnection

    auth = anaplan.authorize("Basic", email=user, password=password)
    conn = AnaplanConnection(auth.auth_token, WORKSPACE, MODEL)
    for resource in ("files", "imports", "exports", "actions", "processes"):
        anaplan.get_list(conn, resource)
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write(ROWS)
        file.flush()
        anaplan.file_upload(conn, SALES, 1, file.name)
    anaplan.execute_action(conn, IMPORT, 1)
    try:
        anaplan.execute_action(conn, PROCESS, 1)
    except KeyError:
        pass  # it wants details of every action of a process; the emulator's deletions have none
    anaplan.execute_action(conn, REPORT, 1)
    anaplan.get_file(conn, REPORT)
    auth.cancel()


def orm(user, password):
    from anaplan_orm.authenticator import BasicAuthenticator
    from anaplan_orm.client import AnaplanClient

    client = AnaplanClient(BasicAuthenticator(user, password))
    client.ping()
    client.upload_file(WORKSPACE, MODEL, SALES, ROWS)
    client.upload_file_chunked(WORKSPACE, MODEL, SALES, ROWS)
    asyncio.run(client.upload_file_chunked_async(WORKSPACE, MODEL, SALES, ROWS))
    task = client.execute_process(WORKSPACE, MODEL, PROCESS)
    client.wait_for_process_completion(WORKSPACE, MODEL, PROCESS, task, poll_interval=1)
    task = client.execute_export(WORKSPACE, MODEL, REPORT)
    client.wait_for_export_completion(WORKSPACE, MODEL, REPORT, task, poll_interval=1)
    client.download_file_chunked(WORKSPACE, MODEL, REPORT)


def planapy(user, password):
    from PlanaPY import PlanaPY

    api = PlanaPY.anaplan_api() if hasattr(PlanaPY, "anaplan_api") else classes(PlanaPY)[0]()
    api.acquire_token(user, password)
    api.token_details()
    model = classes(PlanaPY)[1](api)
    with tempfile.TemporaryDirectory() as place:
        here = os.getcwd()
        os.chdir(place)
        pathlib.Path("Sales.csv").write_text(ROWS)
        model.import_file("Plan", "Finance", "Sales.csv")
        os.chdir(here)
    model.run_process("Plan", "Finance", "Nightly load")
    model.get_delete_actions("Plan", "Finance")
    model.run_export_action("Plan", "Finance", "Report.csv")
    settle()
    try:
        model.export_data("Plan", "Finance", "Report.csv")
    except TypeError:
        pass  # pandas has done away with what it says to read_csv, after the last call
    api.end_session()


def classes(module):
    return [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]


def settle():
    """Waits until the export has run: PlanaPY does not."""
    import requests

    time.sleep(0.1)
    auth = (os.environ["RECORD_USER"], os.environ["RECORD_SECRET"])
    tasks = f"{AGENT.geturl()}/2/0/models/{MODEL}/exports/{REPORT}/tasks"
    for task in requests.get(tasks, auth=auth).json()["tasks"]:
        requests.get(f"{tasks}/{task['taskId']}", auth=auth)


def apapi(user, password):
    import apapi as library

    with library.BasicAuth(f"{user}:{password}") as auth:
        conn = library.Connection(auth)
        conn.get_me(), conn.get_workspaces(), conn.get_models(), conn.get_workspace_models(WORKSPACE), conn.get_model(MODEL)
        for resource in ("imports", "exports", "actions", "processes", "files"):
            conn.generic_get_actions(MODEL, resource)
        conn.get_import(MODEL, IMPORT), conn.get_export(MODEL, REPORT), conn.get_process(MODEL, PROCESS)
        conn.put_file(MODEL, SALES, ROWS.encode())
        conn.upload_file(MODEL, SALES, [ROWS.encode(), b"bad,2\n"])
        task = conn.run_import(MODEL, IMPORT).json()["task"]["taskId"]
        conn.get_import_tasks(MODEL, IMPORT)
        conn.get_import_task(MODEL, IMPORT, task)
        conn.get_import_dump(MODEL, IMPORT, task)
        conn.download_import_dump(MODEL, IMPORT, task)
        task = conn.run_process(MODEL, PROCESS).json()["task"]["taskId"]
        conn.get_process_task(MODEL, PROCESS, task)
        conn.get_process_dump(MODEL, PROCESS, task, IMPORT)
        conn.download_process_dump(MODEL, PROCESS, task, IMPORT)
        task = conn.run_export(MODEL, REPORT).json()["task"]["taskId"]
        conn.get_export_task(MODEL, REPORT, task)
        conn.get_file(MODEL, REPORT), conn.download_file(MODEL, REPORT)
        mark("apapi-lists", "apapi", "docs/calls.md", "lists")
        conn.get_model_status(MODEL), conn.get_lists(MODEL), conn.get_list(MODEL, PRODUCTS), conn.get_list_items(MODEL, PRODUCTS)
        conn.add_list_items(MODEL, PRODUCTS, [{"name": "y", "code": "Y"}])
        conn.update_list_items(MODEL, PRODUCTS, [{"code": "Y", "parent": "Widgets"}])
        conn.delete_list_items(MODEL, PRODUCTS, [{"code": "Y"}])
        read = conn.start_large_list_read(MODEL, PRODUCTS).json()["listReadRequest"]["requestId"]
        conn.get_large_list_read_status(MODEL, PRODUCTS, read)
        conn.get_large_list_read_data(MODEL, PRODUCTS, read, 0)
        conn.delete_large_list_read(MODEL, PRODUCTS, read)
        conn.get_modules(MODEL), conn.get_lineitems(MODEL), conn.get_module_lineitems(MODEL, MODULE)
        conn.get_views(MODEL), conn.get_module_views(MODEL, MODULE), conn.get_view_dimensions(MODEL, MODULE)
        conn.get_lineitem_dimensions(MODEL, "206000000001"), conn.get_cell_data(MODEL, MODULE)


def mark(name, package, page, table):
    """Writes down what came since the last mark, and begins the next recording."""
    if calls:
        pathlib.Path(HERE, current[0] + ".txt").write_text(current[1] + "\n".join(calls) + "\n")
    calls.clear()
    if name:
        version = importlib.metadata.version(package)
        current[:] = [name, f"# {package} {version}\n# page {page} client.{table}\n"]


current = ["", ""]


def main():
    secret = pathlib.Path("record.secret")
    table = subprocess.run(
        ["anaplan-agent", "client", "new", "record", "--output", secret], check=True, capture_output=True, text=True
    ).stdout
    table = re.sub(r"policy = \[.*\]", "policy = ['* /**']", table, flags=re.S)
    with open("config.toml", "a") as config:
        config.write(table)
    subprocess.run(["anaplan-agent", "reload"], check=True)
    login = ("record", secret.read_text().strip())
    os.environ["RECORD_USER"], os.environ["RECORD_SECRET"] = login
    hook()
    for name, package, page, run in (
        ("anaplan-sdk", "anaplan-sdk", "docs/anaplan-sdk.md", sdk),
        ("anaplan-api", "anaplan-api", "docs/calls.md", anaplan_api),
        ("anaplan-orm", "anaplan-orm", "docs/calls.md", orm),
        ("planapy", "PlanaPY", "docs/calls.md", planapy),
        ("apapi", "apapi", "docs/calls.md", apapi),
    ):
        mark(name, package, page, "nightly")
        run(*login)
    mark(None, None, None, None)


if __name__ == "__main__":
    main()
