/** Query and Scan. Texts as AWS answers: dynalite's and dynamodb-conformance's public tests, unless a case says otherwise. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { type Dynamo, keySchema, type Loose, N, openDynamo, S, tableInput } from "../testing.ts";
import type { AttributeMap, AttributeValue } from "../values/attribute-value.ts";

let dynamo: Dynamo;
before(async () => {
  dynamo = await openDynamo();
});
after(() => dynamo.platform.close());

const invalid = (text: string) => `One or more parameter values were invalid: ${text}`;
const v = (values: Record<string, AttributeValue>) => ({ ExpressionAttributeValues: values });
const pk = { KeyConditionExpression: "pk = :p", ...v({ ":p": S("a") }) };
const range = { TableName: "range" };
/** Pages of a query until its end, each as the values of one attribute. */
async function pages(input: Loose<"Query">, name: string, operation: "Query" | "Scan" = "Query"): Promise<string[][]> {
  const found: string[][] = [];
  let ExclusiveStartKey: AttributeMap | undefined;
  do {
    const page = await dynamo.call(operation, { ...input, ExclusiveStartKey } as Loose<"Query">);
    assert.equal(page.Count, page.Items!.length);
    found.push(page.Items!.map((item) => item[name]!.S ?? item[name]!.N!));
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey);
  return found;
}

