/**
 * Lambda's records. All keys begin with `lambda, accountId, region`; what belongs to one function lies together.
 *
 *     …, "function", name                              → FunctionRecord
 *     …, "function", name, "version", n                → VersionRecord       n = 0 is $LATEST
 *     …, "function", name, "alias", alias              → AliasRecord
 *     …, "function", name, "policy", qualifier         → PolicyRecord        qualifier "$LATEST" for the unqualified function
 *     …, "function", name, "invoke-config", qualifier  → InvokeConfigRecord
 *     …, "function", name, "url", qualifier            → UrlRecord
 *     …, "concurrency"                                 → ConcurrencyRecord
 *     …, "provisioned", name, qualifier                → ProvisionedRecord
 *     …, "mapping", uuid                               → MappingRecord
 *     …, "checkpoint", uuid, shardId, consumer         → CheckpointRecord
 *     …, "layer", name                                 → LayerRecord
 *     …, "layer", name, "version", n                   → LayerVersionRecord
 *     "lambda-url", urlId                              → UrlAddress          a URL names neither account nor function
 */
import type { AccountId, Region } from "../../kernel/arn.ts";
import type { Blob } from "../../storage/blobs.ts";
import { after, decodeKey, type Key, key, keysUnder } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";
import type { Transaction } from "../../storage/transaction.ts";

/** Where records live: a function locator, or an operation's context. */
export interface Place {
  readonly accountId: AccountId;
  readonly region: Region;
}

/** A zip archive in the blob folder, or a folder of the machine that is the code itself. */
export type Code =
  | { readonly kind: "zip"; readonly blob: Blob; readonly sha256: string; readonly bytes: number }
  | { readonly kind: "folder"; readonly path: string; readonly sha256: string; readonly bytes: 0 };

export interface FunctionRecord {
  readonly name: string;
  readonly nextVersion: number;
  readonly reservedConcurrency?: number;
  /** The sum over its versions and aliases. */
  readonly provisionedConcurrency?: number;
  readonly tags: Readonly<Record<string, string>>;
}

export interface LoggingConfig {
  readonly LogFormat: "Text" | "JSON";
  readonly LogGroup: string;
  readonly ApplicationLogLevel?: "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR" | "FATAL";
  readonly SystemLogLevel?: "DEBUG" | "INFO" | "WARN";
}

/** The configuration and code of $LATEST or of a published version. */
export interface VersionRecord {
  /** `$LATEST` or a number. */
  readonly version: string;
  readonly description: string;
  readonly role: string;
  readonly runtime: string;
  readonly handler: string;
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly architecture: "x86_64" | "arm64";
  readonly ephemeralStorageMb: number;
  readonly deadLetterArn?: string;
  /** With their code: a function keeps a layer version that was deleted. */
  readonly layers: readonly { readonly arn: string; readonly code: Code }[];
  readonly logging: LoggingConfig;
  readonly code: Code;
  /** Part of the address at which the code may be fetched; unguessable. */
  readonly codeToken: string;
  readonly lastModified: string;
  readonly revisionId: string;
  /** Changes with code and configuration, and with nothing else. */
  readonly buildId: string;
}

export interface AliasRecord {
  readonly name: string;
  readonly functionVersion: string;
  readonly description: string;
  /** At most one further version and its share of the invocations, 0 to 1. */
  readonly weights?: Readonly<Record<string, number>>;
  readonly revisionId: string;
}

export interface PolicyRecord {
  readonly statements: readonly PolicyStatement[];
}

export interface PolicyStatement {
  readonly Sid: string;
  readonly Effect: "Allow";
  readonly Principal: unknown;
  readonly Action: string;
  readonly Resource: string;
  readonly Condition?: unknown;
}

export interface InvokeConfigRecord {
  readonly lastModifiedMs: number;
  readonly maximumRetryAttempts?: number;
  readonly maximumEventAgeSeconds?: number;
  readonly onSuccess?: string;
  readonly onFailure?: string;
}

export interface UrlRecord {
  readonly urlId: string;
  readonly authType: "NONE" | "AWS_IAM";
  readonly cors?: UrlCors;
  /** Set when answers leave while the function writes them. */
  readonly streams?: true;
  readonly createdMs: number;
  readonly modifiedMs: number;
}

export interface UrlCors {
  readonly AllowCredentials?: boolean;
  readonly AllowHeaders?: readonly string[];
  readonly AllowMethods?: readonly string[];
  readonly AllowOrigins?: readonly string[];
  readonly ExposeHeaders?: readonly string[];
  /** Seconds. */
  readonly MaxAge?: number;
}

