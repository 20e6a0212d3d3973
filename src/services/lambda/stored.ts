/**
 * What is stored of functions: look-ups that fail as AWS does, and writes that keep count of who names which code. Operations go through here;
 * the keys are in `state.ts`.
 */

import type { Transaction } from "../../storage/transaction.ts";
import { dropCode, keepCode } from "./code.ts";
import { functionNotFound } from "./errors.ts";
import type { Running } from "./metering.ts";
import { type FunctionLocator, functionArn } from "./names.ts";
import type { FunctionHost, LambdaPorts } from "./ports.ts";
import type { Roles } from "./roles.ts";
import {
  aliases,
  aliasKey,
  type Code,
  type FunctionRecord,
  functionKey,
  functionNames,
  functions,
  layerNames,
  layerVersionRange,
  layerVersions,
  nounRange,
  type Place,
  places,
  type VersionRecord,
  versionKey,
  versions,
} from "./state.ts";

/** What operations that run or receive code work with. */
export interface Functions {
  readonly ports: LambdaPorts;
  readonly host: FunctionHost;
  readonly roles: Roles;
  readonly running: Running;
}

/** @throws ResourceNotFoundException */
export function requireFunction(tx: Transaction, at: FunctionLocator): FunctionRecord {
  const record = functions.get(tx, functionKey(at, at.name));
  if (!record) throw functionNotFound(functionArn(at, at.qualifier));
  return record;
}

/**
 * The version that a name and qualifier stand for; an alias gives the version it points to.
 * @throws ResourceNotFoundException
 */
export function requireVersion(tx: Transaction, at: FunctionLocator): VersionRecord {
  const qualifier = at.qualifier ?? "$LATEST";
  const alias = aliases.get(tx, aliasKey(at, at.name, qualifier));
  const version = alias?.functionVersion ?? qualifier;
  const record = /^(\$LATEST|\d+)$/.test(version) ? versions.get(tx, versionKey(at, at.name, version)) : undefined;
  if (!record) throw functionNotFound(functionArn(at, at.qualifier));
  return record;
}

/** Writes a version in place of what was there; code is kept as long as a version names it. */
export function putVersion(tx: Transaction, at: Omit<FunctionLocator, "qualifier">, record: VersionRecord): void {
  for (const code of codeOf(record)) keepCode(tx, code);
  removeVersion(tx, at, record.version);
  versions.put(tx, versionKey(at, at.name, record.version), record);
}

/** Removes a version, if it is there, and lets go of its code. */
export function removeVersion(tx: Transaction, at: Omit<FunctionLocator, "qualifier">, version: string): void {
  const previous = versions.get(tx, versionKey(at, at.name, version));
  if (!previous) return;
  for (const code of codeOf(previous)) dropCode(tx, code);
  tx.delete(versionKey(at, at.name, version));
}

const codeOf = (record: VersionRecord): readonly Code[] => [record.code, ...record.layers.map(({ code }) => code)];

/** Every archive that a version of a function, or a layer, is made of: their hashes in base64. */
export function storedHashes(tx: Transaction): Set<string> {
  const hashes = new Set<string>();
  for (const at of places(tx)) {
    for (const name of functionNames(tx, at)) {
      const { start, end } = nounRange(at, name, "version");
      for (const [, record] of versions.range(tx, start, end))
        for (const code of codeOf(record)) hashes.add(code.sha256);
    }
    for (const name of layerNames(tx, at)) {
      const { start, end } = layerVersionRange(at, name);
      for (const [, record] of layerVersions.range(tx, start, end)) hashes.add(record.code.sha256);
    }
  }
  return hashes;
}

/** Every stored package of an account and region, for its usage. */
export function* storedCode(tx: Transaction, at: Place): Generator<Code> {
  for (const name of functionNames(tx, at)) {
    const { start, end } = nounRange(at, name, "version");
    for (const [, record] of versions.range(tx, start, end)) yield record.code;
  }
}
