/**
 * What DynamoDB remembers, and where.
 *
 *     dynamodb / ACCOUNT / REGION
 *       ├ "table"  / NAME                                      TableRecord
 *       ├ "number"                                             the number that the next table gets
 *       ├ "tags"   / NUMBER                                    tags
 *       ├ "count"  / NUMBER                                    Counters
 *       ├ "item"   / NUMBER / hash [ / range ]                 PackedItem
 *       ├ "index"  / NUMBER / INDEX / hash [ / range ] / tail  PackedItem       what the index projects
 *       ├ "expiry" / NUMBER / GENERATION / seconds / tail      ExpiryRecord     only while time to live is enabled
 *       ├ "timer"  / NUMBER                                    when the next expiry event is due
 *       ├ "token"  / CLIENT TOKEN                              TokenRecord
 *       └ what `streams/state.ts` draws
 *
 * A table's number is never used again, so that what a deleted table leaves behind can be swept in small steps. `hash`, `range` and `tail`
 * are in `keys.ts`; how TableRecord and Counters are written is in `stored.ts`.
 */
import type { AccountId, Region } from "../../kernel/arn.ts";
import { type Key, key, keysUnder } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";
import type { TableStream } from "./streams/state.ts";
import type { KeyType } from "./values/attribute-value.ts";
import type { PackedItem } from "./values/packed.ts";

export interface Throughput {
  readonly read: number;
  readonly write: number;
  readonly increasedMs?: number;
  readonly decreasedMs?: number;
}

export type ProjectionType = "ALL" | "KEYS_ONLY" | "INCLUDE";

export interface IndexRecord {
  readonly name: string;
  /** Within its table; never used again. */
  readonly number: number;
  readonly local: boolean;
  readonly hash: string;
  readonly range?: string;
  readonly projection: ProjectionType;
  readonly nonKeyAttributes?: readonly string[];
  /** A new global index is filled in steps, and cannot be read until they are done. */
  readonly backfilling?: boolean;
  readonly throughput?: Throughput;
}

export interface TableRecord {
  readonly name: string;
  readonly number: number;
  /** A UUID. */
  readonly id: string;
  readonly createdMs: number;
  /** In the order given. */
  readonly attributes: readonly { readonly name: string; readonly type: KeyType }[];
  readonly hash: string;
  readonly range?: string;
  readonly indexes: readonly IndexRecord[];
  readonly nextIndexNumber: number;
  /** Absent: on demand. */
  readonly throughput?: Throughput;
  /** Set when the table has ever been on demand. */
  readonly onDemandSinceMs?: number;
  readonly deletionProtection: boolean;
  readonly tableClass?: { readonly name: "STANDARD" | "STANDARD_INFREQUENT_ACCESS"; readonly sinceMs?: number };
  readonly timeToLive?: { readonly attribute: string; readonly generation: number };
  /** Enabling anew begins a new generation of expiry rows, while the old one may still be swept. */
  readonly timeToLiveGeneration: number;
  /** Its stream, while it has one. */
  readonly stream?: TableStream;
  /** Of the stream that it has, or had. */
  readonly latestStreamLabel?: string;
}

/** Items and bytes of the table, and of each index by its number. */
export interface Counters {
  readonly items: number;
  readonly bytes: number;
  readonly indexes: Readonly<Record<number, readonly [items: number, bytes: number]>>;
}

/** A transaction that was made under this client token. */
export interface TokenRecord {
  readonly requestHash: string;
  readonly expiresMs: number;
}

/** An item that will expire. */
export interface ExpiryRecord {
  readonly seconds: number;
  readonly key: PackedItem;
}

export const numberRecord = defineRecord<number>("dynamodb.NextTableNumber", 1);
export const tagsRecord = defineRecord<Readonly<Record<string, string>>>("dynamodb.Tags", 1);
export const itemRecord = defineRecord<PackedItem>("dynamodb.Item", 1);
export const entryRecord = defineRecord<PackedItem>("dynamodb.IndexEntry", 1);
export const expiryRecord = defineRecord<ExpiryRecord>("dynamodb.Expiry", 1);
export const timerRecord = defineRecord<number>("dynamodb.ExpiryTimer", 1);
export const tokenRecord = defineRecord<TokenRecord>("dynamodb.Token", 1);

/** Whose tables. */
export interface Place {
  readonly accountId: AccountId;
  readonly region: Region;
}

const at = ({ accountId, region }: Place, ...rest: (string | number)[]): Key =>
  key("dynamodb", accountId, region, ...rest);

export const tableKey = (place: Place, name: string): Key => at(place, "table", name);
export const allTables = ({ accountId, region }: Place) => keysUnder("dynamodb", accountId, region, "table");
export const nextNumberKey = (place: Place): Key => at(place, "number");
export const tagsKey = (place: Place, table: number): Key => at(place, "tags", table);
export const countersKey = (place: Place, table: number): Key => at(place, "count", table);
export const timerKey = (place: Place, table: number): Key => at(place, "timer", table);
export const tokenKey = (place: Place, token: string): Key => at(place, "token", token);
/** Prefixes, to which `keys.ts` adds an item's own key. */
export const itemsPrefix = (place: Place, table: number): Key => at(place, "item", table);
export const entriesPrefix = (place: Place, table: number, index: number): Key => at(place, "index", table, index);
export const tableEntriesPrefix = (place: Place, table: number): Key => at(place, "index", table);
export const expiriesPrefix = (place: Place, table: number, generation: number): Key =>
  at(place, "expiry", table, generation);
export const tableExpiriesPrefix = (place: Place, table: number): Key => at(place, "expiry", table);

export const NO_ITEMS: Counters = { items: 0, bytes: 0, indexes: {} };