export interface UrlAddress extends Place {
  readonly name: string;
  /** An alias, or `$LATEST` for the unqualified function. */
  readonly qualifier: string;
}

export interface MappingRecord {
  readonly uuid: string;
  readonly eventSourceArn: string;
  /** As named by the user: unqualified, or with a version or alias. */
  readonly functionArn: string;
  readonly batchSize: number;
  readonly windowSeconds: number;
  readonly maximumConcurrency?: number;
  /** Event patterns, as JSON text. */
  readonly filters: readonly string[];
  readonly reportBatchItemFailures: boolean;
  readonly state: "Creating" | "Enabling" | "Enabled" | "Disabling" | "Disabled" | "Updating" | "Deleting";
  readonly enabled: boolean;
  readonly lastModifiedMs: number;
  readonly lastProcessingResult: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly fifo: boolean;
  /** Present when the source is a stream. */
  readonly stream?: StreamSettings;
}

/** What a mapping of a stream has beside. */
export interface StreamSettings {
  readonly startingPosition: "TRIM_HORIZON" | "LATEST";
  /** Consumers of each shard. */
  readonly parallelizationFactor: number;
  readonly bisectBatchOnFunctionError: boolean;
  /** -1: until the stream itself drops them. */
  readonly maximumRecordAgeSeconds: number;
  /** -1: without end. */
  readonly maximumRetryAttempts: number;
  /** 0: none. */
  readonly tumblingWindowSeconds: number;
  /** ARN of a queue, a topic or a bucket. */
  readonly onFailure?: string;
}

/** How far one consumer of a shard has come. */
export interface CheckpointRecord {
  readonly consumer: number;
  /** Consumers of the shard when it was written. */
  readonly of: number;
  /** The next record's. */
  readonly sequence: number;
  /** The shard is closed and read to its end. */
  readonly done: boolean;
  /** An open tumbling window; the state is JSON text. */
  readonly window?: { readonly startMs: number; readonly state: string };
  /** Invocations that have failed with the batch that begins at `sequence`. */
  readonly failures?: number;
}

export interface LayerRecord {
  readonly nextVersion: number;
}

export interface LayerVersionRecord {
  readonly name: string;
  readonly version: number;
  readonly description: string;
  readonly licenseInfo?: string;
  readonly runtimes?: readonly string[];
  readonly architectures?: readonly string[];
  readonly created: string;
  readonly code: Code;
  readonly codeToken: string;
}

export interface ProvisionedRecord {
  /** A version number or an alias. */
  readonly qualifier: string;
  readonly wanted: number;
  readonly lastModifiedMs: number;
  /** Memory of all of them in GB, as it was when they were asked for: what is billed. */
  readonly billedGb?: number;
  readonly architecture?: VersionRecord["architecture"];
}

/** The sum of what functions have reserved, kept beside them so that an invocation need not add it up. */
export interface ConcurrencyRecord {
  readonly reserved: number;
  /** What is provisioned for functions that have reserved nothing. */
  readonly provisioned?: number;
}

export const concurrencies = defineRecord<ConcurrencyRecord>("lambda.Concurrency", 1);
export const provisioned = defineRecord<ProvisionedRecord>("lambda.Provisioned", 1);
export const functions = defineRecord<FunctionRecord>("lambda.Function", 1);
export const versions = defineRecord<VersionRecord>("lambda.Version", 1);
export const aliases = defineRecord<AliasRecord>("lambda.Alias", 1);
export const policies = defineRecord<PolicyRecord>("lambda.Policy", 1);
export const invokeConfigs = defineRecord<InvokeConfigRecord>("lambda.InvokeConfig", 1);
export const urls = defineRecord<UrlRecord>("lambda.Url", 1);
export const urlAddresses = defineRecord<UrlAddress>("lambda.UrlAddress", 1);
export const mappings = defineRecord<MappingRecord>("lambda.EventSourceMapping", 1);
export const checkpoints = defineRecord<CheckpointRecord>("lambda.Checkpoint", 1);
export const layers = defineRecord<LayerRecord>("lambda.Layer", 1);
export const layerVersions = defineRecord<LayerVersionRecord>("lambda.LayerVersion", 1);

const versionNumber = (version: string): number => (version === "$LATEST" ? 0 : Number(version));

