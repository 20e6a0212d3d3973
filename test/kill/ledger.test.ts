/**
 * The platform is killed with -9 again and again while clients send messages. The ledger then holds a request for every message that is stored: no more, no
 * fewer, since both are one commit.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CostExplorerClient, GetCostAndUsageCommand } from "@aws-sdk/client-cost-explorer";
import { CreateQueueCommand, GetQueueAttributesCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { launch, type Running, temporaryFolder } from "../../src/cli/testing/command.ts";

const KILLS = 4;
const CLIENTS = 6;
const LIFE_MS = 1000;
const DAY_MS = 86_400_000;

async function start(folder: string, port: string): Promise<{ running: Running; endpoint: string }> {
  const running = launch(undefined, folder, ["start", "--port", port, "--data", "data", "--json"]);
  const [, endpoint] = await running.says(/"endpoint": "([^"]+)"/);
  return { running, endpoint: endpoint! };
}

test("what is billed is what was done, whenever the platform is killed", async () => {
  const folder = temporaryFolder();
  let life = await start(folder, "0");
  const { port } = new URL(life.endpoint);
  const options = {
    endpoint: life.endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  };
  const sqs = new SQSClient(options);
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "counted" }));
  let acknowledged = 0;
  let sending = true;
  const client = async () => {
    while (sending) {
      const sent = await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "x" })).catch(() => undefined);
      if (sent) acknowledged++;
      else await sleep(50);
    }
  };
  const clients = Array.from({ length: CLIENTS }, client);
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(LIFE_MS);
    await life.running.end("SIGKILL");
    life = await start(folder, port);
  }
  sending = false;
  await Promise.all(clients);

  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["ApproximateNumberOfMessages"] }),
  );
  const stored = Number(Attributes!["ApproximateNumberOfMessages"]);
  const today = Date.now() - (Date.now() % DAY_MS);
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const { ResultsByTime } = await new CostExplorerClient(options).send(
    new GetCostAndUsageCommand({
      TimePeriod: { Start: day(today - DAY_MS), End: day(today + DAY_MS) },
      Granularity: "MONTHLY",
      Metrics: ["UsageQuantity"],
      Filter: { Dimensions: { Key: "USAGE_TYPE", Values: ["Requests-Tier1"] } },
    }),
  );
  const billed = ResultsByTime!.reduce((sum, { Total }) => sum + Number(Total!["UsageQuantity"]!.Amount), 0);
  assert.ok(stored >= acknowledged && acknowledged > KILLS * CLIENTS, `${acknowledged} acknowledged, ${stored} stored`);
  // The queue's creation, each message, and the question how many there are, if that was committed already.
  const others = billed - stored;
  assert.ok(others === 1 || others === 2, `${stored} stored, ${billed} billed`);
  console.log(`${acknowledged} acknowledged, ${stored} stored, ${billed} billed, ${KILLS} kills`);
  await life.running.end("SIGTERM");
});
