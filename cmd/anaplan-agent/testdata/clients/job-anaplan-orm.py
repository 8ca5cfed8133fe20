import sys

from anaplan_orm.authenticator import BasicAuthenticator
from anaplan_orm.client import AnaplanClient

workspace, model = "8a8196b15b7dbae6015b8694411d13fe", "6D203BA7549241C7BEE26C93DE987F12"
client = AnaplanClient(BasicAuthenticator("ana@example.com", "password"))
with open(sys.argv[1], encoding="utf-8") as file:
    client.upload_file(workspace, model, "113000000001", file.read())
task = client.execute_process(workspace, model, "118000000001")
print("process:", client.wait_for_process_completion(workspace, model, "118000000001", task)["taskState"])
