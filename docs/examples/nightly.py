#!/usr/bin/env python3
"""A nightly integration with Python's standard library: log in, find things by their
names, upload a file, run a process, download an export, log out. It speaks to
anaplan-agent in the place of Anaplan, and knows nothing of keys, certificates or
Anaplan's tokens.

    AGENT=http://127.0.0.1:8470 CLIENT=nightly SECRET_FILE=nightly.secret ./nightly.py sales.csv report.csv
"""

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request

AGENT = os.environ["AGENT"]
CHUNK = 10 << 20


class Anaplan:
    def __init__(self, client, secret):
        basic = base64.b64encode(f"{client}:{secret}".encode()).decode()
        answer = self._send("POST", "/token/authenticate", "Basic " + basic)
        self._token = "AnaplanAuthToken " + json.loads(answer)["tokenInfo"]["tokenValue"]

    def logout(self):
        self._send("POST", "/token/logout", self._token)

    def call(self, method, path, data=None):
        """Returns the bytes of the answer. data is bytes, or an object for JSON."""
        kind = "application/octet-stream"
        if data is not None and not isinstance(data, bytes):
            data, kind = json.dumps(data).encode(), "application/json"
        return self._send(method, "/2/0" + path, self._token, data, kind)

    def get(self, path):
        return json.loads(self.call("GET", path))

    @staticmethod
    def _send(method, path, authorization, data=None, kind=None):
        request = urllib.request.Request(AGENT + path, data, method=method)
        request.add_header("Authorization", authorization)
        if kind and data is not None:
            request.add_header("Content-Type", kind)
        try:
            with urllib.request.urlopen(request) as response:
                return response.read()
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}")


def find(things, name):
    for thing in things:
        if thing["name"] == name:
            return thing
    sys.exit(f"there is no {name!r}; there are {', '.join(t['name'] for t in things)}")


def run(anaplan, path):
    """Starts it, waits, and fails unless Anaplan says that it went well."""
    task = json.loads(anaplan.call("POST", path + "/tasks", {"localeName": "en_US"}))["task"]["taskId"]
    while True:
        state = anaplan.get(f"{path}/tasks/{task}")["task"]
        if state["taskState"] in ("COMPLETE", "CANCELLED"):
            break
        time.sleep(float(os.environ.get("PAUSE", "2")))
    print(path, state["taskState"])
    if not state.get("result", {}).get("successful"):
        sys.exit(json.dumps(state, indent=2))


def main(upload, download):
    with open(os.environ["SECRET_FILE"]) as secret:
        anaplan = Anaplan(os.environ["CLIENT"], secret.read().strip())
    model = find(anaplan.get("/models")["models"], os.environ.get("MODEL", "Plan"))
    place = f"/workspaces/{model['currentWorkspaceId']}/models/{model['id']}"
    print("model", model["name"], place)

    file = find(anaplan.get(place + "/files")["files"], os.environ.get("FILE", "Sales.csv"))
    source = f"{place}/files/{file['id']}"
    anaplan.call("POST", source, {"chunkCount": -1})
    with open(upload, "rb") as data:
        for number, chunk in enumerate(iter(lambda: data.read(CHUNK), b"")):
            anaplan.call("PUT", f"{source}/chunks/{number}", chunk)
    anaplan.call("POST", source + "/complete", {})
    print("uploaded", upload)

    process = find(anaplan.get(place + "/processes")["processes"], os.environ.get("PROCESS", "Nightly load"))
    run(anaplan, f"{place}/processes/{process['id']}")
    export = find(anaplan.get(place + "/exports")["exports"], os.environ.get("EXPORT", "Report.csv"))
    run(anaplan, f"{place}/exports/{export['id']}")

    result = f"{place}/files/{export['id']}"
    with open(download, "wb") as data:
        for chunk in anaplan.get(result + "/chunks")["chunks"]:
            data.write(anaplan.call("GET", f"{result}/chunks/{chunk['id']}"))
    print("downloaded", download)
    anaplan.logout()
    print("logged out")


main(*sys.argv[1:])
