import sys, time

import httpx

plan = "https://api.anaplan.com/2/0/workspaces/8a8196b15b7dbae6015b8694411d13fe/models/6D203BA7549241C7BEE26C93DE987F12"

with httpx.Client() as client:
    login = client.post("https://auth.anaplan.com/token/authenticate", auth=("ana@example.com", "password")).raise_for_status()
    client.headers["Authorization"] = "AnaplanAuthToken " + login.json()["tokenInfo"]["tokenValue"]
    print("models:", *[model["name"] for model in client.get("https://api.anaplan.com/2/0/models").raise_for_status().json()["models"]])
    with open(sys.argv[1], "rb") as file:
        client.put(plan + "/files/113000000001", content=file.read(), headers={"Content-Type": "application/octet-stream"}).raise_for_status()
    tasks = plan + "/processes/118000000001/tasks"
    task = client.post(tasks, json={"localeName": "en_US"}).raise_for_status().json()["task"]["taskId"]
    while (state := client.get(tasks + "/" + task).raise_for_status().json()["task"]["taskState"]) != "COMPLETE":
        time.sleep(0.1)
    print("process:", state)
