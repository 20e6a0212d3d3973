/** Tables and their indexes. Texts as AWS answers: dynalite's and dynamodb-conformance's public tests, and catalogues of live answers. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { openTestPlatform } from "../../../platform/testing.ts";
import { MemoryEngine } from "../../../storage/engines/memory.ts";
import { key, keysUnder } from "../../../storage/keys.ts";
import { type Dynamo, dynamoOn, keySchema, type Loose, N, openDynamo, S, tableInput } from "../testing.ts";
import type { AttributeMap } from "../values/attribute-value.ts";

let dynamo: Dynamo;
before(async () => {
  dynamo = await openDynamo();
});
after(() => dynamo.platform.close());

const invalid = (text: string) => `One or more parameter values were invalid: ${text}`;
const one = (text: string) => `1 validation error detected: ${text}`;
const simple = (TableName: string) => tableInput(TableName, { pk: "S" }, ["pk"]);
const index = (IndexName: string, keys: string[], more: object = {}) => ({
  IndexName,
  KeySchema: keySchema(keys),
  Projection: { ProjectionType: "ALL" },
  ...more,
});
const provisioned = {
  BillingMode: "PROVISIONED",
  ProvisionedThroughput: { ReadCapacityUnits: 5, WriteCapacityUnits: 6 },
};

describe("CreateTable refuses", () => {
  const table = simple("create");
  const ranged = tableInput("create", { a: "S", b: "S", c: "N" }, ["a", "b"]);
  const cases: [string, object, string][] = [
    [
      "no name",
      { ...table, TableName: undefined },
      "The parameter 'TableName' is required but was not present in the request",
    ],
    [
      "a short name",
      { ...table, TableName: "ab" },
      one("Value 'ab' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 3"),
    ],
    [
      "a long name",
      { ...table, TableName: "a".repeat(256) },
      one(
        `Value '${"a".repeat(256)}' at 'tableName' failed to satisfy constraint: Member must have length less than or equal to 255`,
      ),
    ],
    [
      "a bad name",
      { ...table, TableName: "abc;" },
      one(
        "Value 'abc;' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
      ),
    ],
    [
      "nothing else",
      { TableName: "abc" },
      "2 validation errors detected: Value null at 'attributeDefinitions' failed to satisfy constraint: Member must not be null; Value null at 'keySchema' failed to satisfy constraint: Member must not be null",
    ],
    [
      "a type of no kind",
      { ...table, AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "INVALID" }] },
      one(
        "Value 'INVALID' at 'attributeDefinitions.1.member.attributeType' failed to satisfy constraint: Member must satisfy enum value set: [B, N, S]",
      ),
    ],
    [
      "a key of no kind",
      { ...table, KeySchema: [{ AttributeName: "pk", KeyType: "INVALID" }] },
      one(
        "Value 'INVALID' at 'keySchema.1.member.keyType' failed to satisfy constraint: Member must satisfy enum value set: [HASH, RANGE]",
      ),
    ],
    [
      "no keys",
      { ...table, KeySchema: [] },
      one("Value '[]' at 'keySchema' failed to satisfy constraint: Member must have length greater than or equal to 1"),
    ],
    [
      "three keys",
      { ...ranged, KeySchema: [...keySchema(["a", "b"]), { AttributeName: "c", KeyType: "RANGE" }] },
      one(
        "Value '[KeySchemaElement(attributeName=a, keyType=HASH), KeySchemaElement(attributeName=b, keyType=RANGE), KeySchemaElement(attributeName=c, keyType=RANGE)]' at 'keySchema' failed to satisfy constraint: Member must have length less than or equal to 2",
      ),
    ],
    [
      "throughput of zero",
      { ...table, BillingMode: "PROVISIONED", ProvisionedThroughput: { ReadCapacityUnits: 0, WriteCapacityUnits: -1 } },
      "2 validation errors detected: Value '-1' at 'provisionedThroughput.writeCapacityUnits' failed to satisfy constraint: Member must have value greater than or equal to 1; Value '0' at 'provisionedThroughput.readCapacityUnits' failed to satisfy constraint: Member must have value greater than or equal to 1",
    ],
    [
      "billing of no kind",
      { ...table, BillingMode: "HI" },
      one(
        "Value 'HI' at 'billingMode' failed to satisfy constraint: Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]",
      ),
    ],
    [
      "an index without anything",
      { ...table, GlobalSecondaryIndexes: [{}] },
      "3 validation errors detected: Value null at 'globalSecondaryIndexes.1.member.projection' failed to satisfy constraint: Member must not be null; Value null at 'globalSecondaryIndexes.1.member.indexName' failed to satisfy constraint: Member must not be null; Value null at 'globalSecondaryIndexes.1.member.keySchema' failed to satisfy constraint: Member must not be null",
    ],
    [
      "throughput on demand",
      { ...table, ...provisioned, BillingMode: "PAY_PER_REQUEST" },
      invalid("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"),
    ],
    [
      "no throughput",
      { ...table, BillingMode: undefined },
      invalid("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"),
    ],
    [
      "too much throughput",
      {
        ...table,
        BillingMode: undefined,
        ProvisionedThroughput: { ReadCapacityUnits: 1000000000001, WriteCapacityUnits: 1 },
      },
      "Given value 1000000000001 for ReadCapacityUnits is out of bounds",
    ],
    [
      "an undefined key",
      { ...table, AttributeDefinitions: [] },
      invalid(
        "Some index key attributes are not defined in AttributeDefinitions. Keys: [pk], AttributeDefinitions: []",
      ),
    ],
    [
      "an undefined pair of keys",
      { ...ranged, AttributeDefinitions: [{ AttributeName: "a", AttributeType: "S" }] },
      "Invalid KeySchema: Some index key attribute have no definition",
    ],
    [
      "two equal keys with one definition",
      { ...table, KeySchema: keySchema(["pk", "pk"]) },
      "Invalid KeySchema: Some index key attribute have no definition",
    ],
    [
      "two equal keys",
      { ...ranged, KeySchema: keySchema(["a", "a"]) },
      "Both the Hash Key and the Range Key element in the KeySchema have the same name",
    ],
    [
      "no partition key",
      { ...table, KeySchema: [{ AttributeName: "pk", KeyType: "RANGE" }] },
      "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
    ],
    [
      "two partition keys",
      {
        ...ranged,
        KeySchema: [
          { AttributeName: "a", KeyType: "HASH" },
          { AttributeName: "b", KeyType: "HASH" },
        ],
      },
      "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type",
    ],
    [
      "a definition too many",
      ranged,
      invalid(
        "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions",
      ),
    ],
    [
      "a definition twice",
      { ...table, AttributeDefinitions: [...table.AttributeDefinitions, ...table.AttributeDefinitions] },
      "Attribute Name is duplicated: pk",
    ],
    [
      "an unused definition",
      { ...ranged, GlobalSecondaryIndexes: [index("gsi", ["a"])] },
      invalid("Some AttributeDefinitions are not used. AttributeDefinitions: [a, b, c], keys used: [a, b]"),
    ],
    ["no local indexes", { ...ranged, LocalSecondaryIndexes: [] }, invalid("List of LocalSecondaryIndexes is empty")],
    [
      "no global indexes",
      { ...ranged, GlobalSecondaryIndexes: [] },
      invalid("List of GlobalSecondaryIndexes is empty"),
    ],
    [
      "a local index without a sort key",
      { ...tableInput("create", { a: "S", b: "S" }, ["a"]), LocalSecondaryIndexes: [index("lsi", ["a", "b"])] },
      invalid("Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"),
    ],
    [
      "a local index of one key",
      { ...ranged, LocalSecondaryIndexes: [index("lsi", ["a"])] },
      invalid("Index KeySchema does not have a range key for index: lsi"),
    ],
    [
      "a local index of another partition key",
      { ...ranged, LocalSecondaryIndexes: [index("lsi", ["b", "c"])] },
      invalid(
        "Index KeySchema does not have the same leading hash key as table KeySchema for index: lsi. index hash key: b, table hash key: a",
      ),
    ],
    [
      "an index with an undefined key",
      { ...ranged, LocalSecondaryIndexes: [index("lsi", ["a", "x"])] },
      invalid(
        "Some index key attributes are not defined in AttributeDefinitions. Keys: [a, x], AttributeDefinitions: [a, b, c]",
      ),
    ],
    [
      "no projection type",
      { ...ranged, LocalSecondaryIndexes: [index("lsi", ["a", "c"], { Projection: {} })] },
      invalid("Unknown ProjectionType: null"),
    ],
    [
      "attributes with everything",
      {
        ...ranged,
        LocalSecondaryIndexes: [
          index("lsi", ["a", "c"], { Projection: { ProjectionType: "ALL", NonKeyAttributes: ["x"] } }),
        ],
      },
      invalid("ProjectionType is ALL, but NonKeyAttributes is specified"),
    ],
    [
      "no attributes to include",
      { ...ranged, LocalSecondaryIndexes: [index("lsi", ["a", "c"], { Projection: { ProjectionType: "INCLUDE" } })] },
      invalid("ProjectionType is INCLUDE, but NonKeyAttributes is not specified"),
    ],
    [
      "attributes twice",
      {
        ...ranged,
        LocalSecondaryIndexes: [
          index("lsi", ["a", "c"], { Projection: { ProjectionType: "INCLUDE", NonKeyAttributes: ["x", "x"] } }),
        ],
      },
      invalid("Duplicate element in NonKeyAttributes: x"),
    ],
    [
      "two indexes of one name",
      { ...ranged, LocalSecondaryIndexes: [index("same", ["a", "c"])], GlobalSecondaryIndexes: [index("same", ["a"])] },
      invalid("Duplicate index name: same"),
    ],
    [
      "six local indexes",
      { ...ranged, LocalSecondaryIndexes: Array.from({ length: 6 }, (_, i) => index(`lsi${i}`, ["a", "c"])) },
      invalid("Number of LocalSecondaryIndexes exceeds per-table limit of 5"),
    ],
    [
      "21 global indexes",
      { ...ranged, GlobalSecondaryIndexes: Array.from({ length: 21 }, (_, i) => index(`gsi${i}`, ["a", "c"])) },
      invalid("GlobalSecondaryIndex count exceeds the per-table limit of 20"),
    ],
    [
      "throughput of an index on demand",
      {
        ...ranged,
        GlobalSecondaryIndexes: [index("gsi", ["c"], { ProvisionedThroughput: provisioned.ProvisionedThroughput })],
      },
      invalid("ProvisionedThroughput should not be specified for index: gsi when BillingMode is PAY_PER_REQUEST"),
    ],
    [
      "no throughput of an index",
      { ...ranged, ...provisioned, GlobalSecondaryIndexes: [index("gsi", ["c"])] },
      invalid("ProvisionedThroughput is not specified for index: gsi"),
    ],
    [
      "a stream view without a stream",
      { ...table, StreamSpecification: { StreamEnabled: false, StreamViewType: "NEW_IMAGE" } },
      invalid("Table is being created with a stream disabled, UpdateViewType should not be specified"),
    ],
    [
      "a key that is not used",
      { ...table, SSESpecification: { Enabled: false, KMSMasterKeyId: "k" } },
      invalid("KMSMasterKeyId can not be specified if Enabled is false"),
    ],
    [
      "a tag twice",
      {
        ...table,
        Tags: [
          { Key: "a", Value: "1" },
          { Key: "a", Value: "2" },
        ],
      },
      "Duplicate Tag Keys provided as input: Duplicate Tag Key found a",
    ],
  ];
  for (const [name, input, message] of cases) it(name, () => dynamo.refuses("CreateTable", input, message));
  it("a name that is taken", () =>
    dynamo.refuses("CreateTable", simple("hash"), "Table already exists: hash", "ResourceInUseException"));
  const absent: [string, object, RegExp][] = [
    ["keys of KMS", { SSESpecification: { Enabled: true } }, /SSESpecification/],
    ["resource policies", { ResourcePolicy: "{}" }, /ResourcePolicy/],
    [
      "keys of more than two attributes",
      {
        ...ranged,
        GlobalSecondaryIndexes: [
          index("gsi", ["a"], { KeySchema: [...keySchema(["a", "b"]), { AttributeName: "c", KeyType: "RANGE" }] }),
        ],
      },
      /more than two attributes/,
    ],
  ];
  for (const [name, input, message] of absent) {
    it(`by name: ${name}`, () => dynamo.refuses("CreateTable", { ...table, ...input }, message, "NotImplemented"));
  }
});

describe("a table", () => {
  it("is described as it was made", async () => {
    const input = {
      ...tableInput("described", { a: "S", b: "N", c: "B" }, ["a", "b"]),
      ...provisioned,
      LocalSecondaryIndexes: [
        index("lsi", ["a", "c"], { Projection: { ProjectionType: "INCLUDE", NonKeyAttributes: ["x"] } }),
      ],
      GlobalSecondaryIndexes: [
        index("gsi", ["c"], { ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 2 } }),
      ],
      TableClass: "STANDARD_INFREQUENT_ACCESS",
      DeletionProtectionEnabled: true,
      StreamSpecification: { StreamEnabled: false },
      SSESpecification: { Enabled: false },
    };
    const { TableDescription } = await dynamo.call("CreateTable", input);
    const { Table } = await dynamo.call("DescribeTable", { TableName: "described" });
    assert.equal(TableDescription!.TableStatus, "CREATING");
    assert.equal(TableDescription!.GlobalSecondaryIndexes![0]!.IndexStatus, "CREATING");
    assert.match(Table!.TableId!, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const arn = "arn:aws:dynamodb:us-east-1:000000000000:table/described";
    assert.deepEqual(Table, {
      AttributeDefinitions: input.AttributeDefinitions,
      TableName: "described",
      KeySchema: input.KeySchema,
      TableStatus: "ACTIVE",
      CreationDateTime: new Date(dynamo.platform.clock.nowMs()),
      ProvisionedThroughput: { NumberOfDecreasesToday: 0, ReadCapacityUnits: 5, WriteCapacityUnits: 6 },
      TableSizeBytes: 0,
      ItemCount: 0,
      TableArn: arn,
      TableId: Table!.TableId,
      LocalSecondaryIndexes: [
        { ...input.LocalSecondaryIndexes[0], IndexSizeBytes: 0, ItemCount: 0, IndexArn: `${arn}/index/lsi` },
      ],
      GlobalSecondaryIndexes: [
        {
          ...input.GlobalSecondaryIndexes[0],
          IndexSizeBytes: 0,
          ItemCount: 0,
          IndexArn: `${arn}/index/gsi`,
          IndexStatus: "ACTIVE",
          ProvisionedThroughput: { NumberOfDecreasesToday: 0, ReadCapacityUnits: 1, WriteCapacityUnits: 2 },
        },
      ],
      TableClassSummary: { TableClass: "STANDARD_INFREQUENT_ACCESS" },
      DeletionProtectionEnabled: true,
    });
    assert.deepEqual((await dynamo.call("DescribeTable", { TableName: arn })).Table, Table);
  });
  it("is protected against deletion until it is not", async () => {
    await dynamo.refuses(
      "DeleteTable",
      { TableName: "described" },
      "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.",
    );
    await dynamo.call("UpdateTable", { TableName: "described", DeletionProtectionEnabled: false });
    const { TableDescription } = await dynamo.call("DeleteTable", { TableName: "described" });
    assert.equal(TableDescription!.TableStatus, "DELETING");
    for (const operation of ["DescribeTable", "DeleteTable"] as const) {
      await dynamo.refuses(
        operation,
        { TableName: "described" },
        "Requested resource not found: Table: described not found",
        "ResourceNotFoundException",
      );
    }
  });
  it("counts its items and their bytes, and those of its indexes", async () => {
    await dynamo.call("CreateTable", {
      ...tableInput("counted", { pk: "S", g: "S" }, ["pk"]),
      GlobalSecondaryIndexes: [index("gsi", ["g"], { Projection: { ProjectionType: "KEYS_ONLY" } })],
    });
    const counts = async () => {
      const { Table } = await dynamo.call("DescribeTable", { TableName: "counted" });
      const [gsi] = Table!.GlobalSecondaryIndexes!;
      return [Table!.ItemCount, Table!.TableSizeBytes, gsi!.ItemCount, gsi!.IndexSizeBytes];
    };
    await dynamo.put("counted", { pk: S("a"), g: S("g"), data: S("12345") }, { pk: S("b") });
    assert.deepEqual(await counts(), [2, 17, 1, 5]);
    await dynamo.put("counted", { pk: S("a"), data: S("1") }, { pk: S("b"), g: S("gg") });
    assert.deepEqual(await counts(), [2, 14, 1, 6]);
    for (const pk of ["a", "b", "c"]) await dynamo.call("DeleteItem", { TableName: "counted", Key: { pk: S(pk) } });
    assert.deepEqual(await counts(), [0, 0, 0, 0]);
  });
  it("leaves nothing behind, and a new one of its name begins empty", async () => {
    const engine = new MemoryEngine();
    const own = dynamoOn(await openTestPlatform({ engine }));
    const input = {
      ...tableInput("swept", { pk: "S", g: "S" }, ["pk"]),
      GlobalSecondaryIndexes: [index("gsi", ["g"])],
    };
    await own.call("CreateTable", { ...input, Tags: [{ Key: "a", Value: "b" }] });
    await own.call("UpdateTimeToLive", {
      TableName: "swept",
      TimeToLiveSpecification: { Enabled: true, AttributeName: "ttl" },
    });
    for (let i = 0; i < 600; i += 25) {
      await own.call("BatchWriteItem", {
        RequestItems: {
          swept: Array.from({ length: 25 }, (_, j) => ({
            PutRequest: { Item: { pk: S(`${i + j}`), g: S("g"), ttl: N(4_000_000_000) } },
          })),
        },
      });
    }
    await own.call("DeleteTable", { TableName: "swept" });
    await own.call("CreateTable", input);
    assert.deepEqual(await own.all("swept"), []);
    assert.deepEqual(await own.all("swept", "gsi"), []);
    await own.put("swept", { pk: S("new"), g: S("g") });
    await own.platform.settle();
    assert.deepEqual(await own.all("swept"), [{ pk: S("new"), g: S("g") }]);
    await own.call("DeleteTable", { TableName: "swept" });
    await own.platform.settle();
    const { start, end } = keysUnder("dynamodb");
    const left = [...engine.range(start, end, {})].map(([found]) => found);
    assert.deepEqual(left, [key("dynamodb", "000000000000", "us-east-1", "number")]);
    await own.platform.close();
  });
  it("belongs to its account and region", async () => {
    const other = { accountId: "111111111111" as never };
    await dynamo.platform.call("dynamodb", "CreateTable", simple("hash") as never, other);
    await dynamo.platform.call("dynamodb", "PutItem", { TableName: "hash", Item: { pk: S("theirs") } }, other);
    assert.equal(await dynamo.get("hash", { pk: S("theirs") }), undefined);
    await assert.rejects(
      dynamo.platform.call("dynamodb", "DescribeTable", { TableName: "hash" }, { region: "eu-west-1" as never }),
      { code: "ResourceNotFoundException" },
    );
  });
});

describe("ListTables", () => {
  it("gives names in order, page by page", async () => {
    const own = dynamoOn(await openTestPlatform());
    for (const name of ["ccc", "a.b", "aaa", "Zzz"]) await own.call("CreateTable", simple(name));
    assert.deepEqual(await own.call("ListTables", {}), { TableNames: ["Zzz", "a.b", "aaa", "ccc"] });
    assert.deepEqual(await own.call("ListTables", { Limit: 3 }), {
      TableNames: ["Zzz", "a.b", "aaa"],
      LastEvaluatedTableName: "aaa",
    });
    assert.deepEqual(await own.call("ListTables", { ExclusiveStartTableName: "aaa" }), { TableNames: ["ccc"] });
    assert.deepEqual(await own.call("ListTables", { ExclusiveStartTableName: "aab", Limit: 1 }), {
      TableNames: ["ccc"],
    });
    assert.deepEqual(await own.call("ListTables", { ExclusiveStartTableName: "zzz" }), { TableNames: [] });
    await own.platform.close();
  });
  it("refuses wrong limits", async () => {
    await dynamo.refuses(
      "ListTables",
      { Limit: 0 },
      one("Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"),
    );
    await dynamo.refuses(
      "ListTables",
      { Limit: 101 },
      one("Value '101' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 100"),
    );
    await dynamo.refuses("ListTables", { ExclusiveStartTableName: "a;" }, /^2 validation errors detected/);
  });
});

describe("UpdateTable", () => {
  before(async () => {
    await dynamo.call("CreateTable", { ...simple("demand") });
    await dynamo.call("CreateTable", {
      ...tableInput("prov", { pk: "S", sk: "S", g: "S" }, ["pk", "sk"]),
      ...provisioned,
      LocalSecondaryIndexes: [index("lsi", ["pk", "g"])],
      GlobalSecondaryIndexes: [
        index("gsi", ["g"], { ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 } }),
      ],
    });
  });
  const create = (name: string, keys: string[], more: object = {}) => ({
    GlobalSecondaryIndexUpdates: [{ Create: index(name, keys, more) }],
    AttributeDefinitions: keys.map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
  });
  const units = (ReadCapacityUnits: number, WriteCapacityUnits: number) => ({
    ProvisionedThroughput: { ReadCapacityUnits, WriteCapacityUnits },
  });
  const cases: [string, Loose<"UpdateTable">, string, string?][] = [
    [
      "nothing",
      { TableName: "demand" },
      "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required",
    ],
    [
      "no index updates",
      { TableName: "demand", GlobalSecondaryIndexUpdates: [] },
      invalid("List of GlobalSecondaryIndexUpdates is empty"),
    ],
    [
      "short name",
      { TableName: "ab", ...units(1, 1) },
      one("Value 'ab' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 3"),
    ],
    [
      "unknown table",
      { TableName: "gone", ...units(1, 1) },
      "Requested resource not found: Table: gone not found",
      "ResourceNotFoundException",
    ],
    [
      "protection with something",
      { TableName: "prov", DeletionProtectionEnabled: true, ...units(1, 1) },
      invalid("DeletionProtection modification must be the only operation in the request"),
    ],
    [
      "class with something",
      { TableName: "prov", TableClass: "STANDARD", ...units(1, 1) },
      invalid("TableClass modification must be the only operation in the request"),
    ],
    [
      "class of no kind",
      { TableName: "prov", TableClass: "GLACIER" },
      one(
        "Value 'GLACIER' at 'tableClass' failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, STANDARD_INFREQUENT_ACCESS]",
      ),
    ],
    [
      "encryption by default",
      { TableName: "prov", SSESpecification: { Enabled: false } },
      invalid("Table is already encrypted by default"),
    ],
    [
      "no stream to disable",
      { TableName: "prov", StreamSpecification: { StreamEnabled: false } },
      "Table has no stream to disable: TableName: prov",
    ],
    [
      "throughput on demand",
      { TableName: "demand", ...units(1, 1) },
      invalid("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"),
    ],
    [
      "throughput and on demand",
      { TableName: "prov", BillingMode: "PAY_PER_REQUEST", ...units(1, 1) },
      invalid("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"),
    ],
    [
      "provisioned without throughput",
      { TableName: "demand", BillingMode: "PROVISIONED" },
      invalid("ProvisionedThroughput must be specified when BillingMode is PROVISIONED"),
    ],
    [
      "the same throughput",
      { TableName: "prov", ...units(5, 6) },
      "The provisioned throughput for the table will not change. The requested value equals the current value. Current ReadCapacityUnits provisioned for the table: 5. Requested ReadCapacityUnits: 5. Current WriteCapacityUnits provisioned for the table: 6. Requested WriteCapacityUnits: 6. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.",
    ],
    [
      "throughput of no index",
      { TableName: "prov", GlobalSecondaryIndexUpdates: [{ Update: { IndexName: "none", ...units(1, 1) } }] },
      "Requested resource not found: Index: none not found",
      "ResourceNotFoundException",
    ],
    [
      "throughput of a local index",
      { TableName: "prov", GlobalSecondaryIndexUpdates: [{ Update: { IndexName: "lsi", ...units(1, 1) } }] },
      "Cannot update an index that is not a GlobalSecondaryIndex: lsi",
    ],
    [
      "no action",
      { TableName: "prov", GlobalSecondaryIndexUpdates: [{}] },
      invalid(
        "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must not be null",
      ),
    ],
    [
      "two actions",
      {
        TableName: "prov",
        GlobalSecondaryIndexUpdates: [{ Delete: { IndexName: "gsi" }, Update: { IndexName: "gsi", ...units(1, 1) } }],
      },
      invalid("Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object"),
    ],
    [
      "one index twice",
      {
        TableName: "prov",
        GlobalSecondaryIndexUpdates: [{ Delete: { IndexName: "gsi" } }, { Delete: { IndexName: "gsi" } }],
      },
      invalid("Only one global secondary index update per index is allowed simultaneously. Index: gsi"),
    ],
    [
      "an index that is there",
      { TableName: "demand2", ...create("gsi", ["g"]) },
      "Attempting to create an index which already exists",
    ],
    [
      "an index without definitions",
      { TableName: "demand", ...create("gsi", ["g"]), AttributeDefinitions: undefined },
      invalid("AttributeDefinitions is not specified for index: gsi"),
    ],
    [
      "an index with an undefined key",
      { TableName: "demand", ...create("gsi", ["g"]), AttributeDefinitions: [] },
      invalid("Some index key attributes are not defined in AttributeDefinitions. Keys: [g], AttributeDefinitions: []"),
    ],
    [
      "an index without throughput",
      { TableName: "prov", ...create("fresh", ["g"]) },
      invalid("ProvisionedThroughput must be specified for index: fresh"),
    ],
    [
      "an index with throughput on demand",
      { TableName: "demand", ...create("fresh", ["g"], units(1, 1)) },
      invalid(
        "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: fresh when BillingMode is PAY_PER_REQUEST",
      ),
    ],
    [
      "deleting no index",
      { TableName: "demand", GlobalSecondaryIndexUpdates: [{ Delete: { IndexName: "none" } }] },
      "Requested resource not found: Index: none not found",
      "ResourceNotFoundException",
    ],
    [
      "deleting a local index",
      { TableName: "prov", GlobalSecondaryIndexUpdates: [{ Delete: { IndexName: "lsi" } }] },
      "Cannot delete an index that is not a GlobalSecondaryIndex: lsi",
    ],
    [
      "two indexes at once",
      {
        TableName: "demand",
        GlobalSecondaryIndexUpdates: [
          ...create("one", ["g"]).GlobalSecondaryIndexUpdates,
          ...create("two", ["g"]).GlobalSecondaryIndexUpdates,
        ],
      },
      "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
      "LimitExceededException",
    ],
    [
      "a stream of nothing in particular",
      { TableName: "demand", StreamSpecification: { StreamEnabled: true } },
      "One or more parameter values were invalid: If stream is being enabled then UpdateViewType is required",
    ],
  ];
  before(() =>
    dynamo.call("CreateTable", {
      ...tableInput("demand2", { pk: "S", g: "S" }, ["pk"]),
      GlobalSecondaryIndexes: [index("gsi", ["g"])],
    }),
  );
  for (const [name, input, message, code] of cases)
    it(`refuses: ${name}`, () => dynamo.refuses("UpdateTable", input, message, code));

  it("changes throughput and billing, and says since when", async () => {
    const nowMs = dynamo.platform.clock.nowMs();
    const { TableDescription } = await dynamo.call("UpdateTable", {
      TableName: "prov",
      ...units(10, 3),
      GlobalSecondaryIndexUpdates: [{ Update: { IndexName: "gsi", ...units(2, 2) } }],
    });
    assert.equal(TableDescription!.TableStatus, "UPDATING");
    const described = async () => (await dynamo.call("DescribeTable", { TableName: "prov" })).Table!;
    const table = await described();
    assert.equal(table.TableStatus, "ACTIVE");
    assert.deepEqual(table.ProvisionedThroughput, {
      LastIncreaseDateTime: new Date(nowMs),
      LastDecreaseDateTime: new Date(nowMs),
      NumberOfDecreasesToday: 0,
      ReadCapacityUnits: 10,
      WriteCapacityUnits: 3,
    });
    assert.equal(table.GlobalSecondaryIndexes![0]!.ProvisionedThroughput!.ReadCapacityUnits, 2);
    await dynamo.call("UpdateTable", { TableName: "prov", BillingMode: "PAY_PER_REQUEST" });
    const onDemand = await described();
    assert.deepEqual(onDemand.BillingModeSummary, {
      BillingMode: "PAY_PER_REQUEST",
      LastUpdateToPayPerRequestDateTime: new Date(nowMs),
    });
    assert.equal(onDemand.GlobalSecondaryIndexes![0]!.ProvisionedThroughput!.ReadCapacityUnits, 0);
    await dynamo.call("UpdateTable", { TableName: "prov", BillingMode: "PAY_PER_REQUEST" });
    await dynamo.refuses(
      "UpdateTable",
      { TableName: "prov", BillingMode: "PROVISIONED", ...units(1, 1) },
      invalid("ProvisionedThroughput must be specified for index: gsi"),
    );
    await dynamo.call("UpdateTable", {
      TableName: "prov",
      BillingMode: "PROVISIONED",
      ...units(1, 1),
      GlobalSecondaryIndexUpdates: [{ Update: { IndexName: "gsi", ...units(1, 1) } }],
    });
    assert.equal((await described()).BillingModeSummary!.BillingMode, "PROVISIONED");
  });
  it("changes the class of a table", async () => {
    await dynamo.call("UpdateTable", { TableName: "prov", TableClass: "STANDARD_INFREQUENT_ACCESS" });
    const { Table } = await dynamo.call("DescribeTable", { TableName: "prov" });
    assert.deepEqual(Table!.TableClassSummary, {
      TableClass: "STANDARD_INFREQUENT_ACCESS",
      LastUpdateDateTime: new Date(dynamo.platform.clock.nowMs()),
    });
  });
});

describe("an index made later", () => {
  const update = {
    TableName: "late",
    AttributeDefinitions: [{ AttributeName: "g", AttributeType: "S" }],
    GlobalSecondaryIndexUpdates: [{ Create: index("gsi", ["g"]) }],
  };
  const query = (own: Dynamo) =>
    own.call("Query", {
      TableName: "late",
      IndexName: "gsi",
      KeyConditionExpression: "g = :g",
      ExpressionAttributeValues: { ":g": S("x") },
      Select: "COUNT",
    });
  async function withItems(): Promise<Dynamo> {
    const own = dynamoOn(await openTestPlatform());
    await own.call("CreateTable", simple("late"));
    for (let i = 0; i < 500; i++) {
      await own.put("late", { pk: S(`p${i}`), ...(i % 5 === 0 ? {} : i % 5 === 1 ? { g: N(1) } : { g: S("x") }) });
    }
    return own;
  }
  it("is filled with what is there, step by step, while writes go on", async () => {
    const own = await withItems();
    // All in one batch: the index is there, and nothing of it is filled yet.
    const made = own.call("UpdateTable", update);
    const batch = [
      own.call("DeleteItem", { TableName: "late", Key: { pk: S("p2") } }),
      own.call("DeleteItem", { TableName: "late", Key: { pk: S("p498") } }),
      ...[
        { pk: S("p0"), g: S("x") },
        { pk: S("p3"), g: S("x") },
        { pk: S("p497"), g: S("y") },
        { pk: S("p499") },
        { pk: S("new"), g: S("x") },
      ].map((item) => own.put("late", item as AttributeMap)),
      own.refuses(
        "UpdateTable",
        { ...update, GlobalSecondaryIndexUpdates: [{ Create: index("two", ["g"]) }] },
        /Only 1 online index/,
        "LimitExceededException",
      ),
      own.refuses(
        "Scan",
        { TableName: "late", IndexName: "gsi" },
        "Cannot read from backfilling global secondary index: gsi",
      ),
    ];
    const { TableDescription } = await made;
    const [filling] = TableDescription!.GlobalSecondaryIndexes!;
    assert.deepEqual([filling!.IndexStatus, filling!.Backfilling], ["CREATING", true]);
    await Promise.all(batch);
    await own.put("late", { pk: S("later"), g: S("x") });
    await own.platform.settle();
    const { Table } = await own.call("DescribeTable", { TableName: "late" });
    assert.deepEqual([Table!.TableStatus, Table!.GlobalSecondaryIndexes![0]!.IndexStatus], ["ACTIVE", "ACTIVE"]);
    const expected = (await own.all("late")).filter((item) => item["g"]?.S !== undefined);
    const entries = await own.all("late", "gsi");
    assert.deepEqual(new Set(entries.map((item) => item["pk"]!.S)), new Set(expected.map((item) => item["pk"]!.S)));
    assert.equal(Table!.GlobalSecondaryIndexes![0]!.ItemCount, entries.length);
    assert.equal((await query(own)).Count, entries.length - 1);
    assert.deepEqual(
      Table!.AttributeDefinitions!.map(({ AttributeName }) => AttributeName),
      ["pk", "g"],
    );
    await own.platform.close();
  });
  it("goes with its entries, and can be made anew", async () => {
    const own = await withItems();
    await own.call("UpdateTable", update);
    await own.platform.settle();
    const { TableDescription } = await own.call("UpdateTable", {
      TableName: "late",
      GlobalSecondaryIndexUpdates: [{ Delete: { IndexName: "gsi" } }],
    });
    assert.equal(TableDescription!.GlobalSecondaryIndexes, undefined);
    assert.deepEqual(TableDescription!.AttributeDefinitions!.length, 1);
    await own.refuses(
      "Query",
      {
        TableName: "late",
        IndexName: "gsi",
        KeyConditionExpression: "g = :g",
        ExpressionAttributeValues: { ":g": S("x") },
      },
      "The table does not have the specified index: gsi",
    );
    await own.call("UpdateTable", update);
    await own.platform.settle();
    assert.equal((await query(own)).Count, 300);
    await own.platform.close();
  });
});

describe("tags", () => {
  const ResourceArn = "arn:aws:dynamodb:us-east-1:000000000000:table/tagged";
  before(() => dynamo.call("CreateTable", { ...simple("tagged"), Tags: [{ Key: "made", Value: "with" }] }));
  const cases: [string, "TagResource" | "UntagResource" | "ListTagsOfResource", object, string, string?][] = [
    ["no ARN", "ListTagsOfResource", {}, "Invalid TableArn"],
    ["no ARN at all", "ListTagsOfResource", { ResourceArn: "abc" }, invalid("ARNs must start with 'arn:': abc")],
    [
      "an ARN of another service",
      "ListTagsOfResource",
      { ResourceArn: "arn:aws:sqs:us-east-1:000000000000:q" },
      invalid("Provided Arn is not a DynamoDB resource arn: arn:aws:sqs:us-east-1:000000000000:q"),
    ],
    [
      "an ARN of an index",
      "ListTagsOfResource",
      { ResourceArn: `${ResourceArn}/index/a` },
      invalid(
        `Invalid resource arn provided, only table or stream is accepted. Provided resource arn: ${ResourceArn}/index/a`,
      ),
    ],
    [
      "an unknown table",
      "ListTagsOfResource",
      { ResourceArn: `${ResourceArn}x` },
      `Requested resource not found: ResourcArn: ${ResourceArn}x not found`,
      "ResourceNotFoundException",
    ],
    ["no tags", "TagResource", { ResourceArn, Tags: [] }, "Atleast one Tag needs to be provided as Input."],
    ["no keys", "UntagResource", { ResourceArn, TagKeys: [] }, "Atleast one Tag Key needs to be provided as Input."],
    [
      "an empty key",
      "TagResource",
      { ResourceArn, Tags: [{ Key: "", Value: "a" }] },
      "The Tag Key provided is invalid, Key: ",
    ],
    [
      "no value",
      "TagResource",
      { ResourceArn, Tags: [{ Key: "a" }] },
      "The Tag Value provided is invalid, Value: null",
    ],
    [
      "a key of AWS",
      "TagResource",
      { ResourceArn, Tags: [{ Key: "aws:a", Value: "a" }] },
      "Tag Key cannot be prefixed with aws:, Key: aws:a",
    ],
    [
      "51 tags",
      "TagResource",
      { ResourceArn, Tags: Array.from({ length: 50 }, (_, i) => ({ Key: `k${i}`, Value: "" })) },
      "Number of Tags exceed the current limit for the provided ResourceArn",
    ],
  ];
  for (const [name, operation, input, message, code] of cases)
    it(`refuse: ${name}`, () => dynamo.refuses(operation, input, message, code));
  it("are set, replaced and taken away", async () => {
    const tags = async () => (await dynamo.call("ListTagsOfResource", { ResourceArn })).Tags;
    assert.deepEqual(await tags(), [{ Key: "made", Value: "with" }]);
    await dynamo.call("TagResource", {
      ResourceArn,
      Tags: [
        { Key: "made", Value: "new" },
        { Key: "b", Value: "" },
      ],
    });
    assert.deepEqual(await tags(), [
      { Key: "made", Value: "new" },
      { Key: "b", Value: "" },
    ]);
    await dynamo.call("UntagResource", { ResourceArn, TagKeys: ["made", "b", "none"] });
    assert.deepEqual(await tags(), []);
  });
});

describe("what clients ask before they begin", () => {
  it("limits and endpoints", async () => {
    assert.equal((await dynamo.call("DescribeLimits", {})).TableMaxReadCapacityUnits, 40_000);
    assert.deepEqual(await dynamo.call("DescribeEndpoints", {}), {
      Endpoints: [{ Address: "localhost:4566", CachePeriodInMinutes: 1440 }],
    });
  });
  for (const operation of [
    "ExecuteStatement",
    "CreateBackup",
    "CreateGlobalTable",
    "ExportTableToPointInTime",
    "DescribeContinuousBackups",
  ] as const) {
    it(`${operation} is refused by name`, () =>
      dynamo.refuses(operation, {}, new RegExp(`dynamodb:${operation}`), "NotImplemented"));
  }
});
