/** Every listed service by the AWS CLI: its own high-level commands (`s3 sync`, `s3 presign`, `logs tail`), pages, waiters and error texts. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type ServedPlatform, servePlatform } from "../../src/platform/serving.ts";
import { type Aws, awsCli, cliVersion } from "./aws.ts";
import { zip } from "./zip.ts";

const MIB = 1024 * 1024;
const ACCOUNT = "000000000000";
const ROLE = `arn:aws:iam::${ACCOUNT}:role/tour`;
let platform: ServedPlatform;
let folder: string;
let endpoint: string;
let aws: Aws;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "virga-aws-cli-"));
  platform = await servePlatform({ ephemeral: false });
  endpoint = `http://127.0.0.1:${platform.port}`;
  aws = awsCli(endpoint, folder);
});

after(async () => {
  await platform.close();
  rmSync(folder, { recursive: true, force: true });
});

const file = (name: string, content: string | Buffer): string => {
  writeFileSync(join(folder, name), content);
  return name;
};

// A command is mostly its own start, so that several at once make the most of the machine.
describe("the AWS CLI", { concurrency: 3 }, () => {
  test("s3: moves large files in parts, and lists, signs and removes", async () => {
    const large = file("large.bin", randomBytes(20 * MIB));
    assert.equal(await aws("s3", "mb", "s3://cli-objects"), "make_bucket: cli-objects\n");
    await aws("s3", "cp", large, "s3://cli-objects/deep/large.bin", "--no-progress", "--metadata", "colour=blue");
    const head = await aws.json("s3api", "head-object", "--bucket", "cli-objects", "--key", "deep/large.bin");
    assert.deepEqual([head.ContentLength, head.Metadata], [20 * MIB, { colour: "blue" }]);
    assert.match(head.ETag, /-3"$/, "it went in parts");
    await aws("s3", "cp", "s3://cli-objects/deep/large.bin", "s3://cli-objects/copy.bin", "--no-progress");
    await aws("s3", "cp", "s3://cli-objects/copy.bin", "back.bin", "--no-progress");
    assert.ok(readFileSync(join(folder, large)).equals(readFileSync(join(folder, "back.bin"))));
    const listed = await aws("s3", "ls", "s3://cli-objects", "--recursive", "--summarize");
    assert.match(
      listed,
      /20971520 copy\.bin\n.* 20971520 deep\/large\.bin\n\nTotal Objects: 2\n {3}Total Size: 41943040/,
    );
    assert.match(await aws("s3", "ls", "s3://cli-objects"), /^ +PRE deep\/\n/);
    const signed = (await aws("s3", "presign", "s3://cli-objects/copy.bin", "--expires-in", "60")).trim();
    const got = await fetch(signed, { headers: { range: "bytes=0-9" } });
    assert.deepEqual([got.status, (await got.arrayBuffer()).byteLength], [206, 10]);
    assert.match(
      await aws.refused("s3", "cp", "s3://cli-objects/none", "-"),
      /\(404\).*HeadObject operation: (Key "none" does not exist|Not Found)/,
    );
    assert.match(await aws.refused("s3", "rb", "s3://cli-objects"), /\(BucketNotEmpty\) when calling the DeleteBucket/);
    assert.match(await aws("s3", "rb", "s3://cli-objects", "--force"), /remove_bucket: cli-objects/);
    assert.match(
      await aws.refused("s3", "ls", "s3://cli-objects"),
      /\(NoSuchBucket\) when calling the ListObjectsV2 operation: The specified bucket does not exist/,
    );
  });

  test("s3: synchronises a folder, and makes it a website", async () => {
    mkdirSync(join(folder, "site", "deep"), { recursive: true });
    for (const name of ["index.html", "lost.html", "deep/index.html"]) file(`site/${name}`, `<p>${name}`);
    await aws("s3", "mb", "s3://cli-site");
    assert.equal((await aws("s3", "sync", "site", "s3://cli-site")).match(/upload: /g)?.length, 3);
    assert.equal(await aws("s3", "sync", "site", "s3://cli-site"), "", "nothing has changed");
    file("site/index.html", "<p>the new home page");
    rmSync(join(folder, "site", "lost.html"));
    const changed = await aws("s3", "sync", "site", "s3://cli-site", "--delete");
    assert.match(changed, /delete: s3:\/\/cli-site\/lost\.html/);
    assert.match(changed, /upload: site\/index\.html/);
    await aws("s3", "website", "s3://cli-site", "--index-document", "index.html", "--error-document", "error.html");
    await aws("s3api", "delete-public-access-block", "--bucket", "cli-site");
    const policy = {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::cli-site/*" }],
    };
    await aws("s3api", "put-bucket-policy", "--bucket", "cli-site", "--policy", JSON.stringify(policy));
    const page = async (path: string) => {
      const answer = await fetch(`${endpoint}/_aws/s3-website/cli-site/${path}`);
      return [answer.status, answer.headers.get("content-type"), await answer.text()];
    };
    assert.deepEqual(await page(""), [200, "text/html", "<p>the new home page"]);
    assert.deepEqual(await page("deep/"), [200, "text/html", "<p>deep/index.html"]);
    assert.equal((await page("none"))[0], 404);
    await aws("s3", "sync", "s3://cli-site", "fetched");
    assert.deepEqual(readdirSync(join(folder, "fetched")).sort(), ["deep", "index.html"]);
  });

  test("sqs: sends, waits, receives, pages", async () => {
    const { QueueUrl } = await aws.json(
      "sqs",
      "create-queue",
      "--queue-name",
      "cli-a",
      "--attributes",
      "DelaySeconds=0",
    );
    await aws("sqs", "create-queue", "--queue-name", "cli-b");
    await aws("sqs", "create-queue", "--queue-name", "cli-c");
    const waiting = aws.json("sqs", "receive-message", "--queue-url", QueueUrl, "--wait-time-seconds", "20");
    const attribute = '{"colour":{"DataType":"String","StringValue":"blue"}}';
    const at = ["--queue-url", QueueUrl];
    const sent = await aws.json(
      "sqs",
      "send-message",
      ...at,
      "--message-body",
      "héllo",
      "--message-attributes",
      attribute,
    );
    assert.equal(sent.MD5OfMessageBody, createHash("md5").update("héllo").digest("hex"));
    const [message] = (await waiting).Messages;
    assert.equal(message.Body, "héllo");
    assert.equal(await aws("sqs", "delete-message", ...at, "--receipt-handle", message.ReceiptHandle), "");
    const prefix = ["--queue-name-prefix", "cli-"];
    const listed = await aws.json("sqs", "list-queues", ...prefix, "--page-size", "1");
    assert.deepEqual(
      listed.QueueUrls.map((url: string) => url.slice(-5)),
      ["cli-a", "cli-b", "cli-c"],
    );
    const first = await aws.json("sqs", "list-queues", ...prefix, "--page-size", "2", "--max-items", "2");
    const rest = await aws.json(
      "sqs",
      "list-queues",
      ...prefix,
      "--page-size",
      "2",
      "--starting-token",
      first.NextToken,
    );
    assert.deepEqual([first.QueueUrls.length, rest.QueueUrls.length], [2, 1]);
    assert.equal(
      await aws.refused("sqs", "get-queue-url", "--queue-name", "none"),
      "An error occurred (AWS.SimpleQueueService.NonExistentQueue) when calling the GetQueueUrl operation: The specified queue does not exist.",
    );
  });

  test("dynamodb: makes a table, waits for it, pages through it", async () => {
    const table = ["--table-name", "cli-rows"];
    await aws(
      "dynamodb",
      "create-table",
      ...table,
      "--billing-mode",
      "PAY_PER_REQUEST",
      "--attribute-definitions",
      "AttributeName=pk,AttributeType=S",
      "AttributeName=sk,AttributeType=N",
      "--key-schema",
      "AttributeName=pk,KeyType=HASH",
      "AttributeName=sk,KeyType=RANGE",
    );
    await aws("dynamodb", "wait", "table-exists", ...table);
    const requests = Array.from({ length: 12 }, (_, sk) => ({
      PutRequest: { Item: { pk: { S: "a" }, sk: { N: String(sk) }, tags: { SS: ["x", "y"] } } },
    }));
    await aws(
      "dynamodb",
      "batch-write-item",
      "--request-items",
      `file://${file("rows.json", JSON.stringify({ "cli-rows": requests }))}`,
    );
    const query = [
      "--key-condition-expression",
      "pk = :p AND sk > :s",
      "--expression-attribute-values",
      '{":p":{"S":"a"},":s":{"N":"1"}}',
    ];
    const found = await aws.json(
      "dynamodb",
      "query",
      ...table,
      ...query,
      "--page-size",
      "3",
      "--no-scan-index-forward",
    );
    assert.deepEqual(
      found.Items.map((item: any) => item.sk.N),
      ["11", "10", "9", "8", "7", "6", "5", "4", "3", "2"],
    );
    assert.deepEqual(found.Items[0].tags.SS, ["x", "y"]);
    const some = await aws.json("dynamodb", "scan", ...table, "--page-size", "5", "--max-items", "7");
    const rest = await aws.json("dynamodb", "scan", ...table, "--starting-token", some.NextToken);
    assert.deepEqual([some.Items.length, rest.Items.length], [7, 5]);
    const item = '{"pk":{"S":"a"},"sk":{"N":"1"}}';
    assert.equal(
      await aws.refused(
        "dynamodb",
        "put-item",
        ...table,
        "--item",
        item,
        "--condition-expression",
        "attribute_not_exists(pk)",
      ),
      "An error occurred (ConditionalCheckFailedException) when calling the PutItem operation: The conditional request failed",
    );
    await aws("dynamodb", "delete-table", ...table);
    await aws("dynamodb", "wait", "table-not-exists", ...table);
  });

  test("lambda and logs: makes a function, waits for it, invokes it, reads what it logged", async () => {
    const source = 'export const handler = async (event) => { console.log("seen", event.n); return event.n * 2; };';
    const name = ["--function-name", "cli-double"];
    const code = file("double.zip", await zip({ "index.mjs": source }));
    await aws(
      "lambda",
      "create-function",
      ...name,
      "--runtime",
      "nodejs24.x",
      "--handler",
      "index.handler",
      "--role",
      ROLE,
      "--zip-file",
      `fileb://${code}`,
    );
    await aws("lambda", "wait", "function-active-v2", ...name);
    const payload = ["--payload", `fileb://${file("event.json", '{"n": 21}')}`];
    const answer = await aws.json("lambda", "invoke", ...name, ...payload, "--log-type", "Tail", "out.json");
    assert.deepEqual(
      [answer.StatusCode, answer.ExecutedVersion, readFileSync(join(folder, "out.json"), "utf8")],
      [200, "$LATEST", "42"],
    );
    assert.match(Buffer.from(answer.LogResult, "base64").toString(), /seen 21\n[\s\S]*REPORT RequestId/);
    const streams = await aws.json("logs", "describe-log-streams", "--log-group-name", "/aws/lambda/cli-double");
    assert.equal(streams.logStreams.length, 1);
    const [major] = cliVersion();
    const told =
      major >= 2
        ? await aws("logs", "tail", "/aws/lambda/cli-double", "--since", "5m")
        : await aws("logs", "filter-log-events", "--log-group-name", "/aws/lambda/cli-double", "--output", "text");
    assert.match(told, /START RequestId: [\s\S]*seen 21[\s\S]*END RequestId: /);
    assert.match(
      await aws.refused("lambda", "invoke", "--function-name", "none", "out.json"),
      /^An error occurred \(ResourceNotFoundException\) when calling the Invoke operation: Function not found: arn:aws:lambda:us-east-1:000000000000:function:none$/,
    );
    assert.match(
      await aws.refused("logs", "describe-log-streams", "--log-group-name", "none"),
      /\(ResourceNotFoundException\).*The specified log group does not exist\./,
    );
  });

  test("apigateway, apigatewayv2: a mock of a REST API, and an HTTP API that hands on", async () => {
    const rest: string = (await aws.json("apigateway", "create-rest-api", "--name", "cli")).id;
    const root: string = (await aws.json("apigateway", "get-resources", "--rest-api-id", rest)).items[0].id;
    const method = ["--rest-api-id", rest, "--resource-id", root, "--http-method", "GET"];
    await aws("apigateway", "put-method", ...method, "--authorization-type", "NONE");
    await aws(
      "apigateway",
      "put-integration",
      ...method,
      "--type",
      "MOCK",
      "--request-templates",
      '{"application/json":"{\\"statusCode\\": 200}"}',
    );
    await aws("apigateway", "put-method-response", ...method, "--status-code", "200");
    await aws(
      "apigateway",
      "put-integration-response",
      ...method,
      "--status-code",
      "200",
      "--response-templates",
      '{"application/json":"{\\"mock\\": true}"}',
    );
    await aws("apigateway", "create-deployment", "--rest-api-id", rest, "--stage-name", "dev");
    assert.deepEqual(await (await fetch(`${endpoint}/_aws/execute-api/${rest}/dev/`)).json(), { mock: true });
    assert.match(
      await aws.refused("apigateway", "get-rest-api", "--rest-api-id", "none"),
      /\(NotFoundException\).*Invalid API identifier specified 000000000000:none/,
    );

    const made = await aws.json(
      "apigatewayv2",
      "create-api",
      "--name",
      "cli",
      "--protocol-type",
      "HTTP",
      "--target",
      `${endpoint}/_virga/health`,
      "--route-key",
      "GET /health",
    );
    const health = await fetch(`${endpoint}/_aws/execute-api/${made.ApiId}/health`);
    assert.equal(health.status, 200);
    const apis = await aws("apigatewayv2", "get-apis", "--query", "Items[].[Name,ProtocolType]", "--output", "text");
    assert.equal(apis, "cli\tHTTP\n");
  });

  test("ses, sesv2: verify and send", async () => {
    await aws("ses", "verify-email-identity", "--email-address", "cli@example.com");
    await aws("ses", "wait", "identity-exists", "--identities", "cli@example.com");
    await aws(
      "ses",
      "send-email",
      "--from",
      "cli@example.com",
      "--to",
      "one@example.org",
      "--subject",
      "One",
      "--text",
      "Hello",
    );
    const content = '{"Simple":{"Subject":{"Data":"Two"},"Body":{"Text":{"Data":"Hello"}}}}';
    await aws(
      "sesv2",
      "send-email",
      "--from-email-address",
      "cli@example.com",
      "--destination",
      "ToAddresses=two@example.org",
      "--content",
      content,
    );
    const { messages } = (await (await fetch(`${endpoint}/_aws/ses`)).json()) as { messages: { Subject: string }[] };
    assert.deepEqual(messages.map(({ Subject }) => Subject).sort(), ["One", "Two"]);
    assert.match(
      await aws.refused(
        "ses",
        "send-email",
        "--from",
        "cli@example.net",
        "--to",
        "x@example.org",
        "--subject",
        "x",
        "--text",
        "x",
      ),
      /\(MessageRejected\) when calling the SendEmail operation: Email address is not verified\. The following identities failed the check in region US-EAST-1: cli@example\.net/,
    );
    assert.match(await aws("sesv2", "list-email-identities", "--output", "text"), /cli@example\.com/);
  });

  test("iam, sts: roles, who one is, and what does not exist", async () => {
    const trust = {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
    };
    const name = ["--role-name", "cli"];
    await aws(
      "iam",
      "create-role",
      ...name,
      "--assume-role-policy-document",
      `file://${file("trust.json", JSON.stringify(trust))}`,
    );
    await aws("iam", "wait", "role-exists", ...name);
    const managed = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
    await aws("iam", "attach-role-policy", ...name, "--policy-arn", managed);
    assert.equal(
      await aws(
        "iam",
        "list-attached-role-policies",
        ...name,
        "--query",
        "AttachedPolicies[].PolicyArn",
        "--output",
        "text",
      ),
      `${managed}\n`,
    );
    assert.equal(
      await aws.refused("iam", "get-role", "--role-name", "none"),
      "An error occurred (NoSuchEntity) when calling the GetRole operation: The role with name none cannot be found.",
    );
    assert.equal((await aws.json("sts", "get-caller-identity")).Arn, `arn:aws:iam::${ACCOUNT}:root`);
  });

  test("cloudformation: deploys, tells of what failed, and is asked again for nothing", async () => {
    const template = (more: object) =>
      JSON.stringify({
        Resources: { Queue: { Type: "AWS::SQS::Queue" }, ...more },
        Outputs: { Url: { Value: { Ref: "Queue" } } },
      });
    const deploy = ["cloudformation", "deploy", "--stack-name", "cli", "--template-file"];
    assert.match(await aws(...deploy, file("one.json", template({}))), /Successfully created\/updated stack - cli/);
    const policy = {
      Type: "AWS::SQS::QueuePolicy",
      Properties: { Queues: ["http://none"], PolicyDocument: { Version: "2012-10-17", Statement: [] } },
    };
    assert.match(
      await aws.refused(...deploy, file("two.json", template({ Policy: policy }))),
      /Failed to create\/update the stack/,
    );
    const stack = (await aws.json("cloudformation", "describe-stacks", "--stack-name", "cli")).Stacks[0];
    assert.equal(stack.StackStatus, "UPDATE_ROLLBACK_COMPLETE");
    assert.match(
      await aws.refused(...deploy, file("three.json", template({ X: { Type: "AWS::No::Such" } }))),
      /AWS::No::Such/,
    );
    assert.match(
      await aws(...deploy, "one.json", "--no-fail-on-empty-changeset"),
      /No changes to deploy\. Stack cli is up to date/,
    );
    await aws("cloudformation", "delete-stack", "--stack-name", "cli");
    await aws("cloudformation", "wait", "stack-delete-complete", "--stack-name", "cli");
    assert.equal(
      await aws.refused("cloudformation", "describe-stacks", "--stack-name", "cli"),
      "An error occurred (ValidationError) when calling the DescribeStacks operation: Stack with id cli does not exist",
    );
  });

  test("operations that Virga does not have are refused by name", async () => {
    assert.match(await aws.refused("dynamodb", "list-backups"), /\(NotImplemented\).*ListBackups/);
    await aws("s3", "mb", "s3://cli-refused");
    assert.match(
      await aws.refused("s3api", "list-bucket-inventory-configurations", "--bucket", "cli-refused"),
      /\(NotImplemented\).*ListBucketInventoryConfigurations/,
    );
  });
});

test("nothing went wrong inside", () => assert.deepEqual(platform.logged, []));
