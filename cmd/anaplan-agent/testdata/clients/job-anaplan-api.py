import sys

from anaplan import anaplan
from anaplan.models.AnaplanConnection import AnaplanConnection

auth = anaplan.authorize("Basic", email="ana@example.com", password="password")
conn = AnaplanConnection(auth.auth_token, "8a8196b15b7dbae6015b8694411d13fe", "6D203BA7549241C7BEE26C93DE987F12")
print("imports:", anaplan.get_list(conn, "imports"))
anaplan.file_upload(conn=conn, file_id="113000000001", chunk_size=5, data=sys.argv[1])
# An import: of a process it wants details of each action, which the emulator has of imports only.
results = anaplan.execute_action(conn=conn, action_id="112000000001", retry_count=3)
print("import:", *[result.task_detail for result in results.reponses])  # as it is written there
