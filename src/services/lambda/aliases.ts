/** Aliases: names for versions, which may share their invocations with one further version. */
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import {
  aliasNotFound,
  functionNotFound,
  invalidParameterValue,
  resourceConflict,
  revisionMismatch,
  validation,
} from "./errors.ts";
import { type FunctionLocator, functionArn, isVersion, locate } from "./names.ts";
import { dropProvisioned, provisionedChanged } from "./provisioned.ts";
import { constraints, PATTERNS } from "./rules.ts";
import {
  type AliasRecord,
  aliases,
  aliasKey,
  invokeConfigKey,
  nounRange,
  policyKey,
  provisioned,
  provisionedKey,
  urlAddressKey,
  urlKey,
  urls,
  versionKey,
  versions,
} from "./state.ts";
import { requireFunction } from "./stored.ts";

type Alias = OutputOf<"lambda", "GetAlias">;

function shown(at: FunctionLocator, record: AliasRecord): Alias {
  return {
    AliasArn: functionArn(at, record.name),
    Name: record.name,
    FunctionVersion: record.functionVersion,
    Description: record.description,
    ...(record.weights === undefined ? {} : { RoutingConfig: { AdditionalVersionWeights: { ...record.weights } } }),
    RevisionId: record.revisionId,
  };
}

function locateFunction(
  input: { FunctionName: string | undefined },
  context: Parameters<typeof locate>[1],
): FunctionLocator {
  return { ...locate(input.FunctionName, context), qualifier: undefined };
}

function checkInput(input: {
  readonly Name: string | undefined;
  readonly FunctionVersion?: string | undefined;
  readonly Description?: string | undefined;
}): void {
  const found = constraints();
  found.required("name", input.Name);
  found.length("name", input.Name, 1, 128);
  found.pattern("name", input.Name, PATTERNS.alias);
  found.pattern("functionVersion", input.FunctionVersion, PATTERNS.version);
  found.length("description", input.Description, 0, 256);
  found.check();
}

/** @throws ValidationException, InvalidParameterValueException, ResourceNotFoundException when a weighted version is missing */
function checkWeights(
  tx: Transaction,
  at: FunctionLocator,
  functionVersion: string,
  weights: Readonly<Record<string, number>>,
): void {
  const entries = Object.entries(weights);
  if (entries.length > 1) {
    throw invalidParameterValue("Number of items in AdditionalVersionWeights cannot be greater than 1");
  }
  for (const [version, weight] of entries) {
    const value = `1 validation error detected: Value '{${version}=${weight}}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint:`;
    if (!(weight >= 0 && weight <= 1)) {
      throw validation(
        `${value} Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]`,
      );
    }
    if (version === functionVersion) {
      throw invalidParameterValue(
        `Invalid function version ${version}. Function version ${version} is already included in routing configuration.`,
      );
    }
    if (functionVersion === "$LATEST") {
      throw invalidParameterValue("$LATEST is not supported for an alias pointing to more than 1 version");
    }
    if (!isVersion(version)) {
      throw validation(
        `${value} Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: ${PATTERNS.additionalVersion}, Member must not be null]`,
      );
    }
    requireStoredVersion(tx, at, version);
  }
}

function requireStoredVersion(tx: Transaction, at: FunctionLocator, version: string): void {
  if (!versions.get(tx, versionKey(at, at.name, version))) throw functionNotFound(functionArn(at, version));
}

const orNone = (weights: Readonly<Record<string, number>> | undefined) =>
  weights && Object.keys(weights).length > 0 ? { weights } : {};

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html */
export const createAlias: Operation<InputOf<"lambda", "CreateAlias">, Alias> = (tx, input, context) => {
  checkInput(input);
  const found = constraints();
  found.required("functionVersion", input.FunctionVersion);
  found.check();
  const at = locateFunction(input, context);
  requireFunction(tx, at);
  const functionVersion = input.FunctionVersion!;
  requireStoredVersion(tx, at, functionVersion);
  const name = input.Name!;
  if (aliases.get(tx, aliasKey(at, at.name, name))) {
    throw resourceConflict(`Alias already exists: ${functionArn(at, name)}`);
  }
  const weights = input.RoutingConfig?.AdditionalVersionWeights ?? {};
  checkWeights(tx, at, functionVersion, weights);
  const record: AliasRecord = {
    name,
    functionVersion,
    description: input.Description ?? "",
    ...orNone(weights),
    revisionId: context.random.uuid(),
  };
  aliases.put(tx, aliasKey(at, at.name, name), record);
  return shown(at, record);
};

