/** For this room's tests: a platform with a few tables, and short words for what tests do to them. */
import assert from "node:assert/strict";
import { openTestPlatform, type TestPlatform, type TestPlatformOptions } from "../../platform/testing.ts";
import type { InputOf, OperationName, OutputOf } from "../service.ts";
import type { AttributeMap, AttributeValue } from "./values/attribute-value.ts";

export const S = (text: string): AttributeValue => ({ S: text });
export const N = (number: number | string): AttributeValue => ({ N: String(number) });
export const B = (text: string): AttributeValue => ({ B: Buffer.from(text) });

/** Input that may be as wrong as a client can make it. */
export type Loose<O extends OperationName<"dynamodb">> = Partial<Record<keyof InputOf<"dynamodb", O>, any>>;

export interface Dynamo {
  readonly platform: TestPlatform;
  call<O extends OperationName<"dynamodb">>(operation: O, input: Loose<O>): Promise<OutputOf<"dynamodb", O>>;
  /** @param message the whole text, or a pattern */
  refuses<O extends OperationName<"dynamodb">>(
    operation: O,
    input: Loose<O>,
    message: string | RegExp,
    code?: string,
  ): Promise<void>;
  put(TableName: string, ...items: AttributeMap[]): Promise<void>;
  get(TableName: string, Key: AttributeMap): Promise<AttributeMap | undefined>;
  /** Every item of a table or an index, page by page. */
  all(TableName: string, IndexName?: string): Promise<AttributeMap[]>;
}

/**
 * Opens a platform with three tables:
 *
 *     hash    pk S
 *     range   pk S, sk S     lsi (pk, l) ALL, lsik (pk, l) KEYS_ONLY, gsi (g) ALL, gsir (g, n N) INCLUDE [inc]
 *     typed   pk N, sk B
 */
export async function openDynamo(options: TestPlatformOptions = {}): Promise<Dynamo> {
  const platform = await openTestPlatform(options);
  const dynamo = dynamoOn(platform);
  await dynamo.call("CreateTable", tableInput("hash", { pk: "S" }, ["pk"]));
  await dynamo.call("CreateTable", {
    ...tableInput("range", { pk: "S", sk: "S", l: "S", g: "S", n: "N" }, ["pk", "sk"]),
    LocalSecondaryIndexes: [
      { IndexName: "lsi", KeySchema: keySchema(["pk", "l"]), Projection: { ProjectionType: "ALL" } },
      { IndexName: "lsik", KeySchema: keySchema(["pk", "l"]), Projection: { ProjectionType: "KEYS_ONLY" } },
    ],
    GlobalSecondaryIndexes: [
      { IndexName: "gsi", KeySchema: keySchema(["g"]), Projection: { ProjectionType: "ALL" } },
      {
        IndexName: "gsir",
        KeySchema: keySchema(["g", "n"]),
        Projection: { ProjectionType: "INCLUDE", NonKeyAttributes: ["inc"] },
      },
    ],
  });
  await dynamo.call("CreateTable", tableInput("typed", { pk: "N", sk: "B" }, ["pk", "sk"]));
  return dynamo;
}

export function dynamoOn(platform: TestPlatform): Dynamo {
  const call: Dynamo["call"] = (operation, input) => platform.call("dynamodb", operation, input as any);
  return {
    platform,
    call,
    refuses: (operation, input, message, code = "ValidationException") =>
      assert.rejects(call(operation, input), { code, message }),
    async put(TableName, ...items) {
      for (const Item of items) await call("PutItem", { TableName, Item });
    },
    get: async (TableName, Key) => (await call("GetItem", { TableName, Key })).Item,
    async all(TableName, IndexName) {
      const items: AttributeMap[] = [];
      let ExclusiveStartKey: AttributeMap | undefined;
      do {
        const page = await call("Scan", { TableName, IndexName, ExclusiveStartKey });
        items.push(...page.Items!);
        ExclusiveStartKey = page.LastEvaluatedKey;
      } while (ExclusiveStartKey);
      return items;
    },
  };
}

export const keySchema = ([hash, range]: readonly string[]) => [
  { AttributeName: hash!, KeyType: "HASH" as const },
  ...(range === undefined ? [] : [{ AttributeName: range, KeyType: "RANGE" as const }]),
];

export const tableInput = (
  TableName: string,
  attributes: Readonly<Record<string, "S" | "N" | "B">>,
  keys: readonly string[],
) => ({
  TableName,
  AttributeDefinitions: Object.entries(attributes).map(([AttributeName, AttributeType]) => ({
    AttributeName,
    AttributeType,
  })),
  KeySchema: keySchema(keys),
  BillingMode: "PAY_PER_REQUEST" as const,
});
