import sys, time

import apapi

model = "6D203BA7549241C7BEE26C93DE987F12"
with apapi.BasicAuth("ana@example.com:password") as auth:
    connection = apapi.BulkConnection(auth)
    print("models:", *[model["name"] for model in connection.request("GET", "https://api.anaplan.com/2/0/models").json()["models"]])
    with open(sys.argv[1], "rb") as file:
        connection.put_file(model, "113000000001", file.read())
    task = connection.run_process(model, "118000000001").json()["task"]["taskId"]
    while (state := connection.get_process_task(model, "118000000001", task).json()["task"]["taskState"]) != "COMPLETE":
        time.sleep(0.1)
    print("process:", state)
