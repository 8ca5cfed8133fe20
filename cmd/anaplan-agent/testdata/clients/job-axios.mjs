import { readFile } from "node:fs/promises";

const axios = (await import(process.argv[3] ?? "axios")).default;
const plan = "https://api.anaplan.com/2/0/workspaces/8a8196b15b7dbae6015b8694411d13fe/models/6D203BA7549241C7BEE26C93DE987F12";

const login = await axios.post("https://auth.anaplan.com/token/authenticate", null, { auth: { username: "ana@example.com", password: "password" } });
const client = axios.create({ headers: { Authorization: "AnaplanAuthToken " + login.data.tokenInfo.tokenValue } });
const { models } = (await client.get("https://api.anaplan.com/2/0/models")).data;
console.log("models:", ...models.map((model) => model.name));
await client.put(plan + "/files/113000000001", await readFile(process.argv[2]), { headers: { "Content-Type": "application/octet-stream" } });
const tasks = plan + "/processes/118000000001/tasks";
let { task } = (await client.post(tasks, { localeName: "en_US" })).data;
while (task.taskState !== "COMPLETE") ({ task } = (await client.get(`${tasks}/${task.taskId}`)).data);
console.log("process:", task.taskState);
