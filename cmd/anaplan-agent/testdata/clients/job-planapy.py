from PlanaPY.PlanaPY import AnaplanAPI, AnaplanModels

api = AnaplanAPI()
api.acquire_token("ana@example.com", "password")
models = AnaplanModels(api)
print("models:", *models.models["name"])
print("upload:", models.import_file("Plan", "Finance", "Sales.csv").status_code)  # which is named as its file here
# An export: for a process it looks at the list of tasks until all have ended, and the emulator's go on
# only when they are looked at one by one.
print("export:", models.run_export_action("Plan", "Finance", "Report.csv").json()["task"]["taskId"])
