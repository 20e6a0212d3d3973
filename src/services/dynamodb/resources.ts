/** AWS::DynamoDB::Table. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html */

import { sleep } from "../../kernel/clock.ts";
import { AwsError } from "../../kernel/errors.ts";
import type { PropertySpec, ResourceContext, ResourceProperties, ResourceState, ResourceType } from "../resources.ts";
import { validation } from "./errors.ts";

const KEY_SCHEMA: PropertySpec = [{ object: { AttributeName: "string", KeyType: "string" } }];
const PROJECTION: PropertySpec = { object: { ProjectionType: "string", NonKeyAttributes: ["string"] } };
const THROUGHPUT: PropertySpec = { object: { ReadCapacityUnits: "integer", WriteCapacityUnits: "integer" } };
const NAME_LENGTH_MAX = 255;
const POLL_MS = 100;

interface Index {
  readonly IndexName: string;
  readonly KeySchema: unknown;
  readonly Projection: unknown;
  readonly ProvisionedThroughput?: unknown;
}

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
    TableClass: "string",
    TableName: "string",
    Tags: [{ object: { Key: "string", Value: "string" } }],
    TimeToLiveSpecification: { object: { AttributeName: "string", Enabled: "boolean" } },
  },
  required: ["KeySchema"],
  replacement: ["KeySchema", "LocalSecondaryIndexes", "TableName"],
  nameProperty: "TableName",
  attributes: ["Arn"],

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
      Tags: _,
      TableName: name = context.physicalName(NAME_LENGTH_MAX),
      ...rest
    } = properties;
    await context.call("dynamodb", "CreateTable", { ...rest, TableName: name, Tags: tagsOf(context, properties) });
    if (timeToLive?.Enabled) {
      await context.call("dynamodb", "UpdateTimeToLive", { TableName: name, TimeToLiveSpecification: timeToLive });
    }
    return stateOf(context, name);
  },

  async update(context, id, properties, previous) {
    await updateThroughput(context, id, properties, previous);
    await updateIndexes(context, id, properties, previous);
    for (const member of ["DeletionProtectionEnabled", "TableClass"] as const) {
      const value = properties[member] ?? DEFAULTS[member];
      if (value !== (previous[member] ?? DEFAULTS[member])) {
        await context.call("dynamodb", "UpdateTable", { TableName: id, [member]: value });
      }
    }
    await updateTimeToLive(context, id, properties.TimeToLiveSpecification, previous.TimeToLiveSpecification);
    const state = await stateOf(context, id);
    await updateTags(context, state.attributes["Arn"] as string, properties);
    return state;
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

const DEFAULTS = { DeletionProtectionEnabled: false, TableClass: "STANDARD" } as const;

async function stateOf(context: ResourceContext, name: string): Promise<ResourceState> {
  const { Table: description } = await context.call("dynamodb", "DescribeTable", { TableName: name });
  return { id: name, attributes: { Arn: description!.TableArn! } };
}

/** The resource's own tags win over the stack's. */
function tagsOf(context: ResourceContext, properties: ResourceProperties): { Key: string; Value: string }[] {
  const tags: Record<string, string> = { ...context.tags };
  for (const { Key, Value } of properties.Tags ?? []) tags[Key] = Value;
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

const same = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right);

async function updateThroughput(
  context: ResourceContext,
  id: string,
  properties: ResourceProperties,
  previous: ResourceProperties,
): Promise<void> {
  const mode = properties.BillingMode ?? "PROVISIONED";
  const before = previous.BillingMode ?? "PROVISIONED";
  const older = new Map<string, Index>(
    (previous.GlobalSecondaryIndexes ?? []).map((index: Index) => [index.IndexName, index]),
  );
  const throughput = !same(properties.ProvisionedThroughput, previous.ProvisionedThroughput);
  const updates = (properties.GlobalSecondaryIndexes ?? [])
    .filter((index: Index) => {
      const old = older.get(index.IndexName);
      return (
        mode === "PROVISIONED" &&
        old &&
        (mode !== before || !same(index.ProvisionedThroughput, old.ProvisionedThroughput))
      );
    })
    .map((index: Index) => ({
      Update: { IndexName: index.IndexName, ProvisionedThroughput: index.ProvisionedThroughput },
    }));
  if (mode === before && !throughput && updates.length === 0) return;
  await context.call("dynamodb", "UpdateTable", {
    TableName: id,
    ...(mode !== before && { BillingMode: mode }),
    ...(mode === "PROVISIONED" &&
      (throughput || mode !== before) && {
        ProvisionedThroughput: properties.ProvisionedThroughput,
      }),
    ...(updates.length > 0 && { GlobalSecondaryIndexUpdates: updates }),
  });
}

/** One at a time, as the API has it; an index with another key or projection is made anew, which AWS refuses to do under the same name. */
async function updateIndexes(
  context: ResourceContext,
  id: string,
  properties: ResourceProperties,
  previous: ResourceProperties,
): Promise<void> {
  const now: readonly Index[] = properties.GlobalSecondaryIndexes ?? [];
  const before: readonly Index[] = previous.GlobalSecondaryIndexes ?? [];
  for (const index of now) {
    const old = before.find(({ IndexName }) => IndexName === index.IndexName);
    if (old && !(same(old.KeySchema, index.KeySchema) && same(old.Projection, index.Projection))) {
      throw validation(
        `Cannot update GSI's properties other than Provisioned Throughput and Contributor Insights Specification. You can create a new GSI with a different name. (index ${index.IndexName})`,
      );
    }
  }
  for (const { IndexName } of before) {
    if (now.some((index) => index.IndexName === IndexName)) continue;
    await context.call("dynamodb", "UpdateTable", {
      TableName: id,
      GlobalSecondaryIndexUpdates: [{ Delete: { IndexName } }],
    });
  }
  for (const index of now) {
    if (before.some(({ IndexName }) => IndexName === index.IndexName)) continue;
    await context.call("dynamodb", "UpdateTable", {
      TableName: id,
      AttributeDefinitions: properties.AttributeDefinitions,
      GlobalSecondaryIndexUpdates: [{ Create: index as any }],
    });
    await untilActive(context, id);
  }
}

async function untilActive(context: ResourceContext, id: string): Promise<void> {
  while (!context.signal.aborted) {
    const { Table: description } = await context.call("dynamodb", "DescribeTable", { TableName: id });
    if (description!.TableStatus === "ACTIVE") return;
    await sleep(context.clock, POLL_MS, context.signal);
  }
}

interface TimeToLive {
  readonly AttributeName: string;
  readonly Enabled: boolean;
}

async function updateTimeToLive(
  context: ResourceContext,
  id: string,
  now: TimeToLive | undefined,
  before: TimeToLive | undefined,
): Promise<void> {
  const wanted = now?.Enabled ? now.AttributeName : undefined;
  const active = before?.Enabled ? before.AttributeName : undefined;
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
