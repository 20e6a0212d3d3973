/** BatchGetItem and BatchWriteItem. Texts as AWS answers: dynalite's and dynamodb-conformance's public tests. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { B, type Dynamo, N, openDynamo, S } from "../testing.ts";
import type { AttributeMap } from "../values/attribute-value.ts";

let dynamo: Dynamo;
before(async () => {
  dynamo = await openDynamo();
});
after(() => dynamo.platform.close());

const MISMATCH = "The provided key element does not match the schema";
const DUPLICATES = "Provided list of item keys contains duplicates";
const put = (Item: AttributeMap) => ({ PutRequest: { Item } });
const remove = (Key: AttributeMap) => ({ DeleteRequest: { Key } });

describe("BatchWriteItem", () => {
  const hash = (...requests: object[]) => ({ RequestItems: { hash: requests } });
  const cases: [string, object, string | RegExp][] = [
    [
      "nothing",
      {},
      "1 validation error detected: Value null at 'requestItems' failed to satisfy constraint: Member must not be null",
    ],
    ["no tables", { RequestItems: {} }, "The requestItems parameter is required for BatchWriteItem"],
    [
      "no requests",
      hash(),
      "1 validation error detected: Value '{hash=[]}' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have length greater than or equal to 1]",
    ],
    [
      "26 requests",
      hash(...Array.from({ length: 26 }, (_, i) => put({ pk: S(`${i}`) }))),
      /^1 validation error detected: Value '\{hash=\[WriteRequest\(putRequest=PutRequest\(item=\{pk=AttributeValue\(s=0, .+\]\}' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: \[Member must have length less than or equal to 25, Member must have length greater than or equal to 1\]$/,
    ],
    [
      "26 over two tables",
      {
        RequestItems: {
          hash: Array.from({ length: 13 }, (_, i) => put({ pk: S(`${i}`) })),
          range: Array.from({ length: 13 }, (_, i) => put({ pk: S(`${i}`), sk: S("a") })),
        },
      },
      "Too many items requested for the BatchWriteItem call",
    ],
    [
      "a request of neither kind",
      hash({}),
      "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
    ],
    [
      "a request of both kinds",
      hash({ ...put({ pk: S("a") }), ...remove({ pk: S("a") }) }),
      "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
    ],
    [
      "no item",
      hash({ PutRequest: {} }),
      "1 validation error detected: Value null at 'requestItems.hash.member.1.member.putRequest.item' failed to satisfy constraint: Member must not be null",
    ],
    [
      "size",
      hash(put({ pk: S("a"), data: S("a".repeat(409_600)) })),
      "Item size has exceeded the maximum allowed size",
    ],
    ["no key", hash(put({ a: S("a") })), MISMATCH],
    ["wrong key", hash(put({ pk: N(5) })), MISMATCH],
    ["wrong key to delete", hash(remove({ pk: N(5) })), MISMATCH],
    [
      "empty key",
      hash(put({ pk: S("") })),
      "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk",
    ],
    [
      "empty key to delete",
      { RequestItems: { typed: [remove({ pk: N(1), sk: B("") })] } },
      "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty binary value. Key: sk",
    ],
    [
      "wrong index key",
      { RequestItems: { range: [put({ pk: S("a"), sk: S("a"), g: N(1) })] } },
      "One or more parameter values were invalid: Type mismatch for Index Key g Expected: S Actual: N IndexName: gsi",
    ],
    ["duplicates", hash(put({ pk: S("a") }), remove({ pk: S("a") })), DUPLICATES],
    [
      "duplicates by value",
      { RequestItems: { typed: [remove({ pk: N(1), sk: B("a") }), remove({ pk: N("1.0"), sk: B("a") })] } },
      DUPLICATES,
    ],
  ];
  for (const [name, input, message] of cases)
    it(`refuses: ${name}`, () => dynamo.refuses("BatchWriteItem", input, message));

  it("does nothing when one table is not there", async () => {
    await dynamo.refuses(
      "BatchWriteItem",
      { RequestItems: { hash: [put({ pk: S("never") })], gone: [put({ pk: S("a") })] } },
      "Requested resource not found",
      "ResourceNotFoundException",
    );
    assert.equal(await dynamo.get("hash", { pk: S("never") }), undefined);
  });
  it("puts and deletes, in several tables", async () => {
    await dynamo.put("hash", { pk: S("gone") });
    const output = await dynamo.call("BatchWriteItem", {
      RequestItems: {
        hash: [put({ pk: S("b1"), v: N(1) }), remove({ pk: S("gone") })],
        range: [put({ pk: S("b"), sk: S("1"), g: S("g") }), put({ pk: S("b"), sk: S("2") })],
      },
      ReturnConsumedCapacity: "INDEXES",
      ReturnItemCollectionMetrics: "SIZE",
    });
    const collection = { ItemCollectionKey: { pk: S("b") }, SizeEstimateRangeGB: [0, 1] };
    assert.deepEqual(output, {
      UnprocessedItems: {},
      ItemCollectionMetrics: { range: [collection, collection] },
      ConsumedCapacity: [
        { TableName: "hash", CapacityUnits: 2, Table: { CapacityUnits: 2 } },
        {
          TableName: "range",
          CapacityUnits: 3,
          Table: { CapacityUnits: 2 },
          GlobalSecondaryIndexes: { gsi: { CapacityUnits: 1 } },
        },
      ],
    });
    assert.deepEqual(await dynamo.all("hash"), [{ pk: S("b1"), v: N(1) }]);
    assert.equal((await dynamo.all("range", "gsi")).length, 1);
  });
});

describe("BatchGetItem", () => {
  const hash = (request: object) => ({ RequestItems: { hash: request } });
  const cases: [string, object, string][] = [
    [
      "nothing",
      {},
      "1 validation error detected: Value null at 'requestItems' failed to satisfy constraint: Member must not be null",
    ],
    ["no tables", { RequestItems: {} }, "The requestItems parameter is required for BatchGetItem"],
    [
      "no keys",
      hash({}),
      "1 validation error detected: Value null at 'requestItems.hash.member.keys' failed to satisfy constraint: Member must not be null",
    ],
    [
      "an empty list",
      hash({ Keys: [] }),
      "1 validation error detected: Value '[]' at 'requestItems.hash.member.keys' failed to satisfy constraint: Member must have length greater than or equal to 1",
    ],
    [
      "101 keys",
      hash({ Keys: Array.from({ length: 101 }, (_, i) => ({ pk: S(`${i}`) })) }),
      "1 validation error detected: Value at 'RequestItems.hash.member.Keys' failed to satisfy constraint: Member must have length less than or equal to 100",
    ],
    [
      "101 keys over two tables",
      {
        RequestItems: {
          hash: { Keys: Array.from({ length: 60 }, (_, i) => ({ pk: S(`${i}`) })) },
          range: { Keys: Array.from({ length: 41 }, (_, i) => ({ pk: S(`${i}`), sk: S("a") })) },
        },
      },
      "Too many items requested for the BatchGetItem call",
    ],
    ["duplicates", hash({ Keys: [{ pk: S("a") }, { pk: S("a") }] }), DUPLICATES],
    [
      "mixed parameters",
      hash({ Keys: [{ pk: S("a") }], AttributesToGet: ["pk"], ProjectionExpression: "pk" }),
      "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}",
    ],
    [
      "parameters mixed between tables",
      {
        RequestItems: {
          hash: { Keys: [{ pk: S("a") }], ProjectionExpression: "pk" },
          range: { Keys: [{ pk: S("a"), sk: S("a") }], AttributesToGet: ["pk"] },
        },
      },
      "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}",
    ],
    [
      "overlapping paths",
      hash({
        Keys: [{ pk: S("a") }],
        ProjectionExpression: "#a, #b",
        ExpressionAttributeNames: { "#a": "a", "#b": "a" },
      }),
      "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]",
    ],
    ["wrong key", hash({ Keys: [{ pk: N(1) }] }), MISMATCH],
    [
      "empty key",
      hash({ Keys: [{ pk: S("") }] }),
      "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk",
    ],
  ];
  for (const [name, input, message] of cases)
    it(`refuses: ${name}`, () => dynamo.refuses("BatchGetItem", input, message));
  it("does not know a table", () =>
    dynamo.refuses(
      "BatchGetItem",
      { RequestItems: { gone: { Keys: [{ pk: S("a") }] } } },
      "Requested resource not found",
      "ResourceNotFoundException",
    ));

  it("gives what is there", async () => {
    await dynamo.put("hash", { pk: S("g1"), a: N(1) }, { pk: S("g2"), a: N(2) });
    await dynamo.put("range", { pk: S("g"), sk: S("1"), a: { M: { x: N(1), y: N(2) } } });
    const output = await dynamo.call("BatchGetItem", {
      RequestItems: {
        hash: { Keys: [{ pk: S("g1") }, { pk: S("nobody") }, { pk: S("g2") }], ConsistentRead: true },
        range: { Keys: [{ pk: S("g"), sk: S("1") }], ProjectionExpression: "a.x" },
      },
      ReturnConsumedCapacity: "TOTAL",
    });
    assert.deepEqual(output, {
      Responses: {
        hash: [
          { pk: S("g1"), a: N(1) },
          { pk: S("g2"), a: N(2) },
        ],
        range: [{ a: { M: { x: N(1) } } }],
      },
      UnprocessedKeys: {},
      ConsumedCapacity: [
        { TableName: "hash", CapacityUnits: 3 },
        { TableName: "range", CapacityUnits: 0.5 },
      ],
    });
  });
  it("leaves what does not fit into 16 MB for another call", async () => {
    const keys = Array.from({ length: 45 }, (_, i) => ({ pk: S(`big${String(i).padStart(2, "0")}`) }));
    for (const key of keys) await dynamo.put("hash", { ...key, data: S("a".repeat(400_000)) });
    const found: string[] = [];
    let RequestItems: object | undefined = { hash: { Keys: keys, ProjectionExpression: "pk" } };
    let calls = 0;
    while (RequestItems && Object.keys(RequestItems).length > 0) {
      const output: any = await dynamo.call("BatchGetItem", { RequestItems });
      found.push(...output.Responses.hash.map((item: AttributeMap) => item["pk"]!.S!));
      RequestItems = output.UnprocessedKeys;
      calls++;
    }
    assert.equal(calls, 2);
    assert.deepEqual(
      found,
      keys.map(({ pk }) => pk.S),
    );
  });
});
