/**
 * The platform is killed (SIGKILL) again and again while visitors post and programs send. Afterwards every acknowledged submission is in the table,
 * none twice, each was mailed, and the queue is empty.
 */
import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type AttributeValue, DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { folderOf, launch, type Running } from "../../src/cli/testing/command.ts";

const EXAMPLE = fileURLToPath(new URL("../../examples/contact-form", import.meta.url));
const KILLS = 4;
const VISITORS = 5;
const PROGRAMS = 3;
/** How long each life is under load: not the same, so that the kill meets different work. */
const LIVES_MS = [400, 900, 1_500, 700];
const DEADLINE_MS = 120_000;

interface Life {
  readonly up: Running;
  readonly endpoint: string;
  readonly outputs: Readonly<Record<string, string>>;
}

test(`${KILLS} kills under load: everything acknowledged is processed, nothing twice`, async (t) => {
  const folder = folderOf(t);
  cpSync(EXAMPLE, join(folder, "form"), { recursive: true, filter: (path) => !/node_modules|\.virga/.test(path) });
  // What a killed worker held comes back sooner; the function's timeout allows no less.
  const path = join(folder, "form", "template.yaml");
  writeFileSync(path, readFileSync(path, "utf8").replace("VisibilityTimeout: 60", "VisibilityTimeout: 10"));

  let port = "0";
  async function live(): Promise<Life> {
    const up = launch(t, folder, ["up", "form", "--port", port, "--data", "data", "--no-watch", "--json"]);
    const [json] = await up.says(/\{\n[\s\S]*\n\}\n/);
    const { endpoint, applications } = JSON.parse(json);
    port = new URL(endpoint).port;
    const outputs = Object.fromEntries(applications[0].outputs.map((output: any) => [output.name, output.value]));
    return { up, endpoint, outputs };
  }

  let written = 0;
  const acknowledged = new Set<string>();
  const submission = () => {
    const message = `message ${written++}`;
    return { message, body: JSON.stringify({ name: "Ada", email: "ada@example.com", message }) };
  };

  for (let life = 0; life < KILLS; life++) {
    const { up, endpoint, outputs } = await live();
    const api = `${endpoint}/_aws/execute-api/${new URL(outputs["ApiUrl"]!).hostname.split(".")[0]}/$default/messages`;
    const sqs = new SQSClient({ ...client(endpoint), maxAttempts: 1 });
    let alive = true;
    /** Sends until the platform is gone; whatever was answered with success counts. */
    const load = async (send: (body: string) => Promise<boolean>) => {
      while (alive) {
        const { message, body } = submission();
        // A request that was cut off was not acknowledged, whatever became of it.
        if (await send(body).catch(() => false)) acknowledged.add(message);
      }
    };
    const visitors = Array.from({ length: VISITORS }, () =>
      load(async (body) => {
        const response = await fetch(api, { method: "POST", body });
        await response.text();
        return response.status === 200;
      }),
    );
    const programs = Array.from({ length: PROGRAMS }, () =>
      load(async (MessageBody) => {
        await sqs.send(new SendMessageCommand({ QueueUrl: outputs["QueueUrl"]!, MessageBody }));
        return true;
      }),
    );
    await sleep(LIVES_MS[life % LIVES_MS.length]!);
    await up.end("SIGKILL");
    alive = false;
    await Promise.all([...visitors, ...programs]);
  }
  assert.ok(acknowledged.size > KILLS, "there was load");

  const { up, endpoint, outputs } = await live();
  const sqs = new SQSClient(client(endpoint));
  const deadlineMs = Date.now() + DEADLINE_MS;
  for (;;) {
    const rows = await scan(endpoint, outputs["TableName"]!);
    const stored = new Map<string, number>();
    for (const { message } of rows) stored.set(message!.S!, (stored.get(message!.S!) ?? 0) + 1);
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: outputs["QueueUrl"]!, AttributeNames: ["All"] }),
    );
    const facts = {
      lost: [...acknowledged].filter((message) => !stored.has(message)),
      twice: [...stored].filter(([, count]) => count > 1),
      notMailed: rows.filter(({ state }) => state!.S !== "mailed").length,
      queued:
        Number(Attributes!["ApproximateNumberOfMessages"]) +
        Number(Attributes!["ApproximateNumberOfMessagesNotVisible"]),
    };
    assert.deepEqual(facts.twice, []);
    if (facts.lost.length === 0 && facts.notMailed === 0 && facts.queued === 0) break;
    assert.ok(Date.now() < deadlineMs, `of ${acknowledged.size} acknowledged: ${JSON.stringify(facts)}`);
    await sleep(250);
  }
  const { messages } = (await (await fetch(`${endpoint}/_aws/ses`)).json()) as {
    messages: { Body: { text_part: string } }[];
  };
  const mailed = new Set(messages.map(({ Body }) => /message \d+/.exec(Body.text_part)?.[0]));
  assert.deepEqual(
    [...acknowledged].filter((message) => !mailed.has(message)),
    [],
  );
  assert.equal((await up.end("SIGINT")).code, 0);
});

const client = (endpoint: string) => ({
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "000000000000", secretAccessKey: "test" },
});

async function scan(endpoint: string, TableName: string): Promise<Record<string, AttributeValue>[]> {
  const dynamodb = new DynamoDBClient(client(endpoint));
  const rows: Record<string, AttributeValue>[] = [];
  let ExclusiveStartKey: Record<string, AttributeValue> | undefined;
  do {
    const page = await dynamodb.send(new ScanCommand({ TableName, ConsistentRead: true, ExclusiveStartKey }));
    rows.push(...(page.Items ?? []));
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey);
  return rows;
}
