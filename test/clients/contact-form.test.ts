/** The contact form deployed by AWS's own CLI (package, then deploy by change set), and driven by the CLI and boto3 alone. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { folderOf, platform, run, writeFiles } from "../../src/cli/testing/command.ts";

const EXAMPLE = fileURLToPath(new URL("../../examples/contact-form", import.meta.url));
const execute = promisify(execFile);

const DRIVE = `
import boto3, json, sys, time, urllib.request
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
    left = sum(int(attributes["ApproximateNumberOfMessages" + kind]) for kind in ("", "NotVisible"))
    if left == 0 and [row["state"]["S"] for row in rows] == ["mailed"]:
        break
    assert time.time() < deadline, (left, rows)
    time.sleep(0.1)
mails = json.load(urllib.request.urlopen(endpoint + "/_aws/ses"))["messages"]
print(json.dumps({"rows": [row["message"]["S"] for row in rows], "subjects": [mail["Subject"] for mail in mails]}))
`;

test("aws cloudformation package and deploy; boto3 sends, reads and finds everything once; delete leaves nothing", async (t) => {
  const folder = folderOf(t);
  const { endpoint: named } = await platform(t, folder);
  // An address, so that clients use S3's path style.
  const endpoint = named.replace("//localhost", "//127.0.0.1");
  const env = {
    ...process.env,
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_PAGER: "",
    // `package` makes a client of its own, which --endpoint-url does not reach.
    AWS_ENDPOINT_URL: endpoint,
  };
  const aws = async (...args: string[]) =>
    (await execute("aws", ["--endpoint-url", endpoint, ...args], { env, cwd: folder, maxBuffer: 16 * 1024 * 1024 }))
      .stdout;

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

  const { Stacks } = JSON.parse(
    await aws("cloudformation", "describe-stacks", "--stack-name", "form", "--output", "json"),
  );
  assert.equal(Stacks[0].StackStatus, "CREATE_COMPLETE");
  const outputs = Object.fromEntries(Stacks[0].Outputs.map((output: any) => [output.OutputKey, output.OutputValue]));
  const bucket = new URL(outputs.WebsiteUrl).hostname.split(".")[0];
  const page = await (await fetch(`${endpoint}/_aws/s3-website/${bucket}/`)).text();
  assert.ok(page.includes(outputs.ApiUrl), "the page knows its API");

  writeFiles(folder, { "drive.py": DRIVE });
  const { stdout } = await execute("python3", ["drive.py", endpoint, "form"], { cwd: folder, env });
  assert.deepEqual(JSON.parse(stdout), { rows: ["From Python"], subjects: ["Message from Grace"] });

  await aws("cloudformation", "delete-stack", "--stack-name", "form");
  await aws("cloudformation", "wait", "stack-delete-complete", "--stack-name", "form");
  assert.deepEqual(JSON.parse(await aws("lambda", "list-functions", "--output", "json")).Functions, []);
  assert.deepEqual(JSON.parse(await aws("dynamodb", "list-tables", "--output", "json")).TableNames, []);
});
