/**
 * Bad input, for each protocol: AWS's error comes back, the server lives, nothing is lost, and nothing of it is our own defect in the log.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { type ServedPlatform, servePlatform } from "../../src/platform/serving.ts";

let platform: ServedPlatform;
before(async () => {
  platform = await servePlatform();
  await json("AmazonSQS.CreateQueue", '{"QueueName":"kept"}');
  await json("AmazonSQS.SendMessage", `{"QueueUrl":"${queueUrl()}","MessageBody":"kept"}`);
});
after(async () => {
  // Whatever came before: the message is still there, and no defect was met.
  const { body } = await json("AmazonSQS.ReceiveMessage", `{"QueueUrl":"${queueUrl()}"}`);
  await platform.close();
  assert.match(body, /"Body":"kept"/);
  assert.deepEqual(
    platform.logged.filter(({ level }) => level === "error"),
    [],
  );
});

const queueUrl = () => `${platform.endpoint}/000000000000/kept`;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

async function ask(path: string, init: RequestInit & { duplex?: "half" } = {}): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${platform.port}${path}`, init);
  return { status: response.status, headers: response.headers, body: await response.text() };
}

const json = (target: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  ask("/", {
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": target, ...headers },
    body: body as RequestInit["body"] & {},
  });
const form = (body: string) =>
  ask("/", { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" }, body });
const signedFor = (service: string) => ({
  authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`,
  "x-amz-date": "20260101T000000Z",
});
const lambda = (path: string, method: string, body?: string) =>
  ask(path, {
    method,
    headers: { ...signedFor("lambda"), "content-type": "application/json" },
    ...(body === undefined ? {} : { body }),
  });
const s3 = (path: string, method: string, body?: string, headers: Record<string, string> = {}) =>
  ask(path, { method, headers: { ...signedFor("s3"), ...headers }, ...(body === undefined ? {} : { body }) });

/** Sends bytes as they are and returns what comes back before the other side closes. */
/** @param stays whether the client keeps its side open: one that closes it goes away, and is not answered if that takes long */
async function raw(bytes: string | Buffer, stays = false): Promise<string> {
  const socket = connect(platform.port, "127.0.0.1");
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  socket.on("error", () => {});
  await once(socket, "connect");
  if (stays) socket.write(bytes);
  else socket.end(bytes);
  await once(socket, "close");
  return text;
}

describe("awsJson", () => {
  const cases: Array<[string, string, RegExp]> = [
    ["no JSON", "{", /SerializationException/],
    ["a list instead of a structure", "[]", /SerializationException/],
    ["a string instead of a structure", '"x"', /SerializationException/],
    ["null", "null", /SerializationException/],
    ["a number for a string", '{"QueueUrl":1}', /NUMBER_VALUE cannot be converted to String/],
    [
      "a string for a number",
      '{"QueueUrl":"x","MaxNumberOfMessages":"1"}',
      /STRING_VALUE cannot be converted to Number/,
    ],
    ["a structure for a list", '{"QueueUrl":"x","AttributeNames":{}}', /cannot be converted to List/],
    ["null in a list", '{"QueueUrl":"x","AttributeNames":[null]}', /must not be null/],
    ["bytes that are no UTF-8", Buffer.from([0x7b, 0xff, 0xfe, 0x7d]).toString("latin1"), /SerializationException/],
  ];
  for (const [name, body, expected] of cases) {
    test(name, async () => {
      const answer = await json("AmazonSQS.ReceiveMessage", body);
      assert.equal(answer.status, 400);
      assert.match(answer.body, expected);
      assert.ok(answer.headers.get("x-amzn-requestid"));
    });
  }

  test("nesting without end", async () => {
    for (const body of [`${"[".repeat(200_000)}`, `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`]) {
      const answer = await json("DynamoDB_20120810.PutItem", `{"TableName":"x","Item":${body}}`);
      assert.equal(answer.status, 400);
      assert.match(answer.body, /SerializationException/);
    }
    const value = `${'{"L":['.repeat(20_000)}{"S":"x"}${"]}".repeat(20_000)}`;
    assert.equal((await json("DynamoDB_20120810.PutItem", `{"TableName":"xyz","Item":{"a":${value}}}`)).status, 400);
  });

  test("an operation that is not in the model, or not supported, is named", async () => {
    assert.match((await json("AmazonSQS.Dance", "{}")).body, /UnknownOperationException.*Dance/);
    assert.match((await json("Nothing.Dance", "{}")).body, /UnknownOperationException/);
    const answer = await json("DynamoDB_20120810.ExecuteStatement", "{}");
    assert.equal(answer.status, 501);
    assert.match(answer.body, /NotImplemented.*dynamodb:ExecuteStatement/);
  });

  test("a body past the limit is refused, not stored up", async () => {
    const answer = await json("AmazonSQS.SendMessage", Buffer.alloc(17 * 1024 * 1024, 32));
    assert.equal(answer.status, 413);
    assert.match(answer.body, /RequestEntityTooLarge/);
  });

  test("a prototype is nothing but a name", async () => {
    const answer = await json(
      "AmazonSQS.TagQueue",
      `{"QueueUrl":"${queueUrl()}","Tags":{"__proto__":"x","constructor":"y"}}`,
    );
    assert.equal(answer.status, 200);
    assert.equal(({} as Record<string, unknown>)["x"], undefined);
    assert.match((await json("AmazonSQS.ListQueueTags", `{"QueueUrl":"${queueUrl()}"}`)).body, /"constructor":"y"/);
  });
});

