/** A table as the operations on items work with it: its record, found by name or ARN, with the prefixes of its keys. */
import { type Arn, arn, parseArn } from "../../kernel/arn.ts";
import type { Key } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { accessDenied, resourceNotFound, tableNotFound, validation } from "./errors.ts";
import { entriesPrefix, type IndexRecord, itemsPrefix, type Place, type TableRecord, tableKey } from "./state.ts";
import { type TableSchema, tableRecord } from "./stored.ts";

export interface Table {
  readonly place: Place;
  readonly record: TableSchema;
  /** Of its items' keys. */
  readonly prefix: Key;
}

/** @param tableName as constrained, a name or an ARN @throws ResourceNotFoundException, AccessDeniedException for an ARN of another account */
export function openTable(tx: Transaction, place: Place, tableName: string): Table {
  const record = tableRecord.schema(tx, tableKey(place, nameOfTable(place, tableName)));
  if (!record) throw resourceNotFound();
  return tableOf(place, record);
}

/** The same for operations on tables. @throws ResourceNotFoundException naming the table */
export function findTable(tx: Transaction, place: Place, tableName: string): TableRecord {
  const name = nameOfTable(place, tableName);
  const record = tableRecord.get(tx, tableKey(place, name));
  if (!record) throw tableNotFound(name);
  return record;
}

export const tableOf = (place: Place, record: TableSchema): Table => ({
  place,
  record,
  prefix: itemsPrefix(place, record.number),
});

export const entriesOf = ({ place, record }: Table, index: IndexRecord): Key =>
  entriesPrefix(place, record.number, index.number);

export const tableArn = ({ accountId, region }: Place, name: string): Arn =>
  arn("dynamodb", region, accountId, `table/${name}`);

export const indexArn = (place: Place, table: string, index: string): Arn =>
  `${tableArn(place, table)}/index/${index}` as Arn;

/** The name of a table given by name or by ARN. @throws ValidationException for an ARN of something else */
export function nameOfTable({ accountId, region }: Place, given: string): string {
  if (!given.startsWith("arn:")) return given;
  const parts = parseArn(given);
  const name = parts && /^table\/([a-zA-Z0-9_.-]{3,255})$/.exec(parts.resource)?.[1];
  if (parts?.service !== "dynamodb" || name === undefined) {
    throw validation(`1 validation error detected: Invalid resource type in '${given}'`);
  }
  if (parts.region !== region) throw validation(`1 validation error detected: Invalid AWS region in '${given}'`);
  if (parts.accountId !== accountId) {
    throw accessDenied(
      `The table ${given} belongs to another account, and no resource-based policy allows access to it`,
    );
  }
  return name;
}

/** ARN of a table for authorization, whatever was given: nothing is refused here. */
export function permissionArn(place: Place, given: string | undefined): string {
  if (given === undefined) return "*";
  return given.startsWith("arn:") ? given : tableArn(place, given);
}
