import asyncio, sys

import anaplan_sdk


async def job():
    client = anaplan_sdk.AsyncClient(
        workspace_id="8a8196b15b7dbae6015b8694411d13fe",
        model_id="6D203BA7549241C7BEE26C93DE987F12",
        user_email="ana@example.com",
        password="password",
    )
    print("models:", *[model.name for model in await client.get_models()])
    with open(sys.argv[1], "rb") as file:
        await client.upload_file(113000000001, file.read())
    print("process:", (await client.run_action(118000000001)).task_state)


asyncio.run(job())