describe("awsQuery", () => {
  const cases: Array<[string, string, RegExp]> = [
    ["no action", "Version=2012-11-05", /<Code>MissingAction<\/Code>/],
    ["an unknown action", "Action=Dance&Version=2012-11-05", /<Code>InvalidAction<\/Code>/],
    ["an unknown version", "Action=Dance&Version=1999-01-01", /<Code>InvalidAction<\/Code>/],
    [
      "a broken escape",
      "Action=ListQueues&Version=2012-11-05&QueueNamePrefix=%zz",
      /<Code>SerializationException<\/Code>/,
    ],
    [
      "a number that is none",
      "Action=ReceiveMessage&Version=2012-11-05&QueueUrl=x&MaxNumberOfMessages=many",
      /<Code>SerializationException<\/Code>/,
    ],
    [
      "a path without end",
      `Action=ListQueues&Version=2012-11-05&${"a.".repeat(5000)}b=1`,
      /<Code>SerializationException<\/Code>/,
    ],
    [
      "parameters without end",
      `Action=ListQueues&Version=2012-11-05&${"a=1&".repeat(30_000)}`,
      /<Code>SerializationException<\/Code>/,
    ],
  ];
  for (const [name, body, expected] of cases) {
    test(name, async () => {
      const answer = await form(body);
      assert.equal(answer.status, 400);
      assert.match(answer.body, expected);
    });
  }

  test("markup in a value does not become markup in the answer", async () => {
    const answer = await form("Action=GetUser&Version=2010-05-08&UserName=%3Cscript%3E");
    assert.ok(!answer.body.includes("<script>"));
  });
});

describe("restJson", () => {
  const cases: Array<[string, () => Promise<Answer>, number, RegExp]> = [
    ["no JSON", () => lambda("/2015-03-31/functions", "POST", "{"), 400, /SerializationException|not valid JSON/],
    [
      "a number for a string",
      () => lambda("/2015-03-31/functions", "POST", '{"FunctionName":1}'),
      400,
      /cannot be converted to String/,
    ],
    [
      "a path that no operation has",
      () => lambda("/2015-03-31/nothing", "POST", "{}"),
      404,
      /does not know the operation/,
    ],
    ["a broken escape in the path", () => lambda("/2015-03-31/functions/%zz", "GET"), 400, /percent escape/],
    [
      "a blob that is not base64",
      () => lambda("/2015-03-31/functions", "POST", '{"Code":{"ZipFile":"***"}}'),
      400,
      /base64/,
    ],
  ];
  for (const [name, call, status, expected] of cases) {
    test(name, async () => {
      const answer = await call();
      assert.equal(answer.status, status, answer.body);
      assert.match(answer.body, expected);
    });
  }
});