describe("queries that are refused", () => {
  const cases: [string, object, string][] = [
    [
      "limit",
      { ...range, ...pk, Limit: 0 },
      "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
    ],
    [
      "select",
      { ...range, ...pk, Select: "HI" },
      "1 validation error detected: Value 'HI' at 'select' failed to satisfy constraint: Member must satisfy enum value set: [SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]",
    ],
    [
      "index name",
      { ...range, ...pk, IndexName: "a;" },
      "2 validation errors detected: Value 'a;' at 'indexName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; Value 'a;' at 'indexName' failed to satisfy constraint: Member must have length greater than or equal to 3",
    ],
    [
      "operator missing",
      { ...range, KeyConditions: { pk: {} } },
      "1 validation error detected: Value null at 'keyConditions.pk.member.comparisonOperator' failed to satisfy constraint: Member must not be null",
    ],
    [
      "mixed",
      { ...range, ...pk, KeyConditions: {}, AttributesToGet: ["a"], QueryFilter: {} },
      "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributesToGet, QueryFilter, KeyConditions} Expression parameters: {KeyConditionExpression}",
    ],
    [
      "values alone",
      { ...range, KeyConditions: {}, ...v({ ":p": S("a") }) },
      "ExpressionAttributeValues can only be specified when using expressions: FilterExpression and KeyConditionExpression are null",
    ],
    [
      "no condition",
      { ...range },
      "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
    ],
    ["empty conditions", { ...range, KeyConditions: {} }, "Conditions can be of length 1 or 2 only"],
    [
      "three conditions",
      { ...range, KeyConditionExpression: "pk = :p AND sk = :p AND g = :p", ...v({ ":p": S("a") }) },
      "Conditions can be of length 1 or 2 only",
    ],
    [
      "type of a condition",
      { ...range, KeyConditionExpression: "pk = :p AND begins_with(sk, :p)", ...v({ ":p": N(1) }) },
      "Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
    ],
    [
      "duplicates",
      { ...range, KeyConditions: {}, AttributesToGet: ["a", "a"] },
      invalid("Duplicate value in attribute name: a"),
    ],
    [
      "start key",
      { ...range, ...pk, ExclusiveStartKey: { a: {} } },
      "The provided starting key is invalid: Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
    ],
    [
      "the index before the key",
      { ...range, ...pk, IndexName: "none" },
      "The table does not have the specified index: none",
    ],
    [
      "consistent reads of a global index",
      { ...range, IndexName: "gsi", ConsistentRead: true, KeyConditionExpression: "pk = :p", ...v({ ":p": S("a") }) },
      "Consistent reads are not supported on global secondary indexes",
    ],
    [
      "sort key alone",
      { ...range, KeyConditionExpression: "sk = :p", ...v({ ":p": S("a") }) },
      "Query condition missed key schema element: pk",
    ],
    [
      "another attribute",
      { ...range, KeyConditionExpression: "pk = :p AND x = :p", ...v({ ":p": S("a") }) },
      "Query condition missed key schema element: sk",
    ],
    [
      "two conditions on one key",
      { TableName: "hash", KeyConditionExpression: "pk = :p AND x = :p", ...v({ ":p": S("a") }) },
      "Query key condition not supported",
    ],
    [
      "an order on the partition key",
      { ...range, KeyConditionExpression: "pk > :p", ...v({ ":p": S("a") }) },
      "Query key condition not supported",
    ],
    [
      "a wrong type",
      { ...range, KeyConditionExpression: "pk = :p", ...v({ ":p": N(1) }) },
      invalid("Condition parameter type does not match schema type"),
    ],
    [
      "an operator without order",
      { ...range, KeyConditions: { pk: { ComparisonOperator: "NE", AttributeValueList: [S("a")] } } },
      "Attempted conditional constraint is not an indexable operation",
    ],
    [
      "an empty key",
      { ...range, KeyConditionExpression: "pk = :p", ...v({ ":p": S("") }) },
      "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk",
    ],
    [
      "a start of too few",
      { ...range, ...pk, ExclusiveStartKey: { pk: S("a") } },
      "The provided starting key is invalid",
    ],
    [
      "a start of a wrong type",
      { ...range, ...pk, ExclusiveStartKey: { pk: S("a"), sk: N(1) } },
      "The provided starting key is invalid: The provided key element does not match the schema",
    ],
    [
      "a start elsewhere",
      { ...range, ...pk, ExclusiveStartKey: { pk: S("b"), sk: S("a") } },
      "The provided starting key is outside query boundaries based on provided conditions",
    ],
    [
      "a start beside the range",
      {
        ...range,
        KeyConditionExpression: "pk = :p AND sk > :s",
        ...v({ ":p": S("a"), ":s": S("m") }),
        ExclusiveStartKey: { pk: S("a"), sk: S("a") },
      },
      "The provided starting key does not match the range key predicate",
    ],
    [
      "a start in another partition",
      {
        ...range,
        KeyConditionExpression: "pk = :p AND sk > :s",
        ...v({ ":p": S("a"), ":s": S("m") }),
        ExclusiveStartKey: { pk: S("b"), sk: S("z") },
      },
      "The query can return at most one row and cannot be restarted",
    ],
    [
      "a filter on the key",
      { ...range, ...pk, FilterExpression: "sk <> :p" },
      "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk",
    ],
    [
      "a legacy filter on the key",
      {
        ...range,
        KeyConditions: { pk: { ComparisonOperator: "EQ", AttributeValueList: [S("a")] } },
        QueryFilter: { sk: { ComparisonOperator: "NULL" } },
      },
      "QueryFilter can only contain non-primary key attributes: Primary key attribute: sk",
    ],
    [
      "a path into the key",
      { ...range, ...pk, ProjectionExpression: "sk[0]" },
      "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: sk",
    ],
    [
      "everything of an index that has not everything",
      {
        ...range,
        IndexName: "gsir",
        KeyConditionExpression: "g = :p",
        ...v({ ":p": S("a") }),
        Select: "ALL_ATTRIBUTES",
      },
      invalid(
        "Select type ALL_ATTRIBUTES is not supported for global secondary index gsir because its projection type is not ALL",
      ),
    ],
    [
      "what a global index does not hold",
      {
        ...range,
        IndexName: "gsir",
        KeyConditionExpression: "g = :p",
        ...v({ ":p": S("a") }),
        ProjectionExpression: "pk, inc, x.y",
      },
      invalid("Global secondary index gsir does not project [x]"),
    ],
    [
      "projected attributes of no index",
      { ...range, ...pk, Select: "ALL_PROJECTED_ATTRIBUTES" },
      invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"),
    ],
    [
      "specific attributes without any",
      { ...range, ...pk, Select: "SPECIFIC_ATTRIBUTES" },
      invalid("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"),
    ],
    [
      "a projection of everything",
      { ...range, ...pk, Select: "ALL_ATTRIBUTES", ProjectionExpression: "sk" },
      invalid("Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES"),
    ],
    [
      "a projection of a count",
      {
        ...range,
        KeyConditions: { pk: { ComparisonOperator: "EQ", AttributeValueList: [S("a")] } },
        Select: "COUNT",
        AttributesToGet: ["a"],
      },
      invalid("Cannot specify the AttributesToGet when choosing to get only the Count"),
    ],
  ];
  for (const [name, input, message] of cases) it(name, () => dynamo.refuses("Query", input, message));
  it("an unknown table, after everything that needs none", async () => {
    await dynamo.refuses(
      "Query",
      { TableName: "gone", KeyConditionExpression: "a" },
      'Invalid KeyConditionExpression: Syntax error; token: "<EOF>", near: "a"',
    );
    await dynamo.refuses(
      "Query",
      { TableName: "gone", ...pk },
      "Requested resource not found",
      "ResourceNotFoundException",
    );
  });
});

