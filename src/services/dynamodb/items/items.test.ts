/** PutItem, GetItem, UpdateItem, DeleteItem. Texts as AWS answers: dynalite's and dynamodb-conformance's public tests, unless a case says otherwise. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { B, type Dynamo, N, openDynamo, S } from "../testing.ts";
import type { AttributeMap } from "../values/attribute-value.ts";

let dynamo: Dynamo;
before(async () => {
  dynamo = await openDynamo();
});
after(() => dynamo.platform.close());

const constraint = (value: string | null, path: string, text: string) =>
  `Value ${value === null ? "null" : `'${value}'`} at '${path}' failed to satisfy constraint: ${text}`;
const errors = (...texts: string[]) =>
  `${texts.length} validation error${texts.length > 1 ? "s" : ""} detected: ${texts.join("; ")}`;
const NOT_NULL = "Member must not be null";
const PATTERN = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+";
const enumeration = (...values: string[]) => `Member must satisfy enum value set: [${values.join(", ")}]`;
const invalid = (text: string) => `One or more parameter values were invalid: ${text}`;
const notValid = (text: string) => `One or more parameter values are not valid. ${text}`;
const MISMATCH = "The provided key element does not match the schema";

describe("the tables and members that every operation checks", () => {
  const operations = { PutItem: "Item", GetItem: "Key", UpdateItem: "Key", DeleteItem: "Key" } as const;
  for (const [operation, member] of Object.entries(operations) as [keyof typeof operations, string][]) {
    const lower = member.toLowerCase();
    const cases: [string, object, string][] = [
      ["nothing", {}, errors(constraint(null, "tableName", NOT_NULL), constraint(null, lower, NOT_NULL))],
      ["no table", { [member]: { pk: S("a") } }, errors(constraint(null, "tableName", NOT_NULL))],
      [
        "a bad name",
        { TableName: "bad table!@#", [member]: { pk: S("a") } },
        errors(constraint("bad table!@#", "tableName", PATTERN)),
      ],
      [
        "a long name",
        { TableName: "a".repeat(256), [member]: { pk: S("a") } },
        errors(constraint("a".repeat(256), "tableName", "Member must have length less than or equal to 255")),
      ],
      ["no map", { TableName: "hash" }, errors(constraint(null, lower, NOT_NULL))],
      [
        "capacity",
        { TableName: "hash", [member]: { pk: S("a") }, ReturnConsumedCapacity: "hi" },
        errors(constraint("hi", "returnConsumedCapacity", enumeration("INDEXES", "TOTAL", "NONE"))),
      ],
      [
        "an invalid value",
        { TableName: "gone", [member]: { pk: {} } },
        "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
      ],
      [
        "an ARN of another region",
        { TableName: "arn:aws:dynamodb:eu-west-1:000000000000:table/hash", [member]: { pk: S("a") } },
        "1 validation error detected: Invalid AWS region in 'arn:aws:dynamodb:eu-west-1:000000000000:table/hash'",
      ],
      [
        "an ARN of something else",
        { TableName: "arn:aws:sqs:us-east-1:000000000000:hash", [member]: { pk: S("a") } },
        "1 validation error detected: Invalid resource type in 'arn:aws:sqs:us-east-1:000000000000:hash'",
      ],
    ];
    for (const [name, input, message] of cases) {
      it(`${operation} refuses ${name}`, () => dynamo.refuses(operation, input, message));
    }
    it(`${operation} does not know the table`, () =>
      dynamo.refuses(
        operation,
        { TableName: "gone", [member]: { pk: S("a") } },
        "Requested resource not found",
        "ResourceNotFoundException",
      ));
    it(`${operation} keeps to its own account`, () =>
      dynamo.refuses(
        operation,
        { TableName: "arn:aws:dynamodb:us-east-1:111111111111:table/hash", [member]: { pk: S("a") } },
        /another account/,
        "AccessDeniedException",
      ));
    it(`${operation} takes an ARN`, async () => {
      const TableName = "arn:aws:dynamodb:us-east-1:000000000000:table/hash";
      const output = await dynamo.call(operation, {
        TableName,
        [member]: { pk: S("arn") },
        ReturnConsumedCapacity: "TOTAL",
      });
      assert.equal(output.ConsumedCapacity!.TableName, TableName);
    });
  }
  it("collects everything that is wrong", () =>
    dynamo.refuses(
      "PutItem",
      { TableName: "abc;", ReturnConsumedCapacity: "hi", ReturnItemCollectionMetrics: "hi", ReturnValues: "hi" },
      errors(
        constraint("hi", "returnConsumedCapacity", enumeration("INDEXES", "TOTAL", "NONE")),
        constraint("abc;", "tableName", PATTERN),
        constraint(null, "item", NOT_NULL),
        constraint("hi", "returnValues", enumeration("ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW")),
        constraint("hi", "returnItemCollectionMetrics", enumeration("SIZE", "NONE")),
      ),
    ));
  it("looks no further than an empty table name", () =>
    dynamo.refuses(
      "PutItem",
      { TableName: "", ReturnValues: "hi" },
      errors(constraint("", "tableName", "Member must have length greater than or equal to 1")),
    ));
});

describe("keys", () => {
  const long = "a".repeat(2049);
  const puts: [string, string, AttributeMap, string][] = [
    ["no key", "hash", {}, invalid("Missing the key pk in the item")],
    ["no sort key", "range", { pk: S("a") }, invalid("Missing the key sk in the item")],
    ["wrong type", "hash", { pk: N(1) }, invalid("Type mismatch for key pk expected: S actual: N")],
    ["list", "hash", { pk: { L: [] } }, invalid("Type mismatch for key pk expected: S actual: L")],
    ["wrong sort key", "typed", { pk: N(1), sk: S("a") }, invalid("Type mismatch for key sk expected: B actual: S")],
    [
      "empty string",
      "hash",
      { pk: S("") },
      notValid("The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"),
    ],
    [
      "empty binary",
      "typed",
      { pk: N(1), sk: B("") },
      notValid("The AttributeValue for a key attribute cannot contain an empty binary value. Key: sk"),
    ],
    ["long", "hash", { pk: S(long) }, invalid("Size of hashkey has exceeded the maximum size limit of2048 bytes")],
    [
      "long by bytes",
      "hash",
      { pk: S("é".repeat(1025)) },
      invalid("Size of hashkey has exceeded the maximum size limit of2048 bytes"),
    ],
    [
      "long sort key",
      "range",
      { pk: S("a"), sk: S("a".repeat(1025)) },
      invalid("Aggregated size of all range keys has exceeded the size limit of 1024 bytes"),
    ],
    [
      "index key of a wrong type",
      "range",
      { pk: S("a"), sk: S("a"), g: N(1) },
      invalid("Type mismatch for Index Key g Expected: S Actual: N IndexName: gsi"),
    ],
    [
      "index sort key of a wrong type",
      "range",
      { pk: S("a"), sk: S("a"), l: { BOOL: true } },
      invalid("Type mismatch for Index Key l Expected: S Actual: BOOL IndexName: lsi"),
    ],
    [
      "empty index key",
      "range",
      { pk: S("a"), sk: S("a"), g: S("") },
      notValid(
        "A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: gsi, IndexKey: g",
      ),
    ],
    [
      "long index key",
      "range",
      { pk: S("a"), sk: S("a"), g: S(long) },
      invalid("Size of hashkey has exceeded the maximum size limit of2048 bytes"),
    ],
  ];
  for (const [name, TableName, Item, message] of puts) {
    it(`PutItem refuses: ${name}`, () => dynamo.refuses("PutItem", { TableName, Item }, message));
  }
  const lookups: [string, string, AttributeMap, string][] = [
    ["none", "hash", {}, MISMATCH],
    ["another", "hash", { a: S("a") }, MISMATCH],
    ["one too many", "hash", { pk: S("a"), b: S("a") }, MISMATCH],
    ["one too few", "range", { pk: S("a") }, MISMATCH],
    ["wrong type", "typed", { pk: S("1"), sk: B("a") }, MISMATCH],
    [
      "empty",
      "hash",
      { pk: S("") },
      notValid("The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"),
    ],
    ["long", "hash", { pk: S(long) }, invalid("Size of hashkey has exceeded the maximum size limit of2048 bytes")],
  ];
  for (const [name, TableName, Key, message] of lookups) {
    for (const operation of ["GetItem", "UpdateItem", "DeleteItem"] as const) {
      it(`${operation} refuses a key: ${name}`, () => dynamo.refuses(operation, { TableName, Key }, message));
    }
  }
  it("takes keys at their limits, whatever their bytes", async () => {
    const keys: [string, AttributeMap][] = [
      ["hash", { pk: S("a".repeat(2048)) }],
      ["hash", { pk: S("\0".repeat(2048)) }],
      [
        "range",
        {
          pk: S("\0".repeat(2048)),
          sk: S("\0".repeat(1024)),
          g: S("\0".repeat(2048)),
          n: N(1),
          l: S("\0".repeat(1024)),
        },
      ],
      [
        "range",
        {
          pk: S("\0".repeat(2048)),
          sk: S(`${"\0".repeat(1023)}b`),
          g: S("\0".repeat(2048)),
          n: N(1),
          l: S("\0".repeat(1024)),
        },
      ],
      ["typed", { pk: N("-9.9999999999999999999999999999999999999E+125"), sk: { B: Buffer.alloc(1024, 255) } }],
    ];
    await Promise.all(keys.map(([TableName, Item]) => dynamo.put(TableName, Item)));
    const { Items } = await dynamo.call("Query", {
      TableName: "range",
      IndexName: "gsir",
      KeyConditionExpression: "g = :g",
      ExpressionAttributeValues: { ":g": S("\0".repeat(2048)) },
    });
    assert.equal(Items!.length, 2);
    for (const [TableName, Item] of keys) {
      const Key: AttributeMap = TableName === "hash" ? { pk: Item["pk"]! } : { pk: Item["pk"]!, sk: Item["sk"]! };
      assert.deepEqual(await dynamo.get(TableName, Key), {
        ...Item,
        ...(Item["pk"]!.N && { pk: N(`-${"9".repeat(38)}${"0".repeat(88)}`) }),
      });
      await dynamo.call("DeleteItem", { TableName, Key });
    }
  });
  it("finds a number whatever its spelling", async () => {
    await dynamo.put("typed", { pk: N("1.50"), sk: B("x"), v: S("here") });
    assert.deepEqual(await dynamo.get("typed", { pk: N("15e-1"), sk: B("x") }), {
      pk: N("1.5"),
      sk: B("x"),
      v: S("here"),
    });
  });
});

describe("PutItem", () => {
  const table = { TableName: "hash" };
  const cases: [string, object, string][] = [
    [
      "mixed parameters",
      { ...table, Item: {}, ConditionExpression: "", Expected: {} },
      "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}",
    ],
    [
      "names alone",
      { ...table, Item: {}, ExpressionAttributeNames: {} },
      "ExpressionAttributeNames can only be specified when using expressions",
    ],
    [
      "values alone",
      { ...table, Item: {}, ExpressionAttributeValues: {} },
      "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null",
    ],
    [
      "values before ReturnValues",
      { ...table, Item: { a: { N: "" } }, ReturnValues: "ALL_NEW" },
      "The parameter cannot be converted to a numeric value",
    ],
    [
      "ReturnValues",
      { ...table, Item: { big: S("a".repeat(409_600)) }, ReturnValues: "ALL_NEW" },
      "ReturnValues can only be ALL_OLD or NONE",
    ],
    [
      "size before Expected",
      { ...table, Item: { big: S("a".repeat(409_600)) }, Expected: { a: {} } },
      "Item size has exceeded the maximum allowed size",
    ],
    [
      "Expected before the expression",
      { ...table, Item: {}, Expected: { a: {} } },
      invalid("Value must be provided when Exists is null for Attribute: a"),
    ],
    [
      "the expression before the table",
      { TableName: "gone", Item: {}, ConditionExpression: "a" },
      'Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "a"',
    ],
  ];
  for (const [name, input, message] of cases) it(`refuses: ${name}`, () => dynamo.refuses("PutItem", input, message));

  it("takes 400 KB and not a byte more", async () => {
    const item = (bytes: number): AttributeMap => ({ pk: S("big"), data: S("a".repeat(bytes - 2 - 3 - 4)) });
    await dynamo.put("hash", item(409_600));
    await dynamo.refuses(
      "PutItem",
      { ...table, Item: item(409_601) },
      "Item size has exceeded the maximum allowed size",
    );
    await dynamo.call("DeleteItem", { ...table, Key: { pk: S("big") } });
  });

  it("keeps every type of attribute", async () => {
    const Item: AttributeMap = {
      pk: S("types"),
      n: N("-0.50"),
      b: B("\0\xff"),
      t: { BOOL: true },
      f: { BOOL: false },
      nothing: { NULL: true },
      ss: { SS: ["a", ""] },
      ns: { NS: ["1", "2.50"] },
      bs: { BS: [Buffer.from("x")] },
      l: { L: [S(""), { L: [] }] },
      m: { M: { "": N(1), "a.b": { M: {} } } },
      empty: S(""),
    };
    assert.deepEqual(await dynamo.call("PutItem", { ...table, Item }), {});
    assert.deepEqual(await dynamo.get("hash", { pk: S("types") }), { ...Item, n: N("-0.5"), ns: { NS: ["1", "2.5"] } });
  });

  it("gives back the old item when asked", async () => {
    await dynamo.call("DeleteItem", { ...table, Key: { pk: S("old") } });
    assert.deepEqual(
      await dynamo.call("PutItem", { ...table, Item: { pk: S("old"), v: N(1) }, ReturnValues: "ALL_OLD" }),
      {},
    );
    assert.deepEqual(
      await dynamo.call("PutItem", { ...table, Item: { pk: S("old"), v: N(2) }, ReturnValues: "ALL_OLD" }),
      { Attributes: { pk: S("old"), v: N(1) } },
    );
    assert.deepEqual(await dynamo.call("PutItem", { ...table, Item: { pk: S("old") }, ReturnValues: "NONE" }), {});
  });

  it("puts only once under a condition, and shows the item that was in the way", async () => {
    const once = { ...table, Item: { pk: S("once"), v: N(1) }, ConditionExpression: "attribute_not_exists(pk)" };
    await dynamo.call("PutItem", once);
    const refused = { code: "ConditionalCheckFailedException", message: "The conditional request failed" };
    await assert.rejects(dynamo.call("PutItem", once), { ...refused, detail: {} });
    await assert.rejects(dynamo.call("PutItem", { ...once, ReturnValuesOnConditionCheckFailure: "ALL_OLD" }), {
      ...refused,
      detail: { Item: { pk: S("once"), v: N(1) } },
    });
    await dynamo.call("PutItem", {
      ...table,
      Item: { pk: S("once"), v: N(2) },
      ConditionExpression: "v = :v",
      ExpressionAttributeValues: { ":v": N("1.0") },
    });
    assert.deepEqual(await dynamo.get("hash", { pk: S("once") }), { pk: S("once"), v: N(2) });
  });
});

describe("legacy conditions", () => {
  const table = { TableName: "hash", Item: { pk: S("legacy") } };
  const cases: [string, object, string][] = [
    [
      "Value and list",
      { a: { Value: S("a"), AttributeValueList: [] } },
      invalid("Value and AttributeValueList cannot be used together for Attribute: a"),
    ],
    [
      "Exists and operator",
      { a: { Exists: true, ComparisonOperator: "EQ" } },
      invalid("Exists and ComparisonOperator cannot be used together for Attribute: a"),
    ],
    [
      "operator alone",
      { a: { ComparisonOperator: "EQ" } },
      invalid("Value or AttributeValueList must be used with ComparisonOperator: EQ for Attribute: a"),
    ],
    [
      "count",
      { a: { ComparisonOperator: "BETWEEN", AttributeValueList: [S("a")] } },
      invalid("Invalid number of argument(s) for the BETWEEN ComparisonOperator"),
    ],
    [
      "count of none",
      { a: { ComparisonOperator: "NULL", AttributeValueList: [S("a")] } },
      invalid("Invalid number of argument(s) for the NULL ComparisonOperator"),
    ],
    [
      "mixed types",
      { a: { ComparisonOperator: "IN", AttributeValueList: [S("a"), N(1)] } },
      invalid("AttributeValues inside AttributeValueList must be of same type"),
    ],
    [
      "type",
      { a: { ComparisonOperator: "LT", Value: { SS: ["a"] } } },
      invalid("ComparisonOperator LT is not valid for SS AttributeValue type"),
    ],
    [
      "turned bounds",
      { a: { ComparisonOperator: "BETWEEN", AttributeValueList: [S("b"), S("a")] } },
      "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
    ],
    [
      "list alone",
      { a: { AttributeValueList: [] } },
      invalid("AttributeValueList can only be used with a ComparisonOperator for Attribute: a"),
    ],
    [
      "Exists without Value",
      { a: { Exists: true } },
      invalid("Value must be provided when Exists is true for Attribute: a"),
    ],
    ["neither", { a: {} }, invalid("Value must be provided when Exists is null for Attribute: a")],
    [
      "Value where none may be",
      { a: { Exists: false, Value: S("a") } },
      invalid("Value cannot be used when Exists is false for Attribute: a"),
    ],
    ["wrong value", { a: { Value: N("x") } }, "The parameter cannot be converted to a numeric value: x"],
    [
      "operator of no kind",
      { a: { ComparisonOperator: "HI" } },
      errors(
        constraint(
          "HI",
          "expected.a.member.comparisonOperator",
          enumeration(
            "IN",
            "NULL",
            "BETWEEN",
            "LT",
            "NOT_CONTAINS",
            "EQ",
            "GT",
            "NOT_NULL",
            "NE",
            "LE",
            "BEGINS_WITH",
            "GE",
            "CONTAINS",
          ),
        ),
      ),
    ],
  ];
  for (const [name, Expected, message] of cases)
    it(`refuses: ${name}`, () => dynamo.refuses("PutItem", { ...table, Expected }, message));
  it("refuses a ConditionalOperator with nothing to join", async () => {
    await dynamo.refuses(
      "PutItem",
      { ...table, ConditionalOperator: "OR" },
      "ConditionalOperator cannot be used without Filter or Expected",
    );
    await dynamo.refuses(
      "PutItem",
      { ...table, ConditionalOperator: "OR", Expected: { a: { Exists: false } } },
      "ConditionalOperator can only be used when Filter or Expected has two or more elements",
    );
  });

  const item: AttributeMap = { pk: S("legacy"), s: S("hello"), n: N(5), ss: { SS: ["a", "b"] }, l: { L: [S("a")] } };
  const held: [string, object, boolean][] = [
    ["Exists false", { x: { Exists: false } }, true],
    ["Exists false of one", { s: { Exists: false } }, false],
    ["Value", { s: { Value: S("hello") } }, true],
    ["EQ set", { ss: { ComparisonOperator: "EQ", AttributeValueList: [{ SS: ["b", "a"] }] } }, true],
    ["NE", { s: { ComparisonOperator: "NE", Value: S("x") } }, true],
    ["LT", { n: { ComparisonOperator: "LT", Value: N(10) } }, true],
    ["GE", { n: { ComparisonOperator: "GE", Value: N(6) } }, false],
    ["BETWEEN", { n: { ComparisonOperator: "BETWEEN", AttributeValueList: [N(1), N(5)] } }, true],
    ["IN", { s: { ComparisonOperator: "IN", AttributeValueList: [S("a"), S("hello")] } }, true],
    ["CONTAINS", { s: { ComparisonOperator: "CONTAINS", Value: S("ell") } }, true],
    ["CONTAINS in a set", { ss: { ComparisonOperator: "CONTAINS", Value: S("a") } }, true],
    ["NOT_CONTAINS", { s: { ComparisonOperator: "NOT_CONTAINS", Value: S("x") } }, true],
    ["BEGINS_WITH", { s: { ComparisonOperator: "BEGINS_WITH", Value: S("he") } }, true],
    ["NULL", { x: { ComparisonOperator: "NULL" } }, true],
    ["NOT_NULL", { x: { ComparisonOperator: "NOT_NULL" } }, false],
  ];
  for (const [name, Expected, holds] of held) {
    it(`${name} ${holds ? "holds" : "does not hold"}`, async () => {
      await dynamo.put("hash", item);
      const put = dynamo.call("PutItem", { TableName: "hash", Item: item, Expected });
      if (holds) await put;
      else await assert.rejects(put, { code: "ConditionalCheckFailedException" });
    });
  }
  it("joins by OR when told to, else by AND", async () => {
    await dynamo.put("hash", item);
    const Expected = { s: { Value: S("hello") }, n: { Value: N(6) } };
    await dynamo.refuses(
      "PutItem",
      { TableName: "hash", Item: item, Expected },
      "The conditional request failed",
      "ConditionalCheckFailedException",
    );
    await dynamo.call("PutItem", { TableName: "hash", Item: item, Expected, ConditionalOperator: "OR" });
  });
});

describe("GetItem", () => {
  const table = { TableName: "hash", Key: { pk: S("get") } };
  const cases: [string, object, string][] = [
    [
      "mixed parameters",
      { ...table, ProjectionExpression: "", AttributesToGet: ["a"] },
      "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}",
    ],
    [
      "empty list",
      { ...table, AttributesToGet: [] },
      errors(constraint("[]", "attributesToGet", "Member must have length greater than or equal to 1")),
    ],
    ["duplicates", { ...table, AttributesToGet: ["a", "b", "a"] }, invalid("Duplicate value in attribute name: a")],
    [
      "unused name",
      { ...table, ProjectionExpression: "a", ExpressionAttributeNames: { "#a": "b" } },
      "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a}",
    ],
    [
      "a path into the key",
      { ...table, ProjectionExpression: "pk.x" },
      "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: pk",
    ],
  ];
  for (const [name, input, message] of cases) it(`refuses: ${name}`, () => dynamo.refuses("GetItem", input, message));
  it("projects", async () => {
    await dynamo.put("hash", { pk: S("get"), a: { M: { b: N(1), c: N(2) } }, l: { L: [N(0), N(1), N(2)] }, z: S("z") });
    const get = async (more: object) => (await dynamo.call("GetItem", { ...table, ...more })).Item;
    assert.deepEqual(await get({ ProjectionExpression: "a.b, l[2], l[0]" }), {
      a: { M: { b: N(1) } },
      l: { L: [N(0), N(2)] },
    });
    assert.deepEqual(await get({ AttributesToGet: ["z", "missing"] }), { z: S("z") });
    assert.deepEqual(await get({ ProjectionExpression: "missing2" }), {});
    assert.deepEqual(await dynamo.call("GetItem", { TableName: "hash", Key: { pk: S("nobody") } }), {});
  });
  it("costs by size, half when eventually consistent", async () => {
    await dynamo.put("hash", { pk: S("get"), data: S("a".repeat(4087)) });
    const units = async (more: object) =>
      (await dynamo.call("GetItem", { ...table, ReturnConsumedCapacity: "TOTAL", ...more })).ConsumedCapacity;
    assert.deepEqual(await units({}), { TableName: "hash", CapacityUnits: 0.5 });
    assert.deepEqual(await units({ ConsistentRead: true }), { TableName: "hash", CapacityUnits: 1 });
    assert.deepEqual(await units({ Key: { pk: S("nobody") } }), { TableName: "hash", CapacityUnits: 0.5 });
    await dynamo.put("hash", { pk: S("get"), data: S("a".repeat(4088)) });
    assert.deepEqual(await units({ ConsistentRead: true, ReturnConsumedCapacity: "INDEXES" }), {
      TableName: "hash",
      CapacityUnits: 2,
      Table: { CapacityUnits: 2 },
    });
  });
});

describe("UpdateItem", () => {
  const table = { TableName: "range", Key: { pk: S("u"), sk: S("1") } };
  const set = (expression: string, value?: object) => ({
    ...table,
    UpdateExpression: expression,
    ...(value && { ExpressionAttributeValues: { ":v": value } }),
  });
  const cases: [string, object, string][] = [
    [
      "mixed parameters",
      { ...table, UpdateExpression: "", AttributeUpdates: {}, Expected: {} },
      "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributeUpdates, Expected} Expression parameters: {UpdateExpression}",
    ],
    [
      "the partition key",
      set("SET pk = :v", S("a")),
      invalid("Cannot update attribute pk. This attribute is part of the key"),
    ],
    ["the sort key", set("REMOVE sk"), invalid("Cannot update attribute sk. This attribute is part of the key")],
    [
      "the key by a path",
      set("SET sk.x = :v", S("a")),
      invalid("Cannot update attribute sk. This attribute is part of the key"),
    ],
    [
      "an index key of a wrong type",
      set("SET g = :v", N(1)),
      invalid("Type mismatch for Index Key g Expected: S Actual: N IndexName: gsi"),
    ],
    [
      "an index key by addition",
      set("ADD g :v", N(1)),
      invalid("Type mismatch for Index Key g Expected: S Actual: N IndexName: gsi"),
    ],
    [
      "an index key by append",
      set("SET l = list_append(l, :v)", { L: [] }),
      invalid("Type mismatch for Index Key l Expected: S Actual: L IndexName: lsi"),
    ],
    [
      "an empty index key",
      set("SET g = :v", S("")),
      notValid(
        "The update expression attempted to update a secondary index key to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty string value.",
      ),
    ],
    [
      "a path into an index key",
      set("SET g.x = :v", S("a")),
      "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: IndexKey: g",
    ],
    [
      "an index key from another attribute",
      set("SET g = misc"),
      "The update expression attempted to update the secondary index key to unsupported type",
    ],
    [
      "missing attributes",
      set("SET a = missing2"),
      "The provided expression refers to an attribute that does not exist in the item",
    ],
    ["size", set("SET big = :v", S("a".repeat(409_600))), "Item size to update has exceeded the maximum allowed size"],
  ];
  for (const [name, input, message] of cases) {
    it(`refuses: ${name}`, async () => {
      await dynamo.put("range", { pk: S("u"), sk: S("1"), misc: N(5) });
      await dynamo.refuses("UpdateItem", input, message);
      assert.deepEqual(await dynamo.get("range", table.Key), { pk: S("u"), sk: S("1"), misc: N(5) });
    });
  }
  // Measured on AWS: dynamodb-conformance, tests/tier3/limits/itemSizeBySurface.test.ts (2026-08-19).
  const ceilings: [string, string, AttributeMap, object, number][] = [
    ["one SET at a short key", "SET b = :v", {}, {}, 409_600 - 19],
    ["an attribute left alone", "SET b = :v", { u: S("yyyyyyyyyy") }, {}, 409_600 - 8],
    ["a second SET", "SET b = :v, c = :c", {}, { ":c": S("y") }, 409_600 - 38],
    ["a REMOVE besides", "SET b = :v REMOVE r", { r: S("z") }, {}, 409_600 - 21],
  ];
  for (const [name, UpdateExpression, kept, more, ceiling] of ceilings) {
    it(`measures what it writes: ${name}`, async () => {
      const Key = { pk: S("K") };
      const rest = 3 + ("u" in kept ? 11 : 0) + (":c" in more ? 2 : 0) + 1;
      const input = (bytes: number) => ({
        TableName: "hash",
        Key,
        UpdateExpression,
        ExpressionAttributeValues: { ":v": S("a".repeat(bytes - rest)), ...more },
      });
      for (const bytes of [ceiling + 1, ceiling]) {
        await dynamo.put("hash", { ...Key, ...kept });
        if (bytes > ceiling)
          await dynamo.refuses("UpdateItem", input(bytes), "Item size to update has exceeded the maximum allowed size");
        else await dynamo.call("UpdateItem", input(bytes));
      }
      await dynamo.call("DeleteItem", { TableName: "hash", Key });
    });
  }
  it("creates the item that is not there, even without an update", async () => {
    await dynamo.call("DeleteItem", table);
    assert.deepEqual(await dynamo.call("UpdateItem", table), {});
    assert.deepEqual(await dynamo.get("range", table.Key), table.Key);
    await dynamo.call("DeleteItem", table);
    await dynamo.call("UpdateItem", set("SET a = if_not_exists(a, :v)", N(1)));
    assert.deepEqual(await dynamo.get("range", table.Key), { ...table.Key, a: N(1) });
  });
  it("counts in one go", async () => {
    await dynamo.call("DeleteItem", table);
    await Promise.all(Array.from({ length: 20 }, () => dynamo.call("UpdateItem", set("ADD hits :v", N("0.1")))));
    assert.deepEqual((await dynamo.get("range", table.Key))!["hits"], N(2));
  });
  it("refuses levels beyond the 32nd, however they were made", async () => {
    await dynamo.put("range", {
      ...table.Key,
      m: Array.from({ length: 30 }).reduce<any>((inner) => ({ M: { n: inner } }), { M: {} }),
    });
    const path = `m${".n".repeat(30)}.deep`;
    await dynamo.call("UpdateItem", set(`SET ${path} = :v`, { M: {} }));
    await dynamo.refuses(
      "UpdateItem",
      set(`SET ${path} = :v`, { M: { x: { M: {} } } }),
      /^Nesting Levels have exceeded supported limits/,
    );
  });

  const before: AttributeMap = { ...table.Key, a: N(1), m: { M: { x: N(1), y: N(2) } }, l: S("keep") };
  const returns: [string, string, AttributeMap | undefined][] = [
    ["NONE", "SET a = :v", undefined],
    ["ALL_OLD", "SET a = :v", before],
    ["ALL_NEW", "SET a = :v", { ...before, a: N(9) }],
    ["UPDATED_OLD", "SET a = :v, b = :v", { a: N(1) }],
    ["UPDATED_NEW", "SET a = :v, b = :v", { a: N(9), b: N(9) }],
    ["UPDATED_OLD", "SET m.x = :v", { m: { M: { x: N(1) } } }],
    ["UPDATED_NEW", "SET m.x = :v REMOVE a", { m: { M: { x: N(9) } } }],
    ["UPDATED_NEW", "REMOVE a SET b = :v", { b: N(9) }],
  ];
  for (const [ReturnValues, UpdateExpression, expected] of returns) {
    it(`gives ${ReturnValues} of ${UpdateExpression}`, async () => {
      await dynamo.put("range", before);
      const output = await dynamo.call("UpdateItem", { ...set(UpdateExpression, N(9)), ReturnValues });
      assert.deepEqual(output.Attributes, expected);
    });
  }
  it("gives nothing old of what was not there", async () => {
    for (const ReturnValues of ["ALL_OLD", "UPDATED_OLD"]) {
      await dynamo.call("DeleteItem", table);
      assert.deepEqual(await dynamo.call("UpdateItem", { ...set("SET a = :v", N(9)), ReturnValues }), {});
    }
  });
  it("takes names that JavaScript treats specially", async () => {
    await dynamo.call("DeleteItem", table);
    for (const name of ["__proto__", "constructor", "hasOwnProperty"]) {
      await dynamo.call("UpdateItem", { ...set("SET #n = :v", N(1)), ExpressionAttributeNames: { "#n": name } });
      await dynamo.call("UpdateItem", { ...set("ADD #n :v", N(1)), ExpressionAttributeNames: { "#n": name } });
    }
    assert.equal(
      JSON.stringify(await dynamo.get("range", table.Key)),
      '{"pk":{"S":"u"},"sk":{"S":"1"},"__proto__":{"N":"2"},"constructor":{"N":"2"},"hasOwnProperty":{"N":"2"}}',
    );
  });

  describe("AttributeUpdates", () => {
    const refused: [string, object, string][] = [
      [
        "no value",
        { a: { Action: "PUT" } },
        invalid("Only DELETE action is allowed when no attribute value is specified"),
      ],
      [
        "DELETE of a scalar",
        { a: { Action: "DELETE", Value: N(1) } },
        invalid("DELETE action with value is not supported for the type N"),
      ],
      ["ADD of text", { a: { Action: "ADD", Value: S("a") } }, invalid("ADD action is not supported for the type S")],
      [
        "action of no kind",
        { a: { Action: "HI", Value: S("a") } },
        errors(constraint("HI", "attributeUpdates.a.member.action", enumeration("ADD", "PUT", "DELETE"))),
      ],
      ["the key", { pk: { Value: S("a") } }, invalid("Cannot update attribute pk. This attribute is part of the key")],
      ["another type", { s: { Action: "ADD", Value: N(1) } }, "Type mismatch for attribute to update"],
    ];
    for (const [name, AttributeUpdates, message] of refused) {
      it(`refuses: ${name}`, async () => {
        await dynamo.put("range", { ...table.Key, s: S("text") });
        await dynamo.refuses("UpdateItem", { ...table, AttributeUpdates }, message);
      });
    }
    it("puts, adds and deletes", async () => {
      await dynamo.put("range", {
        ...table.Key,
        n: N(1),
        ss: { SS: ["a", "b"] },
        x: S("x"),
        y: S("y"),
        list: { L: [N(1)] },
      });
      const { Attributes } = await dynamo.call("UpdateItem", {
        ...table,
        AttributeUpdates: {
          n: { Action: "ADD", Value: N(2) },
          ss: { Action: "DELETE", Value: { SS: ["a"] } },
          x: { Action: "DELETE" },
          y: { Value: S("z") },
          list: { Action: "ADD", Value: { L: [N(2)] } },
          fresh: { Action: "ADD", Value: { NS: ["1"] } },
        },
        ReturnValues: "ALL_NEW",
      });
      assert.deepEqual(Attributes, {
        ...table.Key,
        n: N(3),
        ss: { SS: ["b"] },
        y: S("z"),
        list: { L: [N(1), N(2)] },
        fresh: { NS: ["1"] },
      });
    });
  });
});

describe("DeleteItem", () => {
  const table = { TableName: "hash", Key: { pk: S("d") } };
  it("deletes, and gives the item when asked", async () => {
    await dynamo.put("hash", { pk: S("d"), v: N(1) });
    assert.deepEqual(await dynamo.call("DeleteItem", { ...table, ReturnValues: "ALL_OLD" }), {
      Attributes: { pk: S("d"), v: N(1) },
    });
    assert.deepEqual(await dynamo.call("DeleteItem", { ...table, ReturnValues: "ALL_OLD" }), {});
    assert.equal(await dynamo.get("hash", table.Key), undefined);
  });
  it("refuses any but ALL_OLD and NONE", () =>
    dynamo.refuses(
      "DeleteItem",
      { ...table, ReturnValues: "UPDATED_NEW" },
      "ReturnValues can only be ALL_OLD or NONE",
    ));
  it("deletes under a condition", async () => {
    const condition = { ConditionExpression: "v > :v", ExpressionAttributeValues: { ":v": N(1) } };
    await dynamo.refuses(
      "DeleteItem",
      { ...table, ...condition },
      "The conditional request failed",
      "ConditionalCheckFailedException",
    );
    await dynamo.put("hash", { pk: S("d"), v: N(2) });
    await dynamo.call("DeleteItem", { ...table, ...condition });
    assert.equal(await dynamo.get("hash", table.Key), undefined);
  });
});

describe("what writing costs", () => {
  // Captured on AWS: dynamodb-conformance, tests/tier1/putItem/indexConsumedCapacity.test.ts (2026-08-12).
  const key = { pk: S("cost"), sk: S("1") };
  const full: AttributeMap = { ...key, g: S("g1"), n: N(1), l: S("l1"), inc: S("i"), misc: S("o") };
  const put = async (Item: AttributeMap) =>
    (await dynamo.call("PutItem", { TableName: "range", Item, ReturnConsumedCapacity: "INDEXES" })).ConsumedCapacity!;
  const update = async (UpdateExpression: string, value?: object) =>
    (
      await dynamo.call("UpdateItem", {
        TableName: "range",
        Key: key,
        UpdateExpression,
        ...(value && { ExpressionAttributeValues: { ":v": value } }),
        ReturnConsumedCapacity: "INDEXES",
      })
    ).ConsumedCapacity!;
  const fresh = () => dynamo.call("DeleteItem", { TableName: "range", Key: key });
  const unit = { CapacityUnits: 1 };

  it("is reported for the table and each index that changed", async () => {
    await fresh();
    assert.deepEqual(await put(full), {
      TableName: "range",
      CapacityUnits: 5,
      Table: unit,
      LocalSecondaryIndexes: { lsi: unit, lsik: unit },
      GlobalSecondaryIndexes: { gsi: unit, gsir: unit },
    });
    assert.deepEqual(await put(full), { TableName: "range", CapacityUnits: 1, Table: unit });
    await fresh();
    assert.deepEqual(await put({ ...key, misc: S("o") }), { TableName: "range", CapacityUnits: 1, Table: unit });
  });
  it("is nothing for what an index does not hold", async () => {
    await put(full);
    assert.deepEqual(await update("SET misc = :v", S("p")), {
      TableName: "range",
      CapacityUnits: 3,
      Table: unit,
      LocalSecondaryIndexes: { lsi: unit },
      GlobalSecondaryIndexes: { gsi: unit },
    });
    assert.deepEqual((await update("SET inc = :v", S("j"))).GlobalSecondaryIndexes, { gsi: unit, gsir: unit });
  });
  it("is two for an entry that moves, and one for one that goes", async () => {
    await put(full);
    assert.deepEqual((await update("SET g = :v", S("g2"))).GlobalSecondaryIndexes, {
      gsi: { CapacityUnits: 2 },
      gsir: { CapacityUnits: 2 },
    });
    assert.deepEqual((await update("REMOVE g")).GlobalSecondaryIndexes, { gsi: unit, gsir: unit });
    assert.deepEqual((await update("SET l = :v", S("l2"))).LocalSecondaryIndexes, {
      lsi: { CapacityUnits: 2 },
      lsik: { CapacityUnits: 2 },
    });
  });
  it("is the larger of before and after", async () => {
    const units = async (Item: AttributeMap) =>
      (await dynamo.call("PutItem", { TableName: "hash", Item, ReturnConsumedCapacity: "TOTAL" })).ConsumedCapacity;
    const big = { pk: S("cost"), data: S("a".repeat(2048)) };
    assert.deepEqual(await units(big), { TableName: "hash", CapacityUnits: 3 });
    assert.deepEqual(await units({ pk: S("cost") }), { TableName: "hash", CapacityUnits: 3 });
    assert.deepEqual(await units({ pk: S("cost") }), { TableName: "hash", CapacityUnits: 1 });
    const deleted = await dynamo.call("DeleteItem", {
      TableName: "hash",
      Key: { pk: S("nobody") },
      ReturnConsumedCapacity: "TOTAL",
    });
    assert.deepEqual(deleted.ConsumedCapacity, { TableName: "hash", CapacityUnits: 1 });
  });
  it("comes with the collection's size for tables with local indexes", async () => {
    const put = (TableName: string, Item: AttributeMap) =>
      dynamo.call("PutItem", { TableName, Item, ReturnItemCollectionMetrics: "SIZE" });
    assert.deepEqual(await put("range", full), {
      ItemCollectionMetrics: { ItemCollectionKey: { pk: S("cost") }, SizeEstimateRangeGB: [0, 1] },
    });
    assert.deepEqual(await put("hash", { pk: S("a") }), {});
  });
});
