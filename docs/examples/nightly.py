#!/usr/bin/env python3
"""A nightly integration with Python's standard library: log in, find things by their
names, upload a file, run a process, download an export, log out. It speaks to
anaplan-agent in the place of Anaplan, and knows nothing of keys, certificates or
Anaplan's tokens.

    AGENT=http://127.0.0.1:8470 CLIENT=nightly SECRET_FILE=nightly.secret ./nightly.py sales.csv report.csv

or with a token that it is given, and then it neither logs in nor out:

    anaplan-agent exec --phantom --client nightly -- ./nightly.py sales.csv report.csv
"""

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request

CHUNK = 10 << 20


class Anaplan:
    """Calls through the agent. Used with `with`, it logs out in the end if it has logged in."""

    def __init__(self):
        self._agent = os.environ.get("ANAPLAN_API_URL") or setting("AGENT")
        self._logged_in = not os.environ.get("ANAPLAN_TOKEN")
        self._token = "AnaplanAuthToken " + (os.environ.get("ANAPLAN_TOKEN") or self._login())

    def _login(self):
        with open(setting("SECRET_FILE")) as file:
            pair = f"{setting('CLIENT')}:{file.read().strip()}"
        answer = self._send("POST", "/token/authenticate", "Basic " + base64.b64encode(pair.encode()).decode())
        return json.loads(answer)["tokenInfo"]["tokenValue"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._logged_in:
            self._send("POST", "/token/logout", self._token)
            print("logged out")

    def call(self, method, path, data=None):
        """Returns the bytes of the answer. data is bytes, or an object for JSON."""
        kind = "application/octet-stream"
        if data is not None and not isinstance(data, bytes):
            data, kind = json.dumps(data).encode(), "application/json"
        return self._send(method, "/2/0" + path, self._token, data, kind)

    def get(self, path):
        return json.loads(self.call("GET", path))

    def _send(self, method, path, authorization, data=None, kind=None):
        request = urllib.request.Request(self._agent + path, data, method=method)
        request.add_header("Authorization", authorization)
        if kind and data is not None:
            request.add_header("Content-Type", kind)
        try:
            with urllib.request.urlopen(request) as response:
                return response.read()
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}")
        except urllib.error.URLError as error:
            sys.exit(f"{method} {self._agent}{path}: {error.reason}")


def setting(name):
    return os.environ.get(name) or sys.exit(f"{name} is not set\n{__doc__}")


def find(things, name):
    for thing in things:
        if thing["name"] == name:
            return thing
    sys.exit(f"there is no {name!r}; there are {', '.join(t['name'] for t in things)}")


def upload(anaplan, file, path):
    """Sends a file in chunks; an empty one is one chunk with nothing in it."""
    anaplan.call("POST", file, {"chunkCount": -1})
    with open(path, "rb") as data:
        number, chunk = 0, data.read(CHUNK)
        while chunk or number == 0:
            anaplan.call("PUT", f"{file}/chunks/{number}", chunk)
            number, chunk = number + 1, data.read(CHUNK)
    anaplan.call("POST", file + "/complete", {})


def run(anaplan, path):
    """Starts it, waits, and fails unless Anaplan says that it went well."""
    task = json.loads(anaplan.call("POST", path + "/tasks", {"localeName": "en_US"}))["task"]["taskId"]
    while True:
        state = anaplan.get(f"{path}/tasks/{task}")["task"]
        if state["taskState"] in ("COMPLETE", "CANCELLED"):
            break
        time.sleep(float(os.environ.get("PAUSE", "5")))
    print(path, state["taskState"])
    if not state.get("result", {}).get("successful"):
        sys.exit(f"{path} was not successful: {json.dumps(state, indent=2)}")


def main(source, target):
    with Anaplan() as anaplan:
        model = find(anaplan.get("/models")["models"], os.environ.get("MODEL", "Plan"))
        place = f"/workspaces/{model['currentWorkspaceId']}/models/{model['id']}"
        print("model", model["name"], place)

        file = find(anaplan.get(place + "/files")["files"], os.environ.get("FILE", "Sales.csv"))
        upload(anaplan, f"{place}/files/{file['id']}", source)
        print("uploaded", source)

        process = find(anaplan.get(place + "/processes")["processes"], os.environ.get("PROCESS", "Nightly load"))
        run(anaplan, f"{place}/processes/{process['id']}")
        export = find(anaplan.get(place + "/exports")["exports"], os.environ.get("EXPORT", "Report.csv"))
        run(anaplan, f"{place}/exports/{export['id']}")

        result = f"{place}/files/{export['id']}"
        with open(target, "wb") as data:
            for chunk in anaplan.get(result + "/chunks")["chunks"]:
                data.write(anaplan.call("GET", f"{result}/chunks/{chunk['id']}"))
        print("downloaded", target)


if len(sys.argv) != 3:
    print(f"usage: {sys.argv[0]} UPLOAD.csv DOWNLOAD.csv", file=sys.stderr)
    sys.exit(2)
try:
    main(*sys.argv[1:])
except OSError as error:  # of the files
    sys.exit(str(error))
