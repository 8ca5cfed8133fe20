import { readFile } from "node:fs/promises";

const plan = "https://api.anaplan.com/2/0/workspaces/8a8196b15b7dbae6015b8694411d13fe/models/6D203BA7549241C7BEE26C93DE987F12";

async function call(method, url, authorization, body, type = "application/json") {
  const answer = await fetch(url, { method, body, headers: { Authorization: authorization, "Content-Type": type } });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${text}`);
  return text && JSON.parse(text);
}

const login = await call("POST", "https://auth.anaplan.com/token/authenticate", "Basic " + btoa("ana@example.com:password"));
const token = "AnaplanAuthToken " + login.tokenInfo.tokenValue;
const { models } = await call("GET", "https://api.anaplan.com/2/0/models", token);
console.log("models:", ...models.map((model) => model.name));
await call("PUT", plan + "/files/113000000001", token, await readFile(process.argv[2]), "application/octet-stream");
const tasks = plan + "/processes/118000000001/tasks";
let { task } = await call("POST", tasks, token, '{"localeName":"en_US"}');
while (task.taskState !== "COMPLETE") ({ task } = await call("GET", `${tasks}/${task.taskId}`, token));
console.log("process:", task.taskState);