export const functionKey = (at: Place, name: string): Key => key("lambda", at.accountId, at.region, "function", name);
export const versionKey = (at: Place, name: string, version: string): Key =>
  key("lambda", at.accountId, at.region, "function", name, "version", versionNumber(version));
export const aliasKey = (at: Place, name: string, alias: string): Key =>
  key("lambda", at.accountId, at.region, "function", name, "alias", alias);
export const policyKey = (at: Place, name: string, qualifier: string): Key =>
  key("lambda", at.accountId, at.region, "function", name, "policy", qualifier);
export const invokeConfigKey = (at: Place, name: string, qualifier: string): Key =>
  key("lambda", at.accountId, at.region, "function", name, "invoke-config", qualifier);
export const urlKey = (at: Place, name: string, qualifier: string): Key =>
  key("lambda", at.accountId, at.region, "function", name, "url", qualifier);
export const urlAddressKey = (urlId: string): Key => key("lambda-url", urlId);
export const concurrencyKey = (at: Place): Key => key("lambda", at.accountId, at.region, "concurrency");
export const provisionedKey = (at: Place, name: string, qualifier: string): Key =>
  key("lambda", at.accountId, at.region, "provisioned", name, qualifier);
export const provisionedRange = (at: Place, name: string) =>
  keysUnder("lambda", at.accountId, at.region, "provisioned", name);
export const mappingKey = (at: Place, uuid: string): Key => key("lambda", at.accountId, at.region, "mapping", uuid);
export const checkpointKey = (at: Place, uuid: string, shardId: string, consumer: number): Key =>
  key("lambda", at.accountId, at.region, "checkpoint", uuid, shardId, consumer);
export const layerKey = (at: Place, name: string): Key => key("lambda", at.accountId, at.region, "layer", name);
export const layerVersionKey = (at: Place, name: string, version: number): Key =>
  key("lambda", at.accountId, at.region, "layer", name, "version", version);

/** Everything that belongs to a function, the function itself included. */
export const functionRange = (at: Place, name: string) =>
  keysUnder("lambda", at.accountId, at.region, "function", name);

type FunctionNoun = "version" | "alias" | "policy" | "invoke-config" | "url";
export const nounRange = (at: Place, name: string, noun: FunctionNoun) =>
  keysUnder("lambda", at.accountId, at.region, "function", name, noun);
/** Of a mapping, or of one shard of it. */
export const checkpointRange = (at: Place, uuid: string, ...shardId: [string?]) =>
  keysUnder("lambda", at.accountId, at.region, "checkpoint", uuid, ...(shardId as string[]));
export const mappingRange = (at: Place) => keysUnder("lambda", at.accountId, at.region, "mapping");
export const layerVersionRange = (at: Place, name: string) =>
  keysUnder("lambda", at.accountId, at.region, "layer", name, "version");

/** The functions of one account and region by name, skipping what belongs to each. */
export function* functionNames(tx: Transaction, at: Place, from = ""): Generator<string> {
  yield* childNames(tx, at, "function", from);
}

/** The layers of one account and region by name. */
export function* layerNames(tx: Transaction, at: Place, from = ""): Generator<string> {
  yield* childNames(tx, at, "layer", from);
}

/** The functions of one account and region for which something is provisioned. */
export function* provisionedNames(tx: Transaction, at: Place): Generator<string> {
  yield* childNames(tx, at, "provisioned", "");
}

/** One look-up per name: it reads the first key at or after the cursor, and goes on behind everything that begins with that name. */
function* childNames(
  tx: Transaction,
  at: Place,
  noun: "function" | "layer" | "provisioned",
  from: string,
): Generator<string> {
  const { end } = keysUnder("lambda", at.accountId, at.region, noun);
  let start = key("lambda", at.accountId, at.region, noun, from);
  for (;;) {
    const [first] = tx.range(start, end, { limit: 1 });
    if (!first) return;
    const name = decodeKey(first[0])[4] as string;
    yield name;
    start = after(key("lambda", at.accountId, at.region, noun, name));
  }
}

/** Every account and region in which Lambda holds anything. */
export function* places(tx: Transaction): Generator<Place> {
  const { start: first, end } = keysUnder("lambda");
  let start = first;
  for (;;) {
    const [next] = tx.range(start, end, { limit: 1 });
    if (!next) return;
    const [, accountId, region] = decodeKey(next[0]);
    yield { accountId: accountId as AccountId, region: region as Region };
    start = after(key("lambda", accountId as string, region as string));
  }
}
