/**
 * The platform is killed with -9 again and again while several clients submit the contact form. Afterwards every submission that was acknowledged is in
 * the table, once; what was refused or not answered may be there or not, but never twice.
 */
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { DynamoDBClient, paginateScan } from "@aws-sdk/client-dynamodb";
import { GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { launch, type Running, temporaryFolder } from "../../src/cli/testing/command.ts";
import { post } from "./post.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const KILLS = 5;
const CLIENTS = 4;
/** How long a life of the platform lasts under load. */
const LIFE_MS = 1500;
const DRAIN_MS_MAX = 150_000;

interface Life {
  readonly up: Running;
  readonly endpoint: string;
  readonly outputs: Readonly<Record<string, string>>;
}

async function start(project: string, port: string): Promise<Life> {
  const up = launch(undefined, project, [
    "up",
    "contact-form",
    "--port",
    port,
    "--data",
    "data",
    "--no-watch",
    "--json",
  ]);
  const [json] = await up.says(/\{\n[\s\S]*\n\}\n/);
  const { endpoint, applications } = JSON.parse(json) as {
    endpoint: string;
    applications: { outputs: { name: string; value: string }[] }[];
  };
  return {
    up,
    endpoint,
    outputs: Object.fromEntries(applications[0]!.outputs.map(({ name, value }) => [name, value])),
  };
}

test("nothing acknowledged is lost to kill -9, and nothing is stored twice", async () => {
  const project = temporaryFolder();
  cpSync(join(root, "examples/contact-form"), join(project, "contact-form"), {
    recursive: true,
    filter: (path) => !/node_modules|\.virga/.test(path),
  });
  let life = await start(project, "0");
  const { port } = new URL(life.endpoint);
  const api = new URL(life.outputs["ApiUrl"]!);
  const acknowledged: string[] = [];
  let asked = 0;
  let submitting = true;

  const client = async (name: number) => {
    for (let n = 0; submitting; n++) {
      const message = `client ${name} message ${n}`;
      asked++;
      const status = await post(api, { name: `Client ${name}`, email: "client@example.com", message }).catch(() => 0);
      if (status === 200) acknowledged.push(message);
      else await sleep(50);
    }
  };
  const clients = Array.from({ length: CLIENTS }, (_, name) => client(name));
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(LIFE_MS);
    await life.up.end("SIGKILL");
    life = await start(project, port);
  }
  submitting = false;
  await Promise.all(clients);
  assert.ok(acknowledged.length > KILLS * CLIENTS, `the load was worth the name: ${acknowledged.length} acknowledged`);
  assert.equal(new Set(acknowledged).size, acknowledged.length);

  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const options = { endpoint: life.endpoint, region: "us-east-1", credentials };
  const dynamodb = new DynamoDBClient(options);
  const sqs = new SQSClient(options);
  const stored = async () => {
    const messages: string[] = [];
    for await (const { Items = [] } of paginateScan(
      { client: dynamodb },
      { TableName: life.outputs["TableName"], ConsistentRead: true },
    )) {
      for (const item of Items) if (item["state"]?.S === "mailed") messages.push(item["message"]!.S!);
    }
    return messages;
  };
  const deadline = Date.now() + DRAIN_MS_MAX;
  let missing = acknowledged;
  while (missing.length > 0 && Date.now() < deadline) {
    const present = new Set(await stored());
    missing = acknowledged.filter((message) => !present.has(message));
    if (missing.length > 0) await sleep(500);
  }
  const messages = await stored();
  assert.deepEqual(
    missing,
    [],
    `${missing.length} of ${acknowledged.length} acknowledged submissions are not processed`,
  );
  assert.equal(new Set(messages).size, messages.length, "a submission is stored twice");
  assert.ok(messages.length <= asked);
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: life.outputs["DeadLetterQueueUrl"], AttributeNames: ["All"] }),
  );
  assert.equal(Attributes!["ApproximateNumberOfMessages"], "0", "no submission ended among the dead letters");
  console.log(`${asked} asked, ${acknowledged.length} acknowledged, ${messages.length} stored, ${KILLS} kills`);
  await life.up.end("SIGTERM");
});