describe("queries", () => {
  before(async () => {
    for (const [n, sk] of ["a", "ab", "b", "ba", "bb", "c", "é", "\u{1f600}"].entries()) {
      await dynamo.put("range", {
        pk: S("q"),
        sk: S(sk),
        n: N(n % 3),
        g: S("g"),
        l: S(`l${n % 2}`),
        inc: S(`i${n}`),
        data: S(`d${n}`),
      });
    }
    await dynamo.put("range", { pk: S("p"), sk: S("zz") }, { pk: S("r"), sk: S("0") });
  });
  const conditions: [string, Record<string, AttributeValue>, string[]][] = [
    ["pk = :p", {}, ["a", "ab", "b", "ba", "bb", "c", "é", "\u{1f600}"]],
    ["pk = :p AND sk = :s", { ":s": S("b") }, ["b"]],
    ["pk = :p AND sk = :s", { ":s": S("none") }, []],
    ["pk = :p AND sk < :s", { ":s": S("b") }, ["a", "ab"]],
    ["pk = :p AND sk <= :s", { ":s": S("b") }, ["a", "ab", "b"]],
    ["pk = :p AND sk > :s", { ":s": S("bb") }, ["c", "é", "\u{1f600}"]],
    ["pk = :p AND :s <= sk", { ":s": S("bb") }, ["bb", "c", "é", "\u{1f600}"]],
    ["pk = :p AND sk BETWEEN :s AND :t", { ":s": S("ab"), ":t": S("ba") }, ["ab", "b", "ba"]],
    ["pk = :p AND begins_with(sk, :s)", { ":s": S("b") }, ["b", "ba", "bb"]],
    ["pk = :p AND begins_with(sk, :s)", { ":s": S("") }, ["a", "ab", "b", "ba", "bb", "c", "é", "\u{1f600}"]],
  ];
  for (const [KeyConditionExpression, more, expected] of conditions) {
    const input = { ...range, KeyConditionExpression, ...v({ ":p": S("q"), ...more }) };
    it(`${KeyConditionExpression} ${Object.values(more).map(({ S: text }) => text)}`, async () => {
      assert.deepEqual(await pages(input, "sk"), [expected]);
      assert.deepEqual(await pages({ ...input, ScanIndexForward: false }, "sk"), [[...expected].reverse()]);
      for (const forward of [true, false]) {
        const single = (await pages({ ...input, ScanIndexForward: forward, Limit: 1 }, "sk")).flat();
        assert.deepEqual(single, forward ? expected : [...expected].reverse());
      }
    });
  }
  it("orders numbers and bytes as such", async () => {
    const bytes = ["", "00", "0000", "0001", "01", "0100", "61", "6100", "61ff", "ff", "ff00", "ffff"].slice(1);
    await dynamo.put("typed", ...bytes.map((hex) => ({ pk: N(1), sk: { B: Buffer.from(hex, "hex") } })));
    const query = async (condition: string, more: Record<string, AttributeValue>) => {
      const { Items } = await dynamo.call("Query", {
        TableName: "typed",
        KeyConditionExpression: condition,
        ...v({ ":p": N("1.0"), ...more }),
      });
      return Items!.map((item) => Buffer.from(item["sk"]!.B!).toString("hex"));
    };
    const hex = (text: string) => ({ B: Buffer.from(text, "hex") });
    assert.deepEqual(await query("pk = :p", {}), bytes);
    assert.deepEqual(await query("pk = :p AND begins_with(sk, :s)", { ":s": hex("61") }), ["61", "6100", "61ff"]);
    assert.deepEqual(await query("pk = :p AND begins_with(sk, :s)", { ":s": hex("ff") }), ["ff", "ff00", "ffff"]);
    assert.deepEqual(await query("pk = :p AND begins_with(sk, :s)", { ":s": hex("00") }), ["00", "0000", "0001"]);
    assert.deepEqual(await query("pk = :p AND sk > :s", { ":s": hex("61") }), ["6100", "61ff", "ff", "ff00", "ffff"]);
  });
  it("counts what it looked at, filters after the limit", async () => {
    const input = {
      ...range,
      KeyConditionExpression: "pk = :p",
      FilterExpression: "n = :n",
      ...v({ ":p": S("q"), ":n": N(1) }),
    };
    assert.deepEqual(await dynamo.call("Query", { ...input, Select: "COUNT" }), { Count: 3, ScannedCount: 8 });
    const page = await dynamo.call("Query", { ...input, Limit: 3 });
    assert.deepEqual([page.Count, page.ScannedCount, page.LastEvaluatedKey], [1, 3, { pk: S("q"), sk: S("b") }]);
    const none = await dynamo.call("Query", { ...input, Limit: 1 });
    assert.deepEqual(none, { Count: 0, ScannedCount: 1, Items: [], LastEvaluatedKey: { pk: S("q"), sk: S("a") } });
    const legacy = await dynamo.call("Query", {
      ...range,
      KeyConditions: {
        pk: { ComparisonOperator: "EQ", AttributeValueList: [S("q")] },
        sk: { ComparisonOperator: "BEGINS_WITH", AttributeValueList: [S("b")] },
      },
      QueryFilter: {
        n: { ComparisonOperator: "GE", AttributeValueList: [N(1)] },
        inc: { ComparisonOperator: "EQ", AttributeValueList: [S("i3")] },
      },
      ConditionalOperator: "OR",
      AttributesToGet: ["sk"],
    });
    assert.deepEqual([legacy.Items, legacy.ScannedCount], [[{ sk: S("b") }, { sk: S("ba") }, { sk: S("bb") }], 3]);
  });
  it("ends a page at a megabyte", async () => {
    await dynamo.put(
      "range",
      ...Array.from({ length: 4 }, (_, n) => ({ pk: S("mb"), sk: S(String(n)), data: S("a".repeat(400_000)) })),
    );
    const input = { ...range, KeyConditionExpression: "pk = :p", ...v({ ":p": S("mb") }) };
    assert.deepEqual(await pages(input, "sk"), [["0", "1", "2"], ["3"]]);
    assert.deepEqual(await pages({ ...input, ScanIndexForward: false }, "sk"), [["3", "2", "1"], ["0"]]);
    const { Count, LastEvaluatedKey } = await dynamo.call("Query", { ...input, Select: "COUNT" });
    assert.deepEqual([Count, LastEvaluatedKey], [3, { pk: S("mb"), sk: S("2") }]);
  });
  it("costs by what it looked at, once for the page", async () => {
    const cost = async (more: object) =>
      (
        await dynamo.call("Query", {
          ...range,
          KeyConditionExpression: "pk = :p",
          ...v({ ":p": S("q") }),
          ReturnConsumedCapacity: "INDEXES",
          ...more,
        })
      ).ConsumedCapacity;
    const half = { CapacityUnits: 0.5 };
    assert.deepEqual(await cost({}), { TableName: "range", CapacityUnits: 0.5, Table: half });
    assert.deepEqual(await cost({ ConsistentRead: true }), {
      TableName: "range",
      CapacityUnits: 1,
      Table: { CapacityUnits: 1 },
    });
    assert.deepEqual(await cost({ IndexName: "lsi" }), {
      TableName: "range",
      CapacityUnits: 0.5,
      Table: { CapacityUnits: 0 },
      LocalSecondaryIndexes: { lsi: half },
    });
    assert.deepEqual(await cost({ IndexName: "gsi", KeyConditionExpression: "g = :p" }), {
      TableName: "range",
      CapacityUnits: 0.5,
      Table: { CapacityUnits: 0 },
      GlobalSecondaryIndexes: { gsi: half },
    });
    const fetched = await cost({ IndexName: "lsik", Select: "ALL_ATTRIBUTES" });
    assert.deepEqual(fetched, {
      TableName: "range",
      CapacityUnits: 4.5,
      Table: { CapacityUnits: 4 },
      LocalSecondaryIndexes: { lsik: half },
    });
  });
});

