import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { openShapes } from "../wire/shapes.ts";
import { apigatewayPorts } from "./apigateway-ports.ts";
import { openTestPlatform } from "./testing.ts";

const shapes = openShapes(join(dirname(import.meta.dirname), "../generated/shapes"));

async function withPorts(
  work: (
    send: (request: {
      service: string;
      method?: string;
      path?: string;
      query?: string;
      headers?: Record<string, string>;
      body?: string;
    }) => Promise<{ status: number; headers: Readonly<Record<string, string>>; text: string }>,
    platform: Awaited<ReturnType<typeof openTestPlatform>>,
  ) => Promise<void>,
): Promise<void> {
  const platform = await openTestPlatform();
  const ports = apigatewayPorts({ shapes: () => shapes, core: () => platform.core, allows: () => true });
  try {
    await work(async ({ service, method = "POST", path = "/", query = "", headers = {}, body = "" }) => {
      const flow = platform.flow();
      const { principal, accountId, region } = flow;
      const answer = await ports.dispatchAws(
        flow,
        { service, method, path, query, headers, body: Buffer.from(body) },
        { principal, accountId, region },
      );
      return { status: answer.status, headers: answer.headers, text: answer.body.toString() };
    }, platform);
  } finally {
    await platform.close();
  }
}

const FORM = { "content-type": "application/x-www-form-urlencoded" };

test("a form to a queue's path sends a message; the answer is XML, or JSON for who accepts it", () =>
  withPorts(async (send, platform) => {
    const { QueueUrl } = await platform.call("sqs", "CreateQueue", { QueueName: "q" });
    const request = { service: "sqs", path: "/000000000000/q", body: "Action=SendMessage&MessageBody=a%20b" };
    const xml = await send({ ...request, headers: FORM });
    assert.deepEqual([xml.status, xml.headers["content-type"]], [200, "text/xml"]);
    assert.match(xml.text, /<SendMessageResult>.*<MessageId>/s);
    const json = await send({ ...request, headers: { ...FORM, accept: "application/json" } });
    const { SendMessageResponse } = JSON.parse(json.text);
    assert.deepEqual(Object.keys(SendMessageResponse), ["SendMessageResult", "ResponseMetadata"]);
    assert.equal(SendMessageResponse.SendMessageResult.SequenceNumber, null);
    const { Messages } = await platform.call("sqs", "ReceiveMessage", { QueueUrl, MaxNumberOfMessages: 10 });
    assert.deepEqual(
      Messages!.map((message) => message.Body),
      ["a b", "a b"],
    );
    const missing = await send({
      ...request,
      path: "/000000000000/none",
      headers: { ...FORM, accept: "application/json" },
    });
    assert.equal(missing.status, 400);
    assert.equal(JSON.parse(missing.text).Error.Code, "AWS.SimpleQueueService.NonExistentQueue");
  }));

test("a target header reaches a service that speaks JSON, and errors keep its form", () =>
  withPorts(async (send) => {
    const answer = await send({
      service: "dynamodb",
      headers: { "x-amz-target": "DynamoDB_20120810.GetItem", "content-type": "application/x-amz-json-1.0" },
      body: '{"TableName":"none","Key":{"id":{"S":"1"}}}',
    });
    assert.equal(answer.status, 400);
    assert.match(answer.text, /"__type":"com\.amazonaws\.dynamodb\.v20120810#ResourceNotFoundException"/);
  }));

test("paths and queries reach the services that speak REST", () =>
  withPorts(async (send, platform) => {
    await platform.call("s3", "CreateBucket", { Bucket: "bucket-of-mine" });
    const put = await send({
      service: "s3",
      method: "PUT",
      path: "/bucket-of-mine/a/b%20c.txt",
      headers: { "content-type": "text/plain", "content-length": "5" },
      body: "hello",
    });
    assert.equal(put.status, 200, put.text);
    const get = await send({ service: "s3", method: "GET", path: "/bucket-of-mine/a/b%20c.txt" });
    assert.deepEqual([get.status, get.text, get.headers["content-type"]], [200, "hello", "text/plain"]);
    const list = await send({ service: "s3", method: "GET", path: "/bucket-of-mine", query: "list-type=2&prefix=a/" });
    assert.match(list.text, /<Key>a\/b c\.txt<\/Key>/);
    const apis = await send({ service: "apigateway", method: "GET", path: "/v2/apis" });
    assert.deepEqual(JSON.parse(apis.text), { items: [] });
  }));

test("what does not exist is refused in words", () =>
  withPorts(async (send) => {
    assert.equal((await send({ service: "nothing" })).status, 501);
    const unknown = await send({ service: "sqs", headers: FORM, body: "Action=NoSuchThing" });
    assert.equal(unknown.status, 400);
    assert.match(unknown.text, /Could not find operation NoSuchThing/);
  }));
