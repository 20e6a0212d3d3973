/** Published versions. */
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OperationContext, OutputOf } from "../service.ts";
import { listed, shown } from "./configuration.ts";
import { invalidParameterValue, revisionMismatch } from "./errors.ts";
import { type FunctionLocator, locate, locateOwn } from "./names.ts";
import { constraints } from "./rules.ts";
import { functionKey, functions, nounRange, type VersionRecord, versionKey, versions } from "./state.ts";
import { putVersion, requireFunction, requireVersion } from "./stored.ts";

/**
 * Freezes $LATEST under the next number; when nothing has changed since the last version, gives that one again.
 */
export function publish(
  tx: Transaction,
  of: Omit<FunctionLocator, "qualifier">,
  context: OperationContext,
  { description }: { readonly description?: string | undefined },
): VersionRecord {
  const at = { ...of, qualifier: undefined };
  const record = requireFunction(tx, at);
  const latest = requireVersion(tx, at);
  const previous = versions.get(tx, versionKey(at, at.name, String(record.nextVersion - 1)));
  if (record.nextVersion > 1 && previous?.buildId === latest.buildId) return previous;
  const version = String(record.nextVersion);
  const published: VersionRecord = {
    ...latest,
    version,
    description: description ?? latest.description,
    codeToken: context.random.uuid(),
    revisionId: context.random.uuid(),
  };
  putVersion(tx, at, published);
  functions.put(tx, functionKey(at, at.name), { ...record, nextVersion: record.nextVersion + 1 });
  // Publishing gives $LATEST a new revision as well.
  putVersion(tx, at, { ...latest, revisionId: context.random.uuid() });
  return published;
}

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html */
export const publishVersion: Operation<InputOf<"lambda", "PublishVersion">, OutputOf<"lambda", "PublishVersion">> = (
  tx,
  input,
  context,
) => {
  const at = { ...locateOwn(input.FunctionName, context), qualifier: undefined };
  const found = constraints();
  found.length("description", input.Description, 0, 256);
  found.check();
  requireFunction(tx, at);
  const latest = requireVersion(tx, at);
  if (input.RevisionId !== undefined && input.RevisionId !== latest.revisionId) throw revisionMismatch();
  if (input.CodeSha256 !== undefined && input.CodeSha256 !== latest.code.sha256) {
    throw invalidParameterValue(
      `CodeSHA256 (${input.CodeSha256}) is different from current CodeSHA256 in $LATEST (${latest.code.sha256}). Please try again with the CodeSHA256 in $LATEST.`,
    );
  }
  const published = publish(tx, at, context, { description: input.Description });
  return shown(at, published, published.version);
};

/** $LATEST first, then the numbers. @see https://docs.aws.amazon.com/lambda/latest/api/API_ListVersionsByFunction.html */
export const listVersionsByFunction: Operation<
  InputOf<"lambda", "ListVersionsByFunction">,
  OutputOf<"lambda", "ListVersionsByFunction">
> = (tx, input, context) => {
  const at = { ...locate(input.FunctionName, context), qualifier: undefined };
  const found = constraints();
  found.range("maxItems", input.MaxItems, 1, 10_000);
  found.check();
  requireFunction(tx, at);
  const limit = Math.min(input.MaxItems ?? 50, 50);
  const { start, end } = nounRange(at, at.name, "version");
  const from = input.Marker === undefined ? start : versionKey(at, at.name, input.Marker);
  const page = [];
  for (const [, record] of versions.range(tx, from, end, { limit: limit + 1 })) {
    if (page.length === limit) return { Versions: page, NextMarker: record.version };
    page.push(listed(shown(at, record, record.version)));
  }
  return { Versions: page };
};