describe("indexes", () => {
  const g = { ...range, IndexName: "gsir", KeyConditionExpression: "g = :g", ...v({ ":g": S("eq") }) };
  before(async () => {
    // Equal index keys all over: only the table's key tells the entries apart.
    for (let i = 0; i < 12; i++)
      await dynamo.put("range", {
        pk: S(`e${i % 4}`),
        sk: S(`s${i}`),
        g: S("eq"),
        n: N(i % 2),
        l: S("same"),
        inc: S("i"),
        extra: N(i),
      });
    await dynamo.put("range", { pk: S("e0"), sk: S("none") }, { pk: S("e0"), sk: S("half"), g: S("eq") });
  });
  it("hold only items with their keys, and of those what they project", async () => {
    const { Items } = await dynamo.call("Query", g);
    assert.equal(Items!.length, 12);
    for (const item of Items!) assert.deepEqual(Object.keys(item).sort(), ["g", "inc", "n", "pk", "sk"]);
    const all = await dynamo.call("Query", { ...g, IndexName: "gsi" });
    assert.equal(all.Items!.length, 13);
    const local = await dynamo.call("Query", {
      ...range,
      IndexName: "lsik",
      KeyConditionExpression: "pk = :p AND l = :l",
      ...v({ ":p": S("e0"), ":l": S("same") }),
    });
    assert.deepEqual(
      local.Items!.map((item) => Object.keys(item).sort()),
      Array.from({ length: 3 }, () => ["l", "pk", "sk"]),
    );
  });
  for (const [name, input] of [
    ["a global index", g],
    [
      "a global index by its sort key",
      { ...g, KeyConditionExpression: "g = :g AND n >= :n", ...v({ ":g": S("eq"), ":n": N(0) }) },
    ],
    [
      "a local index",
      {
        ...range,
        IndexName: "lsi",
        KeyConditionExpression: "pk = :p AND l = :l",
        ...v({ ":p": S("e1"), ":l": S("same") }),
      },
    ],
  ] as const) {
    for (const ScanIndexForward of [true, false]) {
      it(`pages through equal keys of ${name} ${ScanIndexForward ? "forward" : "backward"}`, async () => {
        const whole = (await pages({ ...input, ScanIndexForward }, "sk")).flat();
        assert.ok(whole.length >= 3 && new Set(whole).size === whole.length);
        for (const Limit of [1, 2, 5]) {
          assert.deepEqual((await pages({ ...input, ScanIndexForward, Limit }, "sk")).flat(), whole);
        }
        const back = (await pages({ ...input, ScanIndexForward: !ScanIndexForward }, "sk")).flat();
        assert.deepEqual(back, [...whole].reverse());
      });
    }
  }
  it("give a last key of both keys", async () => {
    const { LastEvaluatedKey } = await dynamo.call("Query", { ...g, Limit: 1 });
    assert.deepEqual(Object.keys(LastEvaluatedKey!), ["pk", "sk", "g", "n"]);
    await dynamo.refuses(
      "Query",
      { ...g, ExclusiveStartKey: { pk: S("a"), sk: S("b") } },
      "The provided starting key is invalid",
    );
    await dynamo.refuses(
      "Query",
      { ...g, ExclusiveStartKey: { pk: S("a"), sk: S("b"), g: S("eq"), x: S("a") } },
      "The provided starting key is invalid",
    );
  });
  it("fetch from the table what a local index does not hold", async () => {
    const input = { ...range, IndexName: "lsik", KeyConditionExpression: "pk = :p", ...v({ ":p": S("e2") }) };
    const extras = async (more: object) =>
      (await dynamo.call("Query", { ...input, ...more })).Items!.map((item) => item["extra"]?.N);
    assert.deepEqual(await extras({}), [undefined, undefined, undefined]);
    assert.deepEqual((await extras({ Select: "ALL_ATTRIBUTES" })).sort(), ["10", "2", "6"]);
    assert.deepEqual((await extras({ ProjectionExpression: "extra" })).sort(), ["10", "2", "6"]);
    const filtered = await dynamo.call("Query", {
      ...input,
      FilterExpression: "extra > :n",
      ...v({ ":p": S("e2"), ":n": N(5) }),
    });
    assert.deepEqual([filtered.Count, filtered.ScannedCount], [2, 3]);
  });
  it("follow every change", async () => {
    const Key = { pk: S("move"), sk: S("1") };
    const where = async (value: string) =>
      (
        await dynamo.call("Query", {
          ...range,
          IndexName: "gsi",
          KeyConditionExpression: "g = :g",
          ...v({ ":g": S(value) }),
        })
      ).Items;
    await dynamo.put("range", { ...Key, g: S("m1") });
    await dynamo.call("UpdateItem", { ...range, Key, UpdateExpression: "SET g = :g", ...v({ ":g": S("m2") }) });
    assert.deepEqual([await where("m1"), await where("m2")], [[], [{ ...Key, g: S("m2") }]]);
    await dynamo.put("range", Key);
    assert.deepEqual(await where("m2"), []);
    await dynamo.put("range", { ...Key, g: S("m3"), data: S("x") });
    await dynamo.call("DeleteItem", { ...range, Key });
    assert.deepEqual(await where("m3"), []);
  });
});

