import base64, json, sys, time, urllib.request

plan = "https://api.anaplan.com/2/0/workspaces/8a8196b15b7dbae6015b8694411d13fe/models/6D203BA7549241C7BEE26C93DE987F12"


def call(method, url, authorization, data=None, kind="application/json"):
    request = urllib.request.Request(url, data, {"Authorization": authorization, "Content-Type": kind}, method=method)
    with urllib.request.urlopen(request) as answer:
        body = answer.read()
    return json.loads(body) if body else None


basic = "Basic " + base64.b64encode(b"ana@example.com:password").decode()
token = "AnaplanAuthToken " + call("POST", "https://auth.anaplan.com/token/authenticate", basic)["tokenInfo"]["tokenValue"]
print("models:", *[model["name"] for model in call("GET", "https://api.anaplan.com/2/0/models", token)["models"]])
with open(sys.argv[1], "rb") as file:
    call("PUT", plan + "/files/113000000001", token, file.read(), "application/octet-stream")
tasks = plan + "/processes/118000000001/tasks"
task = call("POST", tasks, token, b'{"localeName":"en_US"}')["task"]["taskId"]
while (state := call("GET", tasks + "/" + task, token)["task"]["taskState"]) != "COMPLETE":
    time.sleep(0.1)
print("process:", state)
