import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { folderOf, platform, run } from "./testing/command.ts";

test("usage: help on stdout with 0; what it does not understand with 2 and a hint", async (t) => {
  const folder = folderOf(t);
  const help = await run(t, folder, "--help");
  assert.equal(help.code, 0);
  for (const command of ["up", "down", "build", "start", "invoke", "logs", "doctor"])
    assert.match(help.stdout, new RegExp(`^  ${command} `, "m"));
  assert.match((await run(t, folder, "up", "--help")).stdout, /Examples:/);

  const unknown = await run(t, folder, "strat");
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /Did you mean start\?/);
  for (const wrong of [
    ["start", "--port", "x"],
    ["start", "--durability", "maybe"],
    ["start", "--account", "12"],
    ["up", "--parameter", "x"],
    ["invoke"],
  ]) {
    assert.equal((await run(t, folder, ...wrong)).code, 2, wrong.join(" "));
  }
});

test("commands that need a platform say so, and how to get one", async (t) => {
  const folder = folderOf(t, { "template.yaml": "Resources: {A: {Type: AWS::SQS::Queue}}" });
  for (const command of [["invoke", "f"], ["logs", "f"], ["down"]]) {
    const { code, stderr } = await run(t, folder, ...command, "--port", "1");
    assert.equal(code, 1);
    assert.match(stderr, /No Virga answers at http:\/\/127\.0\.0\.1:1\.\n {2}Start it with `virga start`/);
  }
});

test("nothing is sent to an endpoint that is not a Virga", async (t) => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url!);
    response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { code } = await run(
    t,
    folderOf(t),
    "down",
    "--stack",
    "production",
    "--endpoint",
    `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  );
  assert.equal(code, 1);
  assert.deepEqual(asked, ["/_virga/health"]);
});

test("a template that is missing or broken is named, with what to do", async (t) => {
  const missing = await run(t, folderOf(t), "up", "--port", "1");
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /has no template\.yaml, template\.yml or template\.json\./);
  const cdk = await run(t, folderOf(t, { "cdk.json": "{}" }), "up");
  assert.match(cdk.stderr, /cdk synth/);
});

test("start: answers, keeps its data to itself, and ends cleanly when asked", async (t) => {
  const folder = folderOf(t);
  const { endpoint, running } = await platform(t, folder, "--data", "kept");
  const health = (await (await fetch(`${endpoint}/_virga/health`)).json()) as { pid: number };
  assert.equal(health.pid, running.child.pid);

  const { port } = new URL(endpoint);
  const second = await run(t, folder, "start", "--port", port, "--ephemeral");
  assert.equal(second.code, 1);
  assert.match(second.stderr, new RegExp(`Virga .* runs on port ${port} already`));

  const locked = await run(t, folder, "start", "--port", "0", "--data", "kept");
  assert.equal(locked.code, 1);
  assert.match(locked.stderr, new RegExp(`in use by process ${running.child.pid}\\.`));

  const { code } = await running.end("SIGINT");
  assert.equal(code, 0);
});

test("start: a port that something else holds is told with its process", async (t) => {
  const server = createServer((_request, response) => response.writeHead(404).end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { code, stderr } = await run(t, folderOf(t), "start", "--ephemeral", "--port", String(port));
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`Port ${port} is in use`));
  if (process.platform === "linux") assert.match(stderr, new RegExp(`by process ${process.pid} `));
  assert.match(stderr, new RegExp(`--port ${port + 1}`));
});

test("with keys demanded, the root's key is made once, kept private, and opens the door", async (t) => {
  const folder = folderOf(t);
  const start = async () => {
    const { endpoint, running } = await platform(t, folder, "--data", "kept", "--auth", "required");
    const { rootKey } = JSON.parse(running.stdout()) as { rootKey: { accessKeyId: string; secretAccessKey: string } };
    return { endpoint, running, rootKey };
  };
  const first = await start();
  assert.equal(statSync(join(folder, "kept", "credentials")).mode & 0o777, 0o600);
  const ask = (credentials: { accessKeyId: string; secretAccessKey: string }) =>
    new STSClient({ endpoint: first.endpoint, region: "us-east-1", credentials: { ...credentials } }).send(
      new GetCallerIdentityCommand({}),
    );
  assert.equal((await ask(first.rootKey)).Arn, "arn:aws:iam::000000000000:root");
  await assert.rejects(ask({ ...first.rootKey, secretAccessKey: "wrong" }), { name: "SignatureDoesNotMatch" });
  await assert.rejects(ask({ accessKeyId: "000000000000", secretAccessKey: "virga" }), {
    name: "InvalidClientTokenId",
  });
  await first.running.end();
  const second = await start();
  assert.deepEqual(second.rootKey, first.rootKey);
});

test("doctor: findings with remedies, as JSON too", async (t) => {
  const folder = folderOf(t);
  const { code, stdout } = await run(t, folder, "doctor", "--json", "--port", "0");
  const { findings } = JSON.parse(stdout) as { findings: { subject: string; status: string; remedy?: string }[] };
  assert.ok(findings.some(({ subject, status }) => subject === "Node.js" && status === "ok"));
  assert.equal(code, 0);
  assert.ok(findings.some(({ subject }) => subject === "function isolation"));
  assert.ok(findings.some(({ subject, status }) => subject === "runtime nodejs24.x" && status !== "missing"));
  for (const { subject, status, remedy } of findings) if (status === "missing") assert.ok(remedy, subject);
});
