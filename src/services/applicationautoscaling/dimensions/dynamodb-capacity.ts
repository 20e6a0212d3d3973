/** dynamodb:table:… and dynamodb:index:…, by `table/NAME` and `table/NAME/index/NAME`. */
import { AwsError } from "../../../kernel/errors.ts";
import type { OutputOf } from "../../service.ts";
import { PERIOD_SECONDS } from "../tracking-alarms.ts";
import type { Dimension, Metric } from "./dimension.ts";

type Unit = "Read" | "Write";
type Table = NonNullable<OutputOf<"dynamodb", "DescribeTable">["Table"]>;

const namesOf = (resourceId: string) => {
  const [, table, , index] = resourceId.split("/") as [string, string, string?, string?];
  return { table, index };
};

/** Undefined on demand, and where the index is not there. */
function throughputOf(table: Table, index: string | undefined) {
  const part = index === undefined ? table : table.GlobalSecondaryIndexes?.find(({ IndexName }) => IndexName === index);
  const { ReadCapacityUnits = 0, WriteCapacityUnits = 0 } = part?.ProvisionedThroughput ?? {};
  return ReadCapacityUnits === 0 ? undefined : { ReadCapacityUnits, WriteCapacityUnits };
}

function capacityOf(kind: "table" | "index", unit: Unit): Dimension {
  const member = `${unit}CapacityUnits` as const;
  return {
    namespace: "dynamodb",
    name: `dynamodb:${kind}:${member}`,
    resourceId: kind === "table" ? /^table\/[a-zA-Z0-9_.-]{3,255}$/ : /^table\/[a-zA-Z0-9_.-]{3,255}\/index\/[^/]+$/,
    noun: `${unit.toLowerCase()} capacity units`,
    cooldownSeconds: 0,
    takesSteps: false,
    missing: (resourceId) => `DynamoDB ${kind} does not exist or has no provisioned throughput: ${resourceId}`,

    async read(flow, resourceId) {
      const { table: TableName, index } = namesOf(resourceId);
      try {
        const { Table: table } = await flow.call("dynamodb", "DescribeTable", { TableName });
        const throughput = throughputOf(table!, index);
        return throughput && { capacity: throughput[member], isDeploying: table!.TableStatus !== "ACTIVE" };
      } catch (error) {
        if (error instanceof AwsError && error.code === "ResourceNotFoundException") return undefined;
        throw error;
      }
    },

    async write(flow, resourceId, capacity) {
      const { table: TableName, index } = namesOf(resourceId);
      const { Table: table } = await flow.call("dynamodb", "DescribeTable", { TableName });
      const ProvisionedThroughput = { ...throughputOf(table!, index)!, [member]: capacity };
      await flow.call("dynamodb", "UpdateTable", {
        TableName,
        ...(index === undefined
          ? { ProvisionedThroughput }
          : { GlobalSecondaryIndexUpdates: [{ Update: { IndexName: index, ProvisionedThroughput } }] }),
      });
    },

    metric(type, { resourceId }): Metric | undefined {
      if (type !== `DynamoDB${unit}CapacityUtilization`) return undefined;
      const { table, index } = namesOf(resourceId);
      return {
        Namespace: "AWS/DynamoDB",
        MetricName: `Consumed${member}`,
        Dimensions: [
          { Name: "TableName", Value: table },
          ...(index === undefined ? [] : [{ Name: "GlobalSecondaryIndexName", Value: index }]),
        ],
        Statistic: "Sum",
        // Percent of what is provisioned for a minute.
        perCapacity: (capacity) => (capacity * PERIOD_SECONDS) / 100,
      };
    },

    current(context, resourceId) {
      const { table: TableName, index } = namesOf(resourceId);
      const { Table: table } = context.call("dynamodb", "DescribeTable", { TableName });
      return throughputOf(table!, index)?.[member] ?? 1;
    },
  };
}

export const dynamodbCapacities: readonly Dimension[] = (["table", "index"] as const).flatMap((kind) =>
  (["Read", "Write"] as const).map((unit) => capacityOf(kind, unit)),
);
