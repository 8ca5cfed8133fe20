import sys, time

import requests

plan = "https://api.anaplan.com/2/0/workspaces/8a8196b15b7dbae6015b8694411d13fe/models/6D203BA7549241C7BEE26C93DE987F12"
session = requests.Session()


def call(method, url, **more):
    answer = session.request(method, url, **more)
    answer.raise_for_status()
    return answer


login = call("POST", "https://auth.anaplan.com/token/authenticate", auth=("ana@example.com", "password"))
session.headers["Authorization"] = "AnaplanAuthToken " + login.json()["tokenInfo"]["tokenValue"]
print("models:", *[model["name"] for model in call("GET", "https://api.anaplan.com/2/0/models").json()["models"]])
with open(sys.argv[1], "rb") as file:
    call("PUT", plan + "/files/113000000001", data=file, headers={"Content-Type": "application/octet-stream"})
tasks = plan + "/processes/118000000001/tasks"
task = call("POST", tasks, json={"localeName": "en_US"}).json()["task"]["taskId"]
while (state := call("GET", tasks + "/" + task).json()["task"]["taskState"]) != "COMPLETE":
    time.sleep(0.1)
print("process:", state)
