/** The contact form deployed by AWS's own CLI (package, then deploy by change set), and driven by boto3, the CLI and the SDK. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { DynamoDBDocumentClient, paginateScan } from "@aws-sdk/lib-dynamodb";
import { folderOf, platform, run, writeFiles } from "../../src/cli/testing/command.ts";
import { awsCli } from "./aws.ts";

const EXAMPLE = fileURLToPath(new URL("../../examples/contact-form", import.meta.url));
const execute = promisify(execFile);
const DEADLINE_MS = 60_000;
const POLL_MS = 50;

/** What `look` finds once it finds something. */
async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (const untilMs = Date.now() + DEADLINE_MS; ; await sleep(POLL_MS)) {
    const found = await look();
    if (found !== undefined) return found;
    assert.ok(Date.now() < untilMs, "in a minute it did not come");
  }
}

/** Sends one message twice, as queues may deliver it, and prints what the table then holds. */
const DRIVE = `
import boto3, json, sys, time
endpoint, stack = sys.argv[1], sys.argv[2]
client = lambda name: boto3.client(name, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
outputs = {o["OutputKey"]: o["OutputValue"] for o in client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]}
note = {"name": "Grace", "email": "grace@example.com", "message": "From Python"}
sqs = client("sqs")
for _ in range(2):
    sqs.send_message(QueueUrl=outputs["QueueUrl"], MessageBody=json.dumps(note))
deadline = time.time() + 60
while True:
    rows = client("dynamodb").scan(TableName=outputs["TableName"], ConsistentRead=True)["Items"]
    attributes = sqs.get_queue_attributes(QueueUrl=outputs["QueueUrl"], AttributeNames=["All"])["Attributes"]
    left = sum(int(attributes["ApproximateNumberOfMessages" + kind]) for kind in ("", "NotVisible", "Delayed"))
    if left == 0 and len(rows) == 2 and all(row["state"]["S"] == "mailed" for row in rows):
        break
    assert time.time() < deadline, (left, rows)
    time.sleep(0.1)
print(json.dumps(sorted(row["message"]["S"] for row in rows)))
`;

test("aws cloudformation package and deploy; form, boto3, CLI and SDK see everything once; delete leaves nothing", async (t) => {
  const folder = folderOf(t);
  const { endpoint: named } = await platform(t, folder);
  const endpoint = named.replace("//localhost", "//127.0.0.1");
  const aws = awsCli(endpoint, folder);

  const built = await run(t, folder, "build", EXAMPLE, "--out", join(folder, "built"));
  assert.equal(built.code, 0, built.stderr);
  await aws("s3", "mb", "s3://packages");
  const packaged = [
    "--template-file",
    "built/template.yaml",
    "--s3-bucket",
    "packages",
    "--output-template-file",
    "p.yaml",
  ];
  await aws("cloudformation", "package", ...packaged);
  const deploy = [
    "--template-file",
    "p.yaml",
    "--stack-name",
    "form",
    "--capabilities",
    "CAPABILITY_IAM",
    "CAPABILITY_AUTO_EXPAND",
  ];
  assert.match(await aws("cloudformation", "deploy", ...deploy), /Successfully created\/updated stack - form/);
  assert.match(
    await aws("cloudformation", "deploy", ...deploy, "--no-fail-on-empty-changeset"),
    /No changes to deploy/,
  );

  const [stack] = (await aws.json("cloudformation", "describe-stacks", "--stack-name", "form")).Stacks;
  assert.equal(stack.StackStatus, "CREATE_COMPLETE");
  const outputs: Record<string, string> = Object.fromEntries(
    stack.Outputs.map((output: any) => [output.OutputKey, output.OutputValue]),
  );
  const bucket = new URL(outputs["WebsiteUrl"]!).hostname.split(".")[0];
  const page = await (await fetch(`${endpoint}/_aws/s3-website/${bucket}/`)).text();
  assert.ok(page.includes(outputs["ApiUrl"]!), "the page knows its API");

  // The form, as the page posts it.
  const api = new URL(outputs["ApiUrl"]!);
  const posted = await fetch(`${endpoint}/_aws/execute-api/${api.hostname.split(".")[0]}${api.pathname}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "Ada", email: "ada@example.com", message: "From the form" }),
  });
  assert.equal(posted.status, 200);
  await eventually(async () => {
    const { Items } = await aws.json("dynamodb", "scan", "--table-name", outputs["TableName"]!, "--consistent-read");
    return Items[0]?.state.S === "mailed" ? Items : undefined;
  });

  writeFiles(folder, { "drive.py": DRIVE });
  const { stdout } = await execute("python3", ["drive.py", endpoint, "form"], { cwd: folder });
  assert.deepEqual(JSON.parse(stdout), ["From Python", "From the form"]);

  const settings = { endpoint, region: "us-east-1", credentials: { accessKeyId: "test", secretAccessKey: "test" } };
  const [sqs, dynamodb] = [new SQSClient(settings), new DynamoDBClient(settings)];
  t.after(() => [sqs, dynamodb].forEach((client) => void client.destroy()));
  const QueueUrl = outputs["QueueUrl"]!;
  const note = { name: "Linus", email: "linus@example.com", message: "From the SDK" };
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(note) }));
  const rows = await eventually(async () => {
    const rows: Record<string, unknown>[] = [];
    const pages = paginateScan(
      { client: DynamoDBDocumentClient.from(dynamodb), pageSize: 2 },
      { TableName: outputs["TableName"]!, ConsistentRead: true },
    );
    for await (const { Items } of pages) rows.push(...Items!);
    const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }));
    const left =
      Number(Attributes!["ApproximateNumberOfMessages"]) + Number(Attributes!["ApproximateNumberOfMessagesNotVisible"]);
    return left === 0 && rows.length === 3 && rows.every(({ state }) => state === "mailed") ? rows : undefined;
  });
  assert.deepEqual(rows.map(({ message }) => message).sort(), ["From Python", "From the SDK", "From the form"]);
  const { messages } = (await (await fetch(`${endpoint}/_aws/ses`)).json()) as { messages: { Subject: string }[] };
  assert.deepEqual(messages.map(({ Subject }) => Subject).sort(), [
    "Message from Ada",
    "Message from Grace",
    "Message from Linus",
  ]);
  const dead = ["--queue-url", outputs["DeadLetterQueueUrl"]!, "--attribute-names", "ApproximateNumberOfMessages"];
  assert.deepEqual((await aws.json("sqs", "get-queue-attributes", ...dead)).Attributes, {
    ApproximateNumberOfMessages: "0",
  });

  await aws("cloudformation", "delete-stack", "--stack-name", "form");
  await aws("cloudformation", "wait", "stack-delete-complete", "--stack-name", "form");
  assert.deepEqual((await aws.json("lambda", "list-functions")).Functions, []);
  assert.deepEqual((await aws.json("dynamodb", "list-tables")).TableNames, []);
});