function requireAlias(tx: Transaction, at: FunctionLocator, name: string): AliasRecord {
  const record = aliases.get(tx, aliasKey(at, at.name, name));
  if (!record) throw aliasNotFound(functionArn(at, name));
  return record;
}

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_GetAlias.html */
export const getAlias: Operation<InputOf<"lambda", "GetAlias">, Alias> = (tx, input, context) => {
  checkInput(input);
  const at = locateFunction(input, context);
  requireFunction(tx, at);
  return shown(at, requireAlias(tx, at, input.Name!));
};

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html */
export const updateAlias: Operation<InputOf<"lambda", "UpdateAlias">, Alias> = (tx, input, context) => {
  checkInput(input);
  const at = locateFunction(input, context);
  requireFunction(tx, at);
  const { weights: previousWeights, ...previous } = requireAlias(tx, at, input.Name!);
  if (input.RevisionId !== undefined && input.RevisionId !== previous.revisionId) throw revisionMismatch();
  const functionVersion = input.FunctionVersion ?? previous.functionVersion;
  if (input.FunctionVersion !== undefined) requireStoredVersion(tx, at, functionVersion);
  const weights = input.RoutingConfig === undefined ? previousWeights : input.RoutingConfig.AdditionalVersionWeights;
  checkWeights(tx, at, functionVersion, weights ?? {});
  const record: AliasRecord = {
    ...previous,
    functionVersion,
    description: input.Description ?? previous.description,
    ...orNone(weights),
    revisionId: context.random.uuid(),
  };
  aliases.put(tx, aliasKey(at, at.name, record.name), record);
  if (provisioned.get(tx, provisionedKey(at, at.name, record.name))) provisionedChanged(tx, at);
  return shown(at, record);
};

/** Succeeds when there is no such alias. @see https://docs.aws.amazon.com/lambda/latest/api/API_DeleteAlias.html */
export const deleteAlias: Operation<InputOf<"lambda", "DeleteAlias">, OutputOf<"lambda", "DeleteAlias">> = (
  tx,
  input,
  context,
) => {
  checkInput(input);
  const at = locateFunction(input, context);
  requireFunction(tx, at);
  const url = urls.get(tx, urlKey(at, at.name, input.Name!));
  if (url) tx.delete(urlAddressKey(url.urlId));
  dropProvisioned(tx, at, input.Name!, context);
  tx.delete(urlKey(at, at.name, input.Name!));
  tx.delete(aliasKey(at, at.name, input.Name!));
  tx.delete(policyKey(at, at.name, input.Name!));
  tx.delete(invokeConfigKey(at, at.name, input.Name!));
  return {};
};

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_ListAliases.html */
export const listAliases: Operation<InputOf<"lambda", "ListAliases">, OutputOf<"lambda", "ListAliases">> = (
  tx,
  input,
  context,
) => {
  const at = locateFunction(input, context);
  const found = constraints();
  found.range("maxItems", input.MaxItems, 1, 10_000);
  found.pattern("functionVersion", input.FunctionVersion, PATTERNS.version);
  found.check();
  requireFunction(tx, at);
  const limit = Math.min(input.MaxItems ?? 50, 50);
  const { start, end } = nounRange(at, at.name, "alias");
  const from = input.Marker === undefined ? start : aliasKey(at, at.name, input.Marker);
  const page: Alias[] = [];
  for (const [, record] of aliases.range(tx, from, end)) {
    if (input.FunctionVersion !== undefined && record.functionVersion !== input.FunctionVersion) continue;
    if (page.length === limit) return { Aliases: page, NextMarker: record.name };
    page.push(shown(at, record));
  }
  return { Aliases: page };
};
