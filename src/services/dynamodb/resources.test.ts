/** AWS::DynamoDB::Table, as stacks make, change and delete it. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { openTestPlatform } from "../../platform/testing.ts";
import { type Dynamo, dynamoOn, keySchema, N, S } from "./testing.ts";

let dynamo: Dynamo;
beforeEach(async () => {
  dynamo = dynamoOn(await openTestPlatform());
});
afterEach(() => dynamo.platform.close());

type Properties = Record<string, unknown>;

const BASE: Properties = {
  AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
  KeySchema: keySchema(["pk"]),
  BillingMode: "PAY_PER_REQUEST",
};
const global = (IndexName: string, more: Properties = {}) => ({
  IndexName,
  KeySchema: keySchema(["g"]),
  Projection: { ProjectionType: "ALL" },
  ...more,
});
const WITH_G = { AttributeDefinitions: ["pk", "g"].map((AttributeName) => ({ AttributeName, AttributeType: "S" })) };

async function deploy(
  properties: Properties,
  operation: "CreateStack" | "UpdateStack" = "CreateStack",
  hasStream = false,
) {
  await dynamo.platform.call("cloudformation", operation, {
    StackName: "app",
    TemplateBody: JSON.stringify({
      Resources: { Table: { Type: "AWS::DynamoDB::Table", Properties: properties } },
      Outputs: {
        Name: { Value: { Ref: "Table" } },
        Arn: { Value: { "Fn::GetAtt": ["Table", "Arn"] } },
        ...(hasStream && { Stream: { Value: { "Fn::GetAtt": ["Table", "StreamArn"] } } }),
      },
    }),
    Tags: [{ Key: "stack", Value: "app" }],
  });
  for (let turn = 0; turn < 50; turn++) {
    await dynamo.platform.advance(1000);
    const [stack] = (await dynamo.platform.call("cloudformation", "DescribeStacks", { StackName: "app" })).Stacks!;
    if (stack!.StackStatus!.endsWith("_IN_PROGRESS")) continue;
    const outputs = Object.fromEntries(
      (stack!.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue!]),
    );
    const { StackEvents } = await dynamo.platform.call("cloudformation", "DescribeStackEvents", { StackName: "app" });
    const failure = StackEvents!.find(({ ResourceStatus }) =>
      ResourceStatus?.endsWith("_FAILED"),
    )?.ResourceStatusReason;
    return {
      status: stack!.StackStatus,
      name: outputs["Name"]!,
      arn: outputs["Arn"]!,
      stream: outputs["Stream"],
      failure,
    };
  }
  throw new Error("the stack never ends");
}

const described = async (TableName: string) => (await dynamo.call("DescribeTable", { TableName })).Table!;

describe("a table of a stack", () => {
  it("is made with everything that its properties say", async () => {
    const stack = await deploy({
      ...BASE,
      ...WITH_G,
      TableName: "named",
      GlobalSecondaryIndexes: [global("gsi")],
      TimeToLiveSpecification: { AttributeName: "expires", Enabled: true },
      Tags: [{ Key: "own", Value: "tag" }],
      DeletionProtectionEnabled: "false",
      TableClass: "STANDARD_INFREQUENT_ACCESS",
    });
    assert.deepEqual([stack.status, stack.name, stack.failure], ["CREATE_COMPLETE", "named", undefined]);
    const table = await described("named");
    assert.equal(stack.arn, table.TableArn);
    assert.equal(table.GlobalSecondaryIndexes![0]!.IndexName, "gsi");
    assert.equal(table.TableClassSummary!.TableClass, "STANDARD_INFREQUENT_ACCESS");
    const { TimeToLiveDescription } = await dynamo.call("DescribeTimeToLive", { TableName: "named" });
    assert.deepEqual(TimeToLiveDescription, { TimeToLiveStatus: "ENABLED", AttributeName: "expires" });
    const { Tags } = await dynamo.call("ListTagsOfResource", { ResourceArn: stack.arn });
    const tags = Object.fromEntries(Tags!.map(({ Key, Value }) => [Key, Value]));
    assert.deepEqual([tags["stack"], tags["own"]], ["app", "tag"]);
  });
  it("gets a name, and goes with its stack", async () => {
    const { name } = await deploy(BASE);
    assert.match(name, /^app-Table-/);
    await dynamo.platform.call("cloudformation", "DeleteStack", { StackName: "app" });
    await dynamo.platform.advance(60_000);
    await dynamo.refuses("DescribeTable", { TableName: name }, /not found/, "ResourceNotFoundException");
  });
  it("is provisioned with numbers written as text", async () => {
    const { BillingMode: _, ...rest } = BASE;
    const { name, status } = await deploy({
      ...rest,
      ProvisionedThroughput: { ReadCapacityUnits: "5", WriteCapacityUnits: 6 },
    });
    assert.equal(status, "CREATE_COMPLETE");
    assert.equal((await described(name)).ProvisionedThroughput!.ReadCapacityUnits, 5);
  });
});

describe("a change", () => {
  it("keeps the table and what is in it", async () => {
    const first = await deploy({
      ...BASE,
      ...WITH_G,
      GlobalSecondaryIndexes: [global("old")],
      TimeToLiveSpecification: { AttributeName: "a", Enabled: true },
    });
    await dynamo.put(first.name, { pk: S("kept"), g: S("x"), n: N(1) });
    const second = await deploy(
      {
        ...BASE,
        ...WITH_G,
        GlobalSecondaryIndexes: [global("one"), global("two", { Projection: { ProjectionType: "KEYS_ONLY" } })],
        TimeToLiveSpecification: { AttributeName: "b", Enabled: true },
        Tags: [{ Key: "fresh", Value: "1" }],
        DeletionProtectionEnabled: true,
      },
      "UpdateStack",
    );
    assert.deepEqual([second.status, second.name, second.failure], ["UPDATE_COMPLETE", first.name, undefined]);
    const table = await described(first.name);
    assert.deepEqual(
      table.GlobalSecondaryIndexes!.map(({ IndexName, ItemCount }) => [IndexName, ItemCount]),
      [
        ["one", 1],
        ["two", 1],
      ],
    );
    assert.equal(table.DeletionProtectionEnabled, true);
    const { TimeToLiveDescription } = await dynamo.call("DescribeTimeToLive", { TableName: first.name });
    assert.equal(TimeToLiveDescription!.AttributeName, "b");
    const { Tags } = await dynamo.call("ListTagsOfResource", { ResourceArn: first.arn });
    assert.ok(Tags!.some(({ Key }) => Key === "fresh"));
    assert.deepEqual(await dynamo.get(first.name, { pk: S("kept") }), { pk: S("kept"), g: S("x"), n: N(1) });
  });
  it("of the billing sets the throughput of table and indexes", async () => {
    const units = { ProvisionedThroughput: { ReadCapacityUnits: 2, WriteCapacityUnits: 3 } };
    const { name } = await deploy({ ...BASE, ...WITH_G, GlobalSecondaryIndexes: [global("gsi")] });
    const { status, failure } = await deploy(
      { ...BASE, ...WITH_G, BillingMode: "PROVISIONED", ...units, GlobalSecondaryIndexes: [global("gsi", units)] },
      "UpdateStack",
    );
    assert.deepEqual([status, failure], ["UPDATE_COMPLETE", undefined]);
    const table = await described(name);
    assert.deepEqual(
      [
        table.ProvisionedThroughput!.WriteCapacityUnits,
        table.GlobalSecondaryIndexes![0]!.ProvisionedThroughput!.ReadCapacityUnits,
      ],
      [3, 2],
    );
    await deploy({ ...BASE, ...WITH_G, GlobalSecondaryIndexes: [global("gsi")] }, "UpdateStack");
    assert.equal((await described(name)).ProvisionedThroughput!.WriteCapacityUnits, 0);
  });
  it("of the key, or of a key's type, makes another table", async () => {
    const first = await deploy(BASE);
    const second = await deploy(
      { ...BASE, AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "N" }] },
      "UpdateStack",
    );
    assert.equal(second.status, "UPDATE_COMPLETE");
    assert.notEqual(second.name, first.name);
    await dynamo.platform.advance(60_000);
    await dynamo.refuses("DescribeTable", { TableName: first.name }, /not found/, "ResourceNotFoundException");
  });
  it("of an index under its name is refused, and rolled back", async () => {
    const { name } = await deploy({ ...BASE, ...WITH_G, GlobalSecondaryIndexes: [global("gsi")] });
    const { status, failure } = await deploy(
      { ...BASE, ...WITH_G, GlobalSecondaryIndexes: [global("gsi", { Projection: { ProjectionType: "KEYS_ONLY" } })] },
      "UpdateStack",
    );
    assert.equal(status, "UPDATE_ROLLBACK_COMPLETE");
    assert.match(failure!, /Cannot update GSI's properties/);
    assert.equal((await described(name)).GlobalSecondaryIndexes![0]!.Projection!.ProjectionType, "ALL");
  });
});

describe("a table's stream", () => {
  it("comes with the table, is another one under another view type, and goes", async () => {
    const streamed = (StreamViewType: string) => ({ ...BASE, StreamSpecification: { StreamViewType } });
    const { name, stream } = await deploy(streamed("NEW_IMAGE"), "CreateStack", true);
    const first = await described(name);
    assert.equal(first.StreamSpecification!.StreamViewType, "NEW_IMAGE");
    assert.equal(stream, first.LatestStreamArn);
    const changed = await deploy(streamed("KEYS_ONLY"), "UpdateStack", true);
    assert.equal(changed.status, "UPDATE_COMPLETE");
    assert.equal((await described(name)).StreamSpecification!.StreamViewType, "KEYS_ONLY");
    assert.equal(changed.stream, (await described(name)).LatestStreamArn);
    assert.notEqual(changed.stream, stream);
    await deploy(BASE, "UpdateStack");
    assert.equal((await described(name)).StreamSpecification, undefined);
  });
});

describe("properties that are not supported", () => {
  for (const [name, value] of [
    ["PointInTimeRecoverySpecification", { PointInTimeRecoveryEnabled: true }],
    ["SSESpecification", { SSEEnabled: true }],
    ["KinesisStreamSpecification", { StreamArn: "arn" }],
    ["ResourcePolicy", { PolicyDocument: {} }],
    ["ImportSourceSpecification", {}],
  ] as const) {
    it(`${name} stops the deployment and is named`, async () => {
      const outcome = await deploy({ ...BASE, [name]: value }).then(
        ({ status, failure }) => `${status} ${failure}`,
        (error: Error) => error.message,
      );
      assert.match(outcome, new RegExp(name));
    });
  }
});