describe("scans", () => {
  const cases: [string, object, string][] = [
    [
      "segment alone",
      { ...range, Segment: 0 },
      "The TotalSegments parameter is required but was not present in the request when Segment parameter is present",
    ],
    [
      "segments alone",
      { ...range, TotalSegments: 4 },
      "The Segment parameter is required but was not present in the request when parameter TotalSegments is present",
    ],
    [
      "segment out of range",
      { ...range, Segment: 5, TotalSegments: 5 },
      "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 5 is not less than TotalSegments: 5",
    ],
    [
      "too many segments",
      { ...range, Segment: 0, TotalSegments: 1_000_001 },
      "1 validation error detected: Value '1000001' at 'totalSegments' failed to satisfy constraint: Member must have value less than or equal to 1000000",
    ],
    [
      "negative segment",
      { ...range, Segment: -1, TotalSegments: 2 },
      "1 validation error detected: Value '-1' at 'segment' failed to satisfy constraint: Member must have value greater than or equal to 0",
    ],
    ["index", { ...range, IndexName: "none" }, "The table does not have the specified index: none"],
    [
      "start",
      { ...range, ExclusiveStartKey: { pk: S("a") } },
      "The provided starting key is invalid: The provided key element does not match the schema",
    ],
    [
      "start of a wrong type",
      { ...range, ExclusiveStartKey: { pk: S("a"), sk: N(1) } },
      "The provided starting key is invalid: The provided key element does not match the schema",
    ],
    [
      "start in an index",
      { ...range, IndexName: "gsi", ExclusiveStartKey: { pk: S("a"), sk: S("a") } },
      "The provided starting key is invalid",
    ],
    [
      "everything of an index",
      { ...range, IndexName: "gsir", Select: "ALL_ATTRIBUTES" },
      invalid(
        "Select type ALL_ATTRIBUTES is not supported for global secondary index gsir because its projection type is not ALL",
      ),
    ],
    [
      "consistent reads of a global index",
      { ...range, IndexName: "gsi", ConsistentRead: true },
      "Consistent reads are not supported on global secondary indexes",
    ],
    [
      "wrong operand though nothing matches",
      { TableName: "hash", FilterExpression: "begins_with(nothing, :n)", ...v({ ":n": N(5) }) },
      "Invalid FilterExpression: Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
    ],
    [
      "conditional operator",
      { ...range, ConditionalOperator: "AND" },
      "ConditionalOperator cannot be used without Filter or Expected",
    ],
    [
      "a path into the key",
      { ...range, FilterExpression: "pk.x = :n", ...v({ ":n": N(5) }) },
      "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: pk",
    ],
  ];
  for (const [name, input, message] of cases) it(`refuses: ${name}`, () => dynamo.refuses("Scan", input, message));

  before(async () => {
    await dynamo.call("CreateTable", {
      ...tableInput("scan", { pk: "S", sk: "N", g: "S" }, ["pk", "sk"]),
      GlobalSecondaryIndexes: [
        { IndexName: "gsi", KeySchema: keySchema(["g"]), Projection: { ProjectionType: "KEYS_ONLY" } },
      ],
    });
    for (let i = 0; i < 60; i++)
      await dynamo.put("scan", {
        pk: S(`p${i % 15}`),
        sk: N(i),
        ...(i % 3 === 0 && { g: S(`g${i % 2}`) }),
        v: N(i % 5),
      });
  });
  it("find everything once, page by page", async () => {
    for (const Limit of [undefined, 1, 7]) {
      const found = (await pages({ TableName: "scan", Limit }, "sk", "Scan")).flat();
      assert.deepEqual(
        found.map(Number).sort((a, b) => a - b),
        Array.from({ length: 60 }, (_, i) => i),
      );
      const entries = (await pages({ TableName: "scan", IndexName: "gsi", Limit }, "sk", "Scan")).flat();
      assert.equal(new Set(entries).size, 20);
      assert.equal(entries.length, 20);
    }
  });
  for (const total of [2, 3, 7, 1000]) {
    it(`deal a table out to ${total} segments`, async () => {
      const found: string[][] = [];
      for (let Segment = 0; Segment < Math.min(total, 1000); Segment += 1) {
        found.push(
          (
            await pages({ TableName: "scan", Segment, TotalSegments: total, Limit: 4 } as Loose<"Query">, "sk", "Scan")
          ).flat(),
        );
      }
      assert.deepEqual(
        found
          .flat()
          .map(Number)
          .sort((a, b) => a - b),
        Array.from({ length: 60 }, (_, i) => i),
      );
      if (total < 10) assert.ok(found.every((segment) => segment.length > 0));
    });
  }
  it("filter, and count what they looked at", async () => {
    const filtered = await dynamo.call("Scan", {
      TableName: "scan",
      FilterExpression: "v = :v AND attribute_exists(g)",
      ...v({ ":v": N(0) }),
      Select: "COUNT",
    });
    assert.deepEqual(filtered, { Count: 4, ScannedCount: 60 });
    const legacy = await dynamo.call("Scan", {
      TableName: "scan",
      ScanFilter: {
        v: { ComparisonOperator: "EQ", AttributeValueList: [N(0)] },
        g: { ComparisonOperator: "NOT_NULL" },
      },
      AttributesToGet: ["sk"],
    });
    assert.deepEqual([legacy.Count, legacy.ScannedCount, Object.keys(legacy.Items![0]!)], [4, 60, ["sk"]]);
  });
  it("give nothing of an empty table", async () => {
    assert.deepEqual(await dynamo.call("Scan", { TableName: "hash", ReturnConsumedCapacity: "TOTAL" }), {
      Count: 0,
      ScannedCount: 0,
      Items: [],
      ConsumedCapacity: { TableName: "hash", CapacityUnits: 0.5 },
    });
  });
});

