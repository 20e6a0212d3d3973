/** `virga up` at a developer's desk: deploy, change the code, break it, mend it, stop, start again, invoke, read the log, take it down. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { folderOf, launch, run, writeFiles } from "../../src/cli/testing/command.ts";

const TEMPLATE = `
Transform: AWS::Serverless-2016-10-31
Parameters:
  Greeting: { Type: String, Default: Hello }
Resources:
  Greeter:
    Type: AWS::Serverless::Function
    Metadata:
      BuildMethod: esbuild
      BuildProperties: { EntryPoints: [app.ts], Minify: false }
    Properties:
      CodeUri: greeter
      Handler: app.handler
      Runtime: nodejs24.x
      Environment: { Variables: { GREETING: !Ref Greeting } }
  Plain:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: plain, Handler: index.handler, Runtime: nodejs24.x }
Outputs:
  Name: { Value: !Ref Greeter, Description: The function }
`;

const greeter = (sign: string) => `
import { shout } from "../shared/shout.ts";
export const handler = async (event: { name?: string }) => {
  if (event.name === undefined) throw new Error("Nobody is there");
  console.log("greeting", event.name);
  return shout(\`\${process.env["GREETING"]} \${event.name}${sign}\`);
};
`;

const FILES = {
  "app/template.yaml": TEMPLATE,
  "app/greeter/app.ts": greeter("!"),
  "app/plain/index.js": "exports.handler = async () => 'plain 1';\n",
  "app/shared/shout.ts": "export const shout = (text: string): string => text.toUpperCase();\n",
};

test("deploy, reload, break, mend, restart, invoke, logs, down", async (t) => {
  const folder = folderOf(t, FILES);
  let up = launch(t, folder, ["up", "app", "--port", "0"]);
  const [, endpoint] = await up.says(/AWS_ENDPOINT_URL=(\S+)/);
  await up.says(/Watching for changes/);
  assert.match(up.stderr(), /✔ Greeter AWS::Lambda::Function/);
  const at =
    (url: string) =>
    (...args: string[]) =>
      run(t, folder, ...args, "--endpoint", url);
  let virga = at(endpoint!);
  const greet = async (name = "Greeter") => (await virga("invoke", name, "-e", '{"name":"Ada"}')).stdout.trim();

  assert.equal(await greet(), '"HELLO ADA!"');
  assert.equal(await greet("Plain"), '"plain 1"');

  const failed = await virga("invoke", "Greeter");
  assert.equal(failed.code, 1);
  assert.match(failed.stdout, /Nobody is there/);
  assert.match(failed.stderr, /The function failed \(Unhandled\)/);

  writeFiles(folder, { "app/greeter/app.ts": greeter("?") });
  await up.says(/Greeter reloaded in/);
  assert.equal(await greet(), '"HELLO ADA?"');

  writeFiles(folder, { "app/shared/shout.ts": "export const shout = (text: string): string => text.toLowerCase(\n" });
  await up.says(/Greeter could not be built[\s\S]*shout\.ts:2[\s\S]*goes on running/);
  assert.equal(await greet(), '"HELLO ADA?"');
  writeFiles(folder, { "app/shared/shout.ts": "export const shout = (text: string): string => text.toLowerCase();\n" });
  await up.says(/Greeter reloaded in[\s\S]*Greeter reloaded in/);
  assert.equal(await greet(), '"hello ada?"');

  writeFiles(folder, { "app/plain/index.js": "exports.handler = async () => 'plain 2';\n" });
  await up.says(/Plain reloaded in/);
  assert.equal(await greet("Plain"), '"plain 2"');

  writeFiles(folder, { "app/template.yaml": TEMPLATE.replace("!Ref Greeting", "Welcome") });
  await up.says(/app deployed in/);
  assert.equal(await greet(), '"welcome ada?"');

  writeFiles(folder, {
    "app/template.yaml": TEMPLATE.replace("Handler: app.handler", "Handler: app.handler\n      Colour: red"),
  });
  await up.says(/✖ .*Colour/);
  assert.equal(await greet(), '"welcome ada?"');
  writeFiles(folder, { "app/template.yaml": TEMPLATE.replace("!Ref Greeting", "Welcome") });

  const log = await virga("logs", "Greeter", "--filter", "greeting");
  assert.match(log.stdout, /greeting Ada/);
  const json = JSON.parse((await virga("invoke", "Greeter", "-e", '{"name":"Ada"}', "--json")).stdout);
  assert.equal(json.payload, "welcome ada?");
  assert.ok(json.billedMs >= 1 && json.memoryUsedMb > 0);

  assert.equal((await up.end()).code, 0);
  up = launch(t, folder, ["up", "app", "--port", "0"]);
  const [, again] = await up.says(/AWS_ENDPOINT_URL=(\S+)/);
  await up.says(/Watching for changes/);
  assert.match(up.stderr(), /app is up to date|✔ app /);
  virga = at(again!);
  assert.equal(await greet(), '"welcome ada?"');

  const follow = launch(t, folder, ["logs", "Greeter", "--follow", "--since", "1s", "--endpoint", again!]);
  await virga("invoke", "Greeter", "-e", '{"name":"Grace"}');
  await follow.says(/greeting Grace/);
  assert.equal((await follow.end()).code, 0);

  assert.deepEqual(readdirSync(join(folder, "app/.virga/builds/app")).sort(), [".gitignore", "Greeter", "Plain"]);
  const down = await virga("down", "app");
  assert.equal(down.code, 0, down.stderr);
  assert.ok(!existsSync(join(folder, "app/.virga/builds")));
  const gone = await virga("invoke", "Greeter");
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /There is no function Greeter/);
  assert.equal((await up.end()).code, 0);
});

test("a first deployment that fails is told with its reason; without --watch it is the end, and nothing is left", async (t) => {
  const folder = folderOf(t, {
    "template.yaml":
      "Resources: { A: { Type: AWS::SQS::Queue }, B: { Type: AWS::SQS::Queue, Properties: { DelaySeconds: 5000 } } }",
  });
  const up = launch(t, folder, ["up", "--port", "0", "--ephemeral", "--no-watch", "--stack", "broken"]);
  await up.says(/The stack broken is ROLLBACK_COMPLETE\.\n\s+B \(AWS::SQS::Queue\):/);
  const ended = await up.end();
  assert.equal(ended.code, 1);
});

test("interrupted while it deploys, it ends at once; the next start finishes the deployment", async (t) => {
  const folder = folderOf(t, {
    "template.yaml": `
Transform: AWS::Serverless-2016-10-31
Resources:
  Slow:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: slow, Handler: index.handler, Runtime: nodejs24.x, Timeout: 60 }
  Waits:
    Type: Custom::Waits
    Properties: { ServiceToken: !GetAtt Slow.Arn, ServiceTimeout: 3 }
`,
    "slow/index.js": "exports.handler = () => new Promise(() => setTimeout(() => {}, 50_000));\n",
  });
  const up = launch(t, folder, ["up", "--port", "0", "--data", "data", "--stack", "slow"]);
  await up.says(/✔ Slow /);
  assert.equal((await up.end()).code, 130);
  const again = launch(t, folder, ["up", "--port", "0", "--data", "data", "--stack", "slow", "--no-watch"]);
  // The resource never answers, not even when it is to go: what counts is that the interrupted creation came to its end.
  await again.says(
    /The stack slow is DELETE_FAILED\.\n\s+Waits \(Custom::Waits\): CloudFormation did not receive a response/,
  );
  await again.end();
});

test("a large template and a layer go by way of S3; two applications stand side by side", async (t) => {
  const folder = folderOf(t, {
    "large/template.yaml": `
Transform: AWS::Serverless-2016-10-31
Metadata:
  Story: ${"once upon a time ".repeat(4_000)}
Resources:
  Words:
    Type: AWS::Serverless::LayerVersion
    Properties: { ContentUri: words, CompatibleRuntimes: [nodejs24.x] }
  Speaker:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: speaker, Handler: index.handler, Runtime: nodejs24.x, Layers: [!Ref Words] }
`,
    "large/words/nodejs/node_modules/words/index.js": "module.exports = 'out of a layer';\n",
    "large/speaker/index.js": "exports.handler = async () => require('words');\n",
    "small/template.json": JSON.stringify({ Resources: { Queue: { Type: "AWS::SQS::Queue" } } }),
  });
  const up = launch(t, folder, ["up", "large", "small", "--port", "0", "--ephemeral", "--no-watch", "--json"]);
  const [json] = await up.says(/\{\n[\s\S]*\n\}\n/);
  const { endpoint, applications } = JSON.parse(json) as { endpoint: string; applications: { stackName: string }[] };
  assert.deepEqual(
    applications.map(({ stackName }) => stackName),
    ["large", "small"],
  );
  const invoked = await run(t, folder, "invoke", "Speaker", "--endpoint", endpoint);
  assert.equal(invoked.stdout.trim(), '"out of a layer"', invoked.stderr);
  assert.equal((await up.end()).code, 0);
});
