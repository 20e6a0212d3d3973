/** BatchWriteItem. @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html */
import { AwsError } from "../../../kernel/errors.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import {
  CAPACITY_MODES,
  createConstraints,
  METRICS_MODES,
  printed,
  printedStructure,
} from "../../dynamodb-common/constraints.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { addUnits, type Units, writeUnits } from "../capacity.ts";
import { collectionMetrics } from "../conditional.ts";
import { keyDoesNotMatch, validation } from "../errors.ts";
import { itemKey } from "../keys.ts";
import { consume } from "../metering.ts";
import { checkItemKeys, checkItemSize, checkKey } from "../rules.ts";
import type { TableSchema } from "../stored.ts";
import { openTable } from "../table.ts";
import { type AttributeMap, normalizeMap } from "../values/attribute-value.ts";
import { readItem, writeItem } from "../writing.ts";

const REQUESTS_MAX = 25;

type WriteRequest = NonNullable<InputOf<"dynamodb", "BatchWriteItem">["RequestItems"]>[string][number];
type Metrics = NonNullable<OutputOf<"dynamodb", "BatchWriteItem">["ItemCollectionMetrics"]>;

interface Write {
  readonly kind: "put" | "delete";
  /** The item to put, or the key to delete. */
  readonly map: AttributeMap;
}

/** Puts and deletes up to 25 items of several tables. Everything is processed: nothing is throttled here. @throws ValidationException, ResourceNotFoundException */
export function batchWriteItem(
  tx: Transaction,
  input: InputOf<"dynamodb", "BatchWriteItem">,
  context: OperationContext,
): OutputOf<"dynamodb", "BatchWriteItem"> {
  const checked = check(input);
  const opened = checked.map(({ tableName, writes }) => {
    const table = openTable(tx, context, tableName);
    const seen = new Set<string>();
    for (const { kind, map } of writes) {
      if (kind === "put") checkPut(table.record, map);
      else checkKey(table.record, map);
      const key = itemKey(table.prefix, table.record, map);
      if (seen.has(key)) throw validation("Provided list of item keys contains duplicates");
      seen.add(key);
    }
    return { tableName, writes, table };
  });
  const metrics: Metrics = {};
  const capacity = opened.flatMap(({ tableName, writes, table }) => {
    const units: Units[] = [];
    for (const { kind, map } of writes) {
      const before = readItem(tx, table, map);
      units.push(writeUnits(writeItem(tx, table, before, kind === "put" ? map : undefined, context)));
      const collection = collectionMetrics(tx, table, map, input.ReturnItemCollectionMetrics);
      if (collection) metrics[tableName] = [...(metrics[tableName] ?? []), collection];
    }
    return (
      consume(
        context,
        "Write",
        input.ReturnConsumedCapacity,
        { name: tableName, record: table.record },
        addUnits(units),
      ) ?? []
    );
  });
  return {
    UnprocessedItems: {},
    ...(Object.keys(metrics).length > 0 && { ItemCollectionMetrics: metrics }),
    ...(capacity.length > 0 && { ConsumedCapacity: capacity }),
  };
}

/** In a batch a wrong table key is told in other words than in PutItem. */
function checkPut(table: TableSchema, item: AttributeMap): void {
  try {
    checkItemKeys(table, item);
  } catch (error) {
    if (error instanceof AwsError && /Missing the key|Type mismatch for key/.test(error.message)) {
      throw keyDoesNotMatch();
    }
    throw error;
  }
}

function check(input: InputOf<"dynamodb", "BatchWriteItem">): { tableName: string; writes: Write[] }[] {
  const requests = Object.entries(input.RequestItems ?? {});
  const constraints = createConstraints();
  constraints.oneOf("returnConsumedCapacity", input.ReturnConsumedCapacity, CAPACITY_MODES);
  constraints.oneOf("returnItemCollectionMetrics", input.ReturnItemCollectionMetrics, METRICS_MODES);
  constraints.notNull("requestItems", input.RequestItems);
  for (const [tableName, list] of requests) {
    if (list.length === 0 || list.length > REQUESTS_MAX) {
      constraints.add(
        "requestItems",
        `{${tableName}=[${list.map(printedRequest).join(", ")}]}`,
        `Map value must satisfy constraint: [Member must have length less than or equal to ${REQUESTS_MAX}, Member must have length greater than or equal to 1]`,
      );
    }
    for (const [at, request] of list.entries()) {
      const path = `requestItems.${tableName}.member.${at + 1}.member`;
      if (request.DeleteRequest) constraints.notNull(`${path}.deleteRequest.key`, request.DeleteRequest.Key);
      if (request.PutRequest) constraints.notNull(`${path}.putRequest.item`, request.PutRequest.Item);
    }
  }
  constraints.check();
  if (requests.length === 0) throw validation("The requestItems parameter is required for BatchWriteItem");
  if (requests.reduce((sum, [, list]) => sum + list.length, 0) > REQUESTS_MAX) {
    throw validation("Too many items requested for the BatchWriteItem call");
  }
  return requests.map(([tableName, list]) => ({ tableName, writes: list.map(checkRequest) }));
}

function checkRequest({ PutRequest: put, DeleteRequest: remove }: WriteRequest): Write {
  if ((put === undefined) === (remove === undefined)) {
    throw validation(
      "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
    );
  }
  if (remove) return { kind: "delete", map: normalizeMap(remove.Key!) };
  const map = normalizeMap(put!.Item!);
  checkItemSize(map);
  return { kind: "put", map };
}

function printedRequest({ PutRequest: put, DeleteRequest: remove }: WriteRequest): string {
  const map = (given: AttributeMap | undefined) =>
    given === undefined
      ? "null"
      : `{${Object.entries(given)
          .map(([name, value]) => `${name}=${printedValue(value)}`)
          .join(", ")}}`;
  const putText = put ? `PutRequest(item=${map(put.Item)})` : "null";
  const removeText = remove ? `DeleteRequest(key=${map(remove.Key)})` : "null";
  return `WriteRequest(putRequest=${putText}, deleteRequest=${removeText})`;
}

const printedValue = (value: AttributeMap[string]): string =>
  printedStructure("AttributeValue", {
    s: value.S,
    n: value.N,
    b: value.B,
    sS: value.SS,
    nS: value.NS,
    bS: value.BS,
    m: value.M && printed(value.M),
    l: value.L && printed(value.L),
    nULL: value.NULL,
    bOOL: value.BOOL,
  });