describe("against a model", () => {
  it("a query is what filtering and sorting gives", async () => {
    const model = new Map<string, { pk: number; sk: string }>();
    const command = fc.record({
      pk: fc.integer({ min: -2, max: 2 }),
      sk: fc.uint8Array({ minLength: 1, maxLength: 3 }),
      remove: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 12 }), command, async (commands, { pk: wanted, sk: bound }) => {
        for (const { pk, sk, remove } of commands) {
          const id = `${pk}/${Buffer.from(sk).toString("hex")}`;
          const key = { pk: N(pk), sk: { B: sk } };
          if (remove) {
            await dynamo.call("DeleteItem", { TableName: "typed", Key: key });
            model.delete(id);
          } else {
            await dynamo.put("typed", key);
            model.set(id, { pk, sk: Buffer.from(sk).toString("hex") });
          }
        }
        const low = Buffer.from(bound).toString("hex");
        const expected = [...model.values()]
          .filter((row) => row.pk === wanted && row.sk >= low)
          .map((row) => row.sk)
          .sort();
        const { Items } = await dynamo.call("Query", {
          TableName: "typed",
          KeyConditionExpression: "pk = :p AND sk >= :s",
          ...v({ ":p": N(wanted), ":s": { B: bound } }),
        });
        assert.deepEqual(
          Items!.map((item) => Buffer.from(item["sk"]!.B!).toString("hex")),
          expected,
        );
      }),
      { numRuns: 25, seed: 7 },
    );
  });
  before(async () => {
    const items = await dynamo.all("typed");
    for (const { pk, sk } of items) await dynamo.call("DeleteItem", { TableName: "typed", Key: { pk, sk } });
  });
});