describe("restXml", () => {
  before(() => s3("/bucket-one", "PUT"));
  const cases: Array<[string, string]> = [
    ["no XML", "<Delete"],
    ["two roots", "<Delete></Delete><Delete></Delete>"],
    ["tags that do not match", "<Delete><Object></Delete></Object>"],
    [
      "a document type",
      '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><Delete><Object><Key>&b;</Key></Object></Delete>',
    ],
    [
      "an outside entity",
      '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&a;</Key></Object></Delete>',
    ],
    ["an unknown entity", "<Delete><Object><Key>&nothing;</Key></Object></Delete>"],
    ["nesting without end", `${"<a>".repeat(50_000)}`],
  ];
  for (const [name, body] of cases) {
    test(name, async () => {
      const answer = await s3("/bucket-one?delete", "POST", body, {
        "content-md5": createHash("md5").update(body).digest("base64"),
      });
      assert.equal(answer.status, 400, answer.body);
      assert.match(answer.body, /<Code>MalformedXML<\/Code>/);
    });
  }

  test("keys are text: dots lead nowhere", async () => {
    for (const key of ["..%2F..%2Fetc%2Fpasswd", "%2e%2e/%2e%2e/x", "../../x", "a//b", "..", "%00", "a%5Cb"]) {
      // Sent as it is: fetch would tidy the path up.
      const head = (method: string, more = "") =>
        `${method} /bucket-one/x/${key} HTTP/1.1\r\nHost: x\r\nAuthorization: ${signedFor("s3").authorization}\r\nX-Amz-Date: 20260101T000000Z\r\nConnection: close\r\n${more}\r\n`;
      assert.match(await raw(`${head("PUT", `Content-Length: ${key.length}\r\n`)}${key}`, true), /^HTTP\/1.1 200/, key);
      assert.ok((await raw(head("GET"), true)).endsWith(`\r\n\r\n${key}`), key);
    }
  });

  test("chunks that end too early, or lie about their length", async () => {
    const chunked = {
      "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
      "content-encoding": "aws-chunked",
      "x-amz-trailer": "x-amz-checksum-crc32",
    };
    for (const [body, decoded] of [
      ["5\r\nhello\r\n", "5"],
      ["5\r\nhel", "5"],
      ["zz\r\nhello\r\n0\r\n\r\n", "5"],
      ["5\r\nhello\r\n0\r\n\r\n", "6"],
      ["5\r\nhelloXX0\r\n\r\n", "5"],
      [`${"f".repeat(40)}\r\n`, "5"],
    ] as const) {
      const answer = await s3("/bucket-one/chunked", "PUT", body, {
        ...chunked,
        "x-amz-decoded-content-length": decoded,
      });
      assert.equal(answer.status, 400, JSON.stringify(body));
      assert.match(answer.body, /<Code>IncompleteBody<\/Code>/);
    }
    const wrong = await s3("/bucket-one/chunked", "PUT", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", {
      ...chunked,
      "x-amz-decoded-content-length": "5",
    });
    assert.match(wrong.body, /<Code>BadDigest<\/Code>/);
    assert.equal((await s3("/bucket-one/chunked", "GET")).status, 404);
  });

  test("a hash that is not the body's", async () => {
    const answer = await s3("/bucket-one/hash", "PUT", "hello", { "x-amz-content-sha256": "0".repeat(64) });
    assert.equal(answer.status, 400);
    assert.match(answer.body, /<Code>XAmzContentSHA256Mismatch<\/Code>/);
    assert.equal((await s3("/bucket-one/hash", "GET")).status, 404);
  });
});

describe("HTTP itself", () => {
  test("headers without end", async () => {
    assert.match(await raw(`GET / HTTP/1.1\r\nHost: x\r\n${"a: b\r\n".repeat(20_000)}\r\n`), /^HTTP\/1.1 431/);
  });

  test("what is not HTTP", async () => {
    assert.match(await raw("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"), /^HTTP\/1.1 400/);
  });

  test("a client that leaves in the middle of its body", async () => {
    const socket = connect(platform.port, "127.0.0.1");
    await once(socket, "connect");
    socket.write(
      `POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonSQS.SendMessage\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: 1000\r\n\r\n{"Queue`,
    );
    socket.destroy();
    assert.equal((await json("AmazonSQS.ListQueues", "{}")).status, 200);
  });

  test("made-up requests of every kind", async () => {
    const targets = fc.constantFrom(
      "AmazonSQS.SendMessage",
      "AmazonSQS.CreateQueue",
      "DynamoDB_20120810.PutItem",
      "DynamoDB_20120810.Query",
      "Logs_20140328.PutLogEvents",
    );
    await fc.assert(
      fc.asyncProperty(targets, fc.json(), async (target, body) => {
        const { status } = await json(target, body);
        assert.ok(status < 500 || status === 501, `${target} ${body} → ${status}`);
      }),
      { numRuns: 150 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.webPath(),
        fc.constantFrom("GET", "PUT", "POST", "DELETE", "HEAD"),
        fc.constantFrom("s3", "lambda", "apigateway", "ses"),
        fc.string(),
        async (path, method, service, body) => {
          const { status } = await ask(path || "/", {
            method,
            headers: signedFor(service),
            ...(method === "GET" || method === "HEAD" ? {} : { body }),
          });
          assert.ok(status < 500 || status === 501, `${method} ${path} as ${service} → ${status}`);
        },
      ),
      { numRuns: 150 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 8 }),
        fc.constantFrom("CreateStack", "CreateRole", "AssumeRole", "SendEmail", "SendMessageBatch"),
        async (pairs, action) => {
          const version: Record<string, string> = {
            CreateStack: "2010-05-15",
            CreateRole: "2010-05-08",
            AssumeRole: "2011-06-15",
            SendEmail: "2010-12-01",
            SendMessageBatch: "2012-11-05",
          };
          const { status, body } = await form(
            new URLSearchParams([["Action", action], ["Version", version[action]!], ...pairs]).toString(),
          );
          assert.ok(status < 500 || status === 501, `${action} ${JSON.stringify(pairs)} → ${status} ${body}`);
        },
      ),
      { numRuns: 150 },
    );
  });
});
