/** TransactWriteItems and TransactGetItems. Texts as AWS answers: dynamodb-conformance's public tests. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { B, type Dynamo, N, openDynamo, S } from "../testing.ts";
import type { AttributeMap, AttributeValue } from "../values/attribute-value.ts";

let dynamo: Dynamo;
before(async () => {
  dynamo = await openDynamo();
});
after(() => dynamo.platform.close());

const EMPTY_KEY =
  "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk";
const MISMATCH = "The provided key element does not match the schema";
const put = (Item: AttributeMap, more: object = {}, TableName = "hash") => ({ Put: { TableName, Item, ...more } });
const update = (
  Key: AttributeMap,
  UpdateExpression: string,
  value: AttributeValue | undefined,
  more: object = {},
  TableName = "hash",
) => ({
  Update: { TableName, Key, UpdateExpression, ...(value && { ExpressionAttributeValues: { ":v": value } }), ...more },
});
const remove = (Key: AttributeMap, more: object = {}, TableName = "hash") => ({ Delete: { TableName, Key, ...more } });
const check = (Key: AttributeMap, ConditionExpression: string, TableName = "hash") => ({
  ConditionCheck: { TableName, Key, ConditionExpression },
});
const write = (...TransactItems: object[]) => ({ TransactItems });

async function cancelledFor(input: object, ...reasons: object[]): Promise<void> {
  const codes = reasons.map((reason) => (reason as { Code: string }).Code);
  await assert.rejects(dynamo.call("TransactWriteItems", input), {
    code: "TransactionCanceledException",
    message: `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes.join(", ")}]`,
    detail: { CancellationReasons: reasons },
  });
}
const NONE = { Code: "None" };
const FAILED = { Code: "ConditionalCheckFailed", Message: "The conditional request failed" };
const validation = (Message: string) => ({ Code: "ValidationError", Message });

describe("transactions that are refused as a whole", () => {
  const key = { pk: S("t") };
  const cases: [string, object, string | RegExp][] = [
    [
      "nothing",
      {},
      "1 validation error detected: Value null at 'transactItems' failed to satisfy constraint: Member must not be null",
    ],
    [
      "no actions",
      write(),
      "1 validation error detected: Value '[]' at 'transactItems' failed to satisfy constraint: Member must have length greater than or equal to 1",
    ],
    [
      "101 actions",
      write(...Array.from({ length: 101 }, (_, i) => put({ pk: S(`${i}`) }))),
      /^1 validation error detected: Value '\[.+\]' at 'transactItems' failed to satisfy constraint: Member must have length less than or equal to 100$/,
    ],
    ["an action of no kind", write({}), "TransactItems can only contain one of Check, Put, Update or Delete"],
    [
      "an action of two kinds",
      write({ ...put(key), ...remove(key) }),
      "TransactItems can only contain one of Check, Put, Update or Delete",
    ],
    [
      "no table",
      write({ Put: { Item: key } }),
      "1 validation error detected: Value null at 'transactItems.1.member.put.tableName' failed to satisfy constraint: Member must not be null",
    ],
    [
      "no condition to check",
      write({ ConditionCheck: { TableName: "hash", Key: key } }),
      "1 validation error detected: Value null at 'transactItems.1.member.conditionCheck.conditionExpression' failed to satisfy constraint: Member must not be null",
    ],
    [
      "no update",
      write({ Update: { TableName: "hash", Key: key } }),
      "1 validation error detected: Value null at 'transactItems.1.member.update.updateExpression' failed to satisfy constraint: Member must not be null",
    ],
    [
      "syntax",
      write(put({ pk: S("a") }), check(key, "a")),
      'Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "a"',
    ],
    [
      "unused value",
      write(put(key, { ConditionExpression: "attribute_exists(a)", ExpressionAttributeValues: { ":x": N(1) } })),
      "Value provided in ExpressionAttributeValues unused in expressions: keys: {:x}",
    ],
    [
      "two actions on one item",
      write(put(key), remove(key)),
      "Transaction request cannot include multiple operations on one item",
    ],
    [
      "size of an item",
      write(put({ ...key, data: S("a".repeat(409_600)) })),
      "Item size has exceeded the maximum allowed size",
    ],
    [
      "size of all",
      write(...Array.from({ length: 12 }, (_, i) => put({ pk: S(`${i}`), data: S("a".repeat(350_000)) }))),
      /4194304/,
    ],
    ["empty key to put", write(put({ pk: S("") })), EMPTY_KEY],
    ["empty key to update", write(update({ pk: S("") }, "SET a = :v", N(1))), EMPTY_KEY],
    ["empty key to delete", write(remove({ pk: S("") })), EMPTY_KEY],
    ["empty key to check", write(check({ pk: S("") }, "attribute_exists(a)")), EMPTY_KEY],
    [
      "empty binary key",
      write(put({ pk: N(1), sk: B("") }, {}, "typed")),
      EMPTY_KEY.replace("string", "binary").replace("pk", "sk"),
    ],
    [
      "empty index key",
      write(put({ pk: S("a"), sk: S("a"), g: S("") }, {}, "range")),
      "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: gsi, IndexKey: g",
    ],
    [
      "empty index key by update",
      write(update({ pk: S("a"), sk: S("a") }, "SET g = :v", S(""), {}, "range")),
      "One or more parameter values are not valid. The update expression attempted to update a secondary index key to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty string value.",
    ],
  ];
  for (const [name, input, message] of cases) it(name, () => dynamo.refuses("TransactWriteItems", input, message));
  it("an unknown table", () =>
    dynamo.refuses(
      "TransactWriteItems",
      write(put(key), put(key, {}, "gone")),
      "Requested resource not found",
      "ResourceNotFoundException",
    ));
});

describe("transactions that are cancelled", () => {
  before(() => dynamo.put("hash", { pk: S("c1"), v: N(1) }, { pk: S("c2"), v: N(2) }));
  const once = { ConditionExpression: "attribute_not_exists(pk)" };
  it("say why, action by action, and change nothing", async () => {
    await cancelledFor(
      write(
        put({ pk: S("new") }, once),
        put({ pk: S("c1"), v: N(9) }, once),
        check({ pk: S("c2") }, "attribute_exists(pk)"),
        update({ pk: S("c3") }, "SET a = missing2", undefined),
      ),
      NONE,
      FAILED,
      NONE,
      validation("The provided expression refers to an attribute that does not exist in the item"),
    );
    assert.equal(await dynamo.get("hash", { pk: S("new") }), undefined);
    assert.deepEqual(await dynamo.get("hash", { pk: S("c1") }), { pk: S("c1"), v: N(1) });
  });
  it("show the item when asked", () =>
    cancelledFor(
      write(
        put({ pk: S("c1") }, { ...once, ReturnValuesOnConditionCheckFailure: "ALL_OLD" }),
        remove(
          { pk: S("c9") },
          { ConditionExpression: "attribute_exists(pk)", ReturnValuesOnConditionCheckFailure: "ALL_OLD" },
        ),
      ),
      { ...FAILED, Item: { pk: S("c1"), v: N(1) } },
      FAILED,
    ));
  const reasons: [string, object, string][] = [
    [
      "wrong key to put",
      put({ pk: N(5) }),
      "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N",
    ],
    [
      "list as a key",
      put({ pk: { L: [S("x")] } }),
      "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: L",
    ],
    ["no key", put({ a: S("a") }), "One or more parameter values were invalid: Missing the key pk in the item"],
    [
      "wrong index key to put",
      put({ pk: S("a"), sk: S("a"), g: N(5) }, {}, "range"),
      "One or more parameter values were invalid: Type mismatch for Index Key g Expected: S Actual: N IndexName: gsi",
    ],
    [
      "wrong index key to set",
      update({ pk: S("a"), sk: S("a") }, "SET g = :v", N(5), {}, "range"),
      "One or more parameter values were invalid: Type mismatch for Index Key g Expected: S Actual: N IndexName: gsi",
    ],
    ["wrong key to update", update({ pk: N(5) }, "SET a = :v", N(5)), MISMATCH],
    ["wrong key to delete", remove({ pk: N(5) }), MISMATCH],
    ["wrong key to check", check({ pk: { L: [] } }, "attribute_exists(a)"), MISMATCH],
    [
      "part of the key to update",
      update({ pk: S("a") }, "SET pk = :v", N(5)),
      "One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key",
    ],
    [
      "wrong operand",
      update({ pk: S("c1") }, "ADD v :v", { SS: ["a"] }),
      "An operand in the update expression has an incorrect data type",
    ],
    [
      "size after update",
      update({ pk: S("c1") }, "SET a = :v", S("a".repeat(409_600))),
      "Item size to update has exceeded the maximum allowed size",
    ],
  ];
  for (const [name, action, message] of reasons)
    it(name, () => cancelledFor(write(put({ pk: S("fine") }), action), NONE, validation(message)));
});

describe("transactions that are made", () => {
  it("put, update, delete and check over several tables", async () => {
    await dynamo.put("hash", { pk: S("m1"), v: N(1) }, { pk: S("m2") }, { pk: S("m3") });
    const output = await dynamo.call("TransactWriteItems", {
      ...write(
        update({ pk: S("m1") }, "ADD v :v", N(1), { ConditionExpression: "v = :v" }),
        remove({ pk: S("m2") }),
        check({ pk: S("m3") }, "attribute_exists(pk)"),
        put({ pk: S("m"), sk: S("1"), g: S("g") }, {}, "range"),
      ),
      ReturnConsumedCapacity: "INDEXES",
      ReturnItemCollectionMetrics: "SIZE",
    });
    const units = (n: number) => ({ CapacityUnits: n, WriteCapacityUnits: n });
    assert.deepEqual(output, {
      ConsumedCapacity: [
        { TableName: "hash", ...units(6), Table: units(6) },
        { TableName: "range", ...units(4), Table: units(2), GlobalSecondaryIndexes: { gsi: units(2) } },
      ],
      ItemCollectionMetrics: { range: [{ ItemCollectionKey: { pk: S("m") }, SizeEstimateRangeGB: [0, 1] }] },
    });
    assert.deepEqual(await dynamo.get("hash", { pk: S("m1") }), { pk: S("m1"), v: N(2) });
    assert.equal(await dynamo.get("hash", { pk: S("m2") }), undefined);
    assert.deepEqual(await dynamo.get("hash", { pk: S("m3") }), { pk: S("m3") });
    assert.equal((await dynamo.all("range", "gsi")).length, 1);
  });
  it("are made once under a token, for ten minutes", async () => {
    const add = (n: number, more: object = {}) => ({
      ...write(update({ pk: S("token") }, "ADD v :v", N(n))),
      ClientRequestToken: "t-1",
      ...more,
    });
    const value = async () => (await dynamo.get("hash", { pk: S("token") }))!["v"];
    assert.deepEqual(await dynamo.call("TransactWriteItems", add(1)), {});
    const replay = await dynamo.call("TransactWriteItems", add(1, { ReturnConsumedCapacity: "TOTAL" }));
    assert.deepEqual(replay.ConsumedCapacity, [{ TableName: "hash", CapacityUnits: 2, ReadCapacityUnits: 2 }]);
    assert.deepEqual(await value(), N(1));
    await dynamo.refuses("TransactWriteItems", add(2), /payload/, "IdempotentParameterMismatchException");
    await dynamo.platform.advance(9 * 60_000);
    await dynamo.call("TransactWriteItems", add(1));
    assert.deepEqual(await value(), N(1));
    await dynamo.platform.advance(60_000);
    await dynamo.call("TransactWriteItems", add(2));
    assert.deepEqual(await value(), N(3));
  });
  it("forget the token of one that was cancelled", async () => {
    const input = {
      ...write(check({ pk: S("late") }, "attribute_exists(pk)"), put({ pk: S("late2") })),
      ClientRequestToken: "t-2",
    };
    await cancelledFor(input, FAILED, NONE);
    await dynamo.put("hash", { pk: S("late") });
    await dynamo.call("TransactWriteItems", input);
    assert.deepEqual(await dynamo.get("hash", { pk: S("late2") }), { pk: S("late2") });
  });
  it("never let two in at once", async () => {
    const attempts = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) =>
        dynamo.call(
          "TransactWriteItems",
          write(
            put({ pk: S("lock"), owner: N(i) }, { ConditionExpression: "attribute_not_exists(pk)" }),
            put({ pk: S(`owner${i}`) }),
          ),
        ),
      ),
    );
    assert.equal(attempts.filter(({ status }) => status === "fulfilled").length, 1);
    assert.equal((await dynamo.all("hash")).filter((item) => item["pk"]!.S!.startsWith("owner")).length, 1);
  });
});

describe("TransactGetItems", () => {
  const get = (Key: AttributeMap, more: object = {}, TableName = "hash") => ({ Get: { TableName, Key, ...more } });
  const cases: [string, object, string | RegExp][] = [
    [
      "no actions",
      write(),
      "1 validation error detected: Value '[]' at 'transactItems' failed to satisfy constraint: Member must have length greater than or equal to 1",
    ],
    [
      "101",
      write(...Array.from({ length: 101 }, (_, i) => get({ pk: S(`${i}`) }))),
      /Member must have length less than or equal to 100$/,
    ],
    [
      "nothing to get",
      write({}),
      "1 validation error detected: Value null at 'transactItems.1.member.get' failed to satisfy constraint: Member must not be null",
    ],
    [
      "one item twice",
      write(get({ pk: S("a") }), get({ pk: S("a") })),
      "Transaction request cannot include multiple operations on one item",
    ],
    ["empty key", write(get({ pk: S("") })), EMPTY_KEY],
    [
      "projection",
      write(get({ pk: S("a") }, { ProjectionExpression: "a, a" })),
      "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]",
    ],
  ];
  for (const [name, input, message] of cases)
    it(`refuses: ${name}`, () => dynamo.refuses("TransactGetItems", input, message));
  it("cancels for a key that does not fit", () =>
    assert.rejects(dynamo.call("TransactGetItems", write(get({ pk: S("a") }), get({ pk: N(1) }))), {
      code: "TransactionCanceledException",
      detail: { CancellationReasons: [NONE, validation(MISMATCH)] },
    }));
  it("gives every item, or nothing in its place", async () => {
    await dynamo.put("hash", { pk: S("g1"), a: N(1), b: N(2) });
    await dynamo.put("range", { pk: S("g"), sk: S("1") });
    const output = await dynamo.call("TransactGetItems", {
      ...write(
        get({ pk: S("g1") }, { ProjectionExpression: "b" }),
        get({ pk: S("nobody") }),
        get({ pk: S("g"), sk: S("1") }, {}, "range"),
      ),
      ReturnConsumedCapacity: "TOTAL",
    });
    assert.deepEqual(output, {
      Responses: [{ Item: { b: N(2) } }, {}, { Item: { pk: S("g"), sk: S("1") } }],
      ConsumedCapacity: [
        { TableName: "hash", CapacityUnits: 4, ReadCapacityUnits: 4 },
        { TableName: "range", CapacityUnits: 2, ReadCapacityUnits: 2 },
      ],
    });
  });
});
