/** AWS::DynamoDB::Table. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html */

import { sleep } from "../../kernel/clock.ts";
import { AwsError } from "../../kernel/errors.ts";
import type { StreamViewType } from "../dynamodb-common/ports.ts";
import type { PropertySpec, ResourceContext, ResourceProperties, ResourceState, ResourceType } from "../resources.ts";
import type { InputOf, OutputOf } from "../service.ts";
import { validation } from "./errors.ts";

const KEY_SCHEMA: PropertySpec = [{ object: { AttributeName: "string", KeyType: "string" } }];
const PROJECTION: PropertySpec = { object: { ProjectionType: "string", NonKeyAttributes: ["string"] } };
const THROUGHPUT: PropertySpec = { object: { ReadCapacityUnits: "integer", WriteCapacityUnits: "integer" } };
const NAME_LENGTH_MAX = 255;
const POLL_MS = 100;

type GlobalIndex = NonNullable<InputOf<"dynamodb", "CreateTable">["GlobalSecondaryIndexes"]>[number];
type Index = Pick<GlobalIndex, "IndexName" | "KeySchema" | "Projection" | "ProvisionedThroughput">;

const table: ResourceType = {
  properties: {
    AttributeDefinitions: [{ object: { AttributeName: "string", AttributeType: "string" } }],
    BillingMode: "string",
    DeletionProtectionEnabled: "boolean",
    GlobalSecondaryIndexes: [
      {
        object: {
          IndexName: "string",
          KeySchema: KEY_SCHEMA,
          Projection: PROJECTION,
          ProvisionedThroughput: THROUGHPUT,
        },
      },
    ],
    KeySchema: KEY_SCHEMA,
    LocalSecondaryIndexes: [{ object: { IndexName: "string", KeySchema: KEY_SCHEMA, Projection: PROJECTION } }],
    ProvisionedThroughput: THROUGHPUT,
    StreamSpecification: { object: { StreamViewType: "string" } },
    TableClass: "string",
    TableName: "string",
    Tags: [{ object: { Key: "string", Value: "string" } }],
    TimeToLiveSpecification: { object: { AttributeName: "string", Enabled: "boolean" } },
  },
  required: ["KeySchema"],
  replacement: ["KeySchema", "LocalSecondaryIndexes", "TableName"],
  nameProperty: "TableName",
  attributes: ["Arn", "StreamArn"],

  /** An attribute that has another type is another key. */
  replaces(properties, previous) {
    const types = new Map<string, string>(
      (previous.AttributeDefinitions ?? []).map((given: { AttributeName: string; AttributeType: string }) => [
        given.AttributeName,
        given.AttributeType,
      ]),
    );
    return (properties.AttributeDefinitions ?? []).some(
      (given: { AttributeName: string; AttributeType: string }) =>
        types.has(given.AttributeName) && types.get(given.AttributeName) !== given.AttributeType,
    );
  },

  async create(context, properties) {
    const {
      TimeToLiveSpecification: timeToLive,
      StreamSpecification: stream,
      Tags: _,
      TableName: name = context.physicalName(NAME_LENGTH_MAX),
      ...rest
    } = properties;
    await context.call("dynamodb", "CreateTable", {
      ...rest,
      ...(stream && { StreamSpecification: { StreamEnabled: true, StreamViewType: stream.StreamViewType } }),
      TableName: name,
      Tags: tagsOf(context, properties),
    });
    if (timeToLive?.Enabled) {
      await context.call("dynamodb", "UpdateTimeToLive", { TableName: name, TimeToLiveSpecification: timeToLive });
    }
    return stateOf(await described(context, name));
  },

  /** From the table as it is, not as the template was: a change that failed halfway is rolled back the same way. */
  async update(context, id, properties) {
    await updateThroughput(context, id, properties, await described(context, id));
    await updateIndexes(context, id, properties, await described(context, id));
    const table = await described(context, id);
    const protection = properties.DeletionProtectionEnabled ?? false;
    if (protection !== table.DeletionProtectionEnabled) {
      await context.call("dynamodb", "UpdateTable", { TableName: id, DeletionProtectionEnabled: protection });
    }
    const tableClass = properties.TableClass ?? "STANDARD";
    if (tableClass !== (table.TableClassSummary?.TableClass ?? "STANDARD")) {
      await context.call("dynamodb", "UpdateTable", { TableName: id, TableClass: tableClass });
    }
    await updateStream(context, id, properties.StreamSpecification?.StreamViewType, table);
    await updateTimeToLive(context, id, properties.TimeToLiveSpecification);
    await updateTags(context, table.TableArn!, properties);
    return stateOf(await described(context, id));
  },

  async delete(context, id) {
    try {
      await context.call("dynamodb", "DeleteTable", { TableName: id });
    } catch (error) {
      if (!(error instanceof AwsError) || error.code !== "ResourceNotFoundException") throw error;
    }
  },
};

