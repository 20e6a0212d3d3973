import assert from "node:assert/strict";
import { test } from "node:test";
import { failedMessageIds, type Lane, lanesOf, recordFilter, type SqsRecord } from "./batches.ts";
import { compilePattern } from "./event-pattern.ts";
import { initialScale, rescale } from "./poller-scale.ts";

const record = (messageId: string, change: Partial<SqsRecord> = {}): SqsRecord => ({
  messageId,
  receiptHandle: "handle",
  body: "{}",
  attributes: {},
  messageAttributes: {},
  md5OfBody: "",
  eventSource: "aws:sqs",
  eventSourceARN: "arn:aws:sqs:us-east-1:000000000000:q",
  awsRegion: "us-east-1",
  ...change,
});

// What counts as success, partial and complete failure is AWS's list:
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html (read 2026-11)
const answers: readonly (readonly [string, readonly string[] | "all"])[] = [
  ["", []],
  ["null", []],
  ["{}", []],
  ['{"batchItemFailures":[]}', []],
  ['{"batchItemFailures":null}', []],
  ['{"batchItemFailures":[{"itemIdentifier":"2"}]}', ["2"]],
  ["{", "all"],
  ['{"batchItemFailures":[{"itemIdentifier":""}]}', "all"],
  ['{"batchItemFailures":[{"itemIdentifier":null}]}', "all"],
  ['{"batchItemFailures":[{"id":"2"}]}', "all"],
  ['{"batchItemFailures":[{"itemIdentifier":"9"}]}', "all"],
  ['{"batchItemFailures":"2"}', "all"],
];
for (const [answer, expected] of answers) {
  test(`answer ${answer || "(empty)"}: failed ${expected}`, () => {
    const failed = failedMessageIds(Buffer.from(answer), [record("1"), record("2")]);
    assert.deepEqual(failed === undefined ? "all" : [...failed], expected);
  });
}

test("batches are cut by number, by size and by group, and keep their order", () => {
  const records = ["a1", "b1", "a2", "a3", "b2"].map((id) => record(id, { attributes: { MessageGroupId: id[0]! } }));
  const ids = (lanes: Lane[]) =>
    lanes.map((lane) => lane.map((batch) => batch.map(({ messageId }) => messageId).join(" ")));
  assert.deepEqual(ids(lanesOf(records, { batchSize: 2, fifo: false })), [["a1 b1"], ["a2 a3"], ["b2"]]);
  assert.deepEqual(ids(lanesOf(records, { batchSize: 2, fifo: true })), [["a1 a2", "a3"], ["b1 b2"]]);
  const large = Array.from({ length: 10 }, (_, n) => record(String(n), { body: "x".repeat(1_000_000) }));
  assert.deepEqual(
    lanesOf(large, { batchSize: 10, fifo: true }).map((lane) => lane.map((batch) => batch.length)),
    [[6, 4]],
  );
});

// The examples of https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filtering-syntax (read 2026-11)
const patterns: readonly (readonly [unknown, unknown, boolean])[] = [
  [{ UserID: [null] }, { UserID: null }, true],
  [{ LastName: [""] }, { LastName: "" }, true],
  [{ Name: ["Alice"] }, { Name: "Alice" }, true],
  [{ Name: ["Alice"] }, { Name: "alice" }, false],
  [{ Name: [{ "equals-ignore-case": "alice" }] }, { Name: "Alice" }, true],
  [{ Location: ["New York"], Day: ["Monday"] }, { Location: "New York", Day: "Monday" }, true],
  [{ Location: ["New York"], Day: ["Monday"] }, { Location: "New York", Day: "Friday" }, false],
  [{ PaymentType: ["Credit", "Debit"] }, { PaymentType: "Debit" }, true],
  [{ $or: [{ Location: ["New York"] }, { Day: ["Monday"] }] }, { Day: "Monday" }, true],
  [{ Weather: [{ "anything-but": ["Raining"] }] }, { Weather: "Sunny" }, true],
  [{ Weather: [{ "anything-but": ["Raining"] }] }, { Weather: "Raining" }, false],
  [{ Weather: [{ "anything-but": ["Raining"] }] }, {}, false],
  [{ Weather: [{ "anything-but": { prefix: "Rain" } }] }, { Weather: "Rainy" }, false],
  [{ Price: [{ numeric: ["=", 100] }] }, { Price: 100 }, true],
  [{ Price: [{ numeric: [">", 10, "<=", 20] }] }, { Price: 20 }, true],
  [{ Price: [{ numeric: [">", 10, "<=", 20] }] }, { Price: 10 }, false],
  [{ ProductName: [{ exists: true }] }, { ProductName: "x" }, true],
  [{ ProductName: [{ exists: true }] }, {}, false],
  [{ ProductName: [{ exists: false }] }, {}, true],
  [{ Region: [{ prefix: "us-" }] }, { Region: "us-east-1" }, true],
  [{ FileName: [{ suffix: ".png" }] }, { FileName: "a.png" }, true],
  [{ a: { b: ["c"] } }, { a: { b: "c" } }, true],
  [{ a: { b: ["c"] } }, { a: "c" }, false],
  [{ tags: ["x"] }, { tags: ["y", "x"] }, true],
];
for (const [pattern, event, expected] of patterns) {
  test(`pattern ${JSON.stringify(pattern)} on ${JSON.stringify(event)}`, () =>
    assert.equal(compilePattern(pattern)(event), expected));
}

for (const pattern of [
  "text",
  { a: "b" },
  { a: [] },
  { a: {} },
  { a: [{ wildcard: "x*" }] },
  { a: [{ prefix: 1 }] },
  { a: [{ numeric: ["~", 1] }] },
  { a: [{ numeric: [">", "1"] }] },
  { a: [{ exists: "yes" }] },
  { $or: [] },
]) {
  test(`no pattern: ${JSON.stringify(pattern)}`, () =>
    assert.throws(() => compilePattern(pattern), { name: "InvalidPattern" }));
}

test("filters on the body take its kind only", () => {
  const json = recordFilter(['{"body":{"a":[1]}}']);
  assert.equal(json(record("1", { body: '{"a":1}' })), true);
  assert.equal(json(record("1", { body: "a" })), false);
  const text = recordFilter(['{"body":["hello"]}']);
  assert.equal(text(record("1", { body: "hello" })), true);
  assert.equal(text(record("1", { body: '{"a":1}' })), false);
  const other = recordFilter(['{"awsRegion":["us-east-1"]}', '{"awsRegion":["eu-west-1"]}']);
  assert.equal(other(record("1", { body: "anything" })), true);
});

test("pollers begin with five batches, grow by 300 a minute while busy, and calm down", () => {
  let scale = initialScale(undefined, 0);
  assert.equal(scale.limit, 5);
  scale = rescale(scale, 5, undefined, 199);
  assert.equal(scale.limit, 5);
  for (let nowMs = 1000; nowMs <= 60_000; nowMs += 1000) scale = rescale(scale, scale.limit, undefined, nowMs);
  assert.equal(scale.limit, 305);
  assert.equal(rescale(scale, 305, undefined, 3_600_000).limit, 1250);
  assert.equal(rescale(scale, 20, undefined, 100_000).limit, 305);
  assert.equal(rescale(scale, 20, undefined, 130_000).limit, 20);
  assert.equal(rescale(scale, 0, undefined, 130_000).limit, 5);
  assert.equal(initialScale(2, 0).limit, 2);
  assert.equal(rescale(initialScale(8, 0), 5, 8, 60_000).limit, 8);
});