export const resources = { "AWS::DynamoDB::Table": table } as const;

type Table = NonNullable<OutputOf<"dynamodb", "DescribeTable">["Table"]>;

async function described(context: ResourceContext, name: string): Promise<Table> {
  const { Table: table } = await context.call("dynamodb", "DescribeTable", { TableName: name });
  return table!;
}

const stateOf = (table: Table): ResourceState => ({
  id: table.TableName!,
  attributes: {
    Arn: table.TableArn!,
    ...(table.StreamSpecification && { StreamArn: table.LatestStreamArn! }),
  },
});

/** The resource's own tags win over the stack's. */
function tagsOf(context: ResourceContext, properties: ResourceProperties): { Key: string; Value: string }[] {
  const tags: Record<string, string> = { ...context.tags };
  for (const { Key, Value } of properties.Tags ?? []) tags[Key] = Value;
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

interface Throughput {
  readonly ReadCapacityUnits?: number | undefined;
  readonly WriteCapacityUnits?: number | undefined;
}

const sameThroughput = (left: Throughput | undefined, right: Throughput | undefined): boolean =>
  left?.ReadCapacityUnits === right?.ReadCapacityUnits && left?.WriteCapacityUnits === right?.WriteCapacityUnits;

async function updateThroughput(
  context: ResourceContext,
  id: string,
  properties: ResourceProperties,
  table: Table,
): Promise<void> {
  const mode = properties.BillingMode ?? "PROVISIONED";
  const changesMode = mode !== (table.BillingModeSummary?.BillingMode ?? "PROVISIONED");
  const own = mode === "PROVISIONED" && !sameThroughput(properties.ProvisionedThroughput, table.ProvisionedThroughput);
  const updates = wantedIndexes(properties)
    .filter((index) => {
      const present = table.GlobalSecondaryIndexes?.find(({ IndexName }) => IndexName === index.IndexName);
      return (
        mode === "PROVISIONED" &&
        present !== undefined &&
        !sameThroughput(index.ProvisionedThroughput, present.ProvisionedThroughput)
      );
    })
    .map(({ IndexName, ProvisionedThroughput }) => ({
      Update: { IndexName, ProvisionedThroughput: ProvisionedThroughput as never },
    }));
  if (!changesMode && !own && updates.length === 0) return;
  await context.call("dynamodb", "UpdateTable", {
    TableName: id,
    ...(changesMode && { BillingMode: mode }),
    ...(own && { ProvisionedThroughput: properties.ProvisionedThroughput }),
    ...(updates.length > 0 && { GlobalSecondaryIndexUpdates: updates }),
  });
}

const wantedIndexes = (properties: ResourceProperties): readonly Index[] => properties.GlobalSecondaryIndexes ?? [];

/** What makes two indexes the same, whatever the order of members. */
const shapeOf = ({ KeySchema, Projection }: Partial<Pick<Index, "KeySchema" | "Projection">>): string =>
  JSON.stringify([
    KeySchema?.map(({ AttributeName, KeyType }) => [AttributeName, KeyType]),
    Projection?.ProjectionType,
    [...(Projection?.NonKeyAttributes ?? [])].sort(),
  ]);

/** One at a time, as the API has it. */
async function updateIndexes(
  context: ResourceContext,
  id: string,
  properties: ResourceProperties,
  table: Table,
): Promise<void> {
  const wanted = wantedIndexes(properties);
  const present = table.GlobalSecondaryIndexes ?? [];
  for (const index of wanted) {
    const old = present.find(({ IndexName }) => IndexName === index.IndexName);
    if (old && shapeOf(old) !== shapeOf(index)) {
      throw validation(
        "Cannot update GSI's properties other than Provisioned Throughput and Contributor Insights Specification. " +
          `You can create a new GSI with a different name. (index ${index.IndexName})`,
      );
    }
  }
  for (const { IndexName } of present) {
    if (wanted.some((index) => index.IndexName === IndexName)) continue;
    await context.call("dynamodb", "UpdateTable", {
      TableName: id,
      GlobalSecondaryIndexUpdates: [{ Delete: { IndexName } }],
    });
  }
  for (const index of wanted) {
    if (present.some(({ IndexName }) => IndexName === index.IndexName)) continue;
    await context.call("dynamodb", "UpdateTable", {
      TableName: id,
      AttributeDefinitions: properties.AttributeDefinitions,
      GlobalSecondaryIndexUpdates: [{ Create: index as GlobalIndex }],
    });
    await untilActive(context, id);
  }
}

async function untilActive(context: ResourceContext, id: string): Promise<void> {
  while (!context.signal.aborted && (await described(context, id)).TableStatus !== "ACTIVE") {
    await sleep(context.clock, POLL_MS, context.signal);
  }
}

/** A stream keeps its view type: another one is another stream. */
async function updateStream(
  context: ResourceContext,
  id: string,
  wanted: StreamViewType | undefined,
  table: Table,
): Promise<void> {
  const active = table.StreamSpecification?.StreamViewType;
  if (wanted === active) return;
  const set = (StreamSpecification: { StreamEnabled: boolean; StreamViewType?: StreamViewType }) =>
    context.call("dynamodb", "UpdateTable", { TableName: id, StreamSpecification });
  if (active !== undefined) await set({ StreamEnabled: false });
  if (wanted !== undefined) await set({ StreamEnabled: true, StreamViewType: wanted });
}

async function updateTimeToLive(
  context: ResourceContext,
  id: string,
  specification: { readonly AttributeName: string; readonly Enabled: boolean } | undefined,
): Promise<void> {
  const { TimeToLiveDescription: present } = await context.call("dynamodb", "DescribeTimeToLive", { TableName: id });
  const wanted = specification?.Enabled ? specification.AttributeName : undefined;
  const active = present!.AttributeName;
  if (wanted === active) return;
  const set = (AttributeName: string, Enabled: boolean) =>
    context.call("dynamodb", "UpdateTimeToLive", {
      TableName: id,
      TimeToLiveSpecification: { AttributeName, Enabled },
    });
  if (active !== undefined) await set(active, false);
  if (wanted !== undefined) await set(wanted, true);
}

async function updateTags(context: ResourceContext, arn: string, properties: ResourceProperties): Promise<void> {
  const { Tags: present } = await context.call("dynamodb", "ListTagsOfResource", { ResourceArn: arn });
  const wanted = tagsOf(context, properties);
  const gone = present!.map(({ Key }) => Key!).filter((key) => !wanted.some(({ Key }) => Key === key));
  if (gone.length > 0) await context.call("dynamodb", "UntagResource", { ResourceArn: arn, TagKeys: gone });
  const fresh = wanted.filter(({ Key, Value }) => !present!.some((tag) => tag.Key === Key && tag.Value === Value));
  if (fresh.length > 0) await context.call("dynamodb", "TagResource", { ResourceArn: arn, Tags: fresh });
}
