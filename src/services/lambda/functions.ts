/** Functions: create, read, change, delete. What publishes versions is in `versions.ts`. */
import { AwsError, notImplemented } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { FlowContext, InputOf, Operation, OperationContext, OutputOf } from "../service.ts";
import { functionCodeLocation, receiveCode } from "./code.ts";
import { reserve } from "./concurrency.ts";
import {
  changed,
  checkConfiguration,
  checkHandler,
  checkRuntimeHere,
  listed,
  mergedLogging,
  resolveLayers,
  roleRefused,
  shown,
} from "./configuration.ts";
import { invalidParameterValue, resourceConflict, revisionMismatch, validation } from "./errors.ts";
import { type FunctionLocator, functionArn, locate, locateOwn, newFunctionName } from "./names.ts";
import type { FunctionHost } from "./ports.ts";
import { dropProvisioned, provisionedOf } from "./provisioned.ts";
import { constraints, lambdaDate } from "./rules.ts";
import {
  aliases,
  type Code,
  functionKey,
  functionNames,
  functionRange,
  functions,
  nounRange,
  urlAddressKey,
  urls,
  type VersionRecord,
  versions,
} from "./state.ts";
import { type Functions, putVersion, removeVersion, requireFunction, requireVersion } from "./stored.ts";
import { checkTagCount } from "./tags.ts";
import { publish } from "./versions.ts";

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html */
export function createFunction({ ports, host, roles }: Functions) {
  return async (
    flow: FlowContext,
    input: InputOf<"lambda", "CreateFunction">,
  ): Promise<OutputOf<"lambda", "CreateFunction">> => {
    const name = newFunctionName(input.FunctionName, flow);
    const found = constraints();
    found.required("role", input.Role);
    found.required("code", input.Code);
    found.oneOf("packageType", input.PackageType, ["Image", "Zip"]);
    found.check();
    if (input.PackageType === "Image")
      throw notImplemented("Lambda functions from container images (PackageType Image)");
    checkArchitectures(input.Architectures);
    checkConfiguration(input);
    if (!input.Runtime || !input.Handler) {
      throw invalidParameterValue(
        "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
      );
    }
    checkTagCount(input.Tags);
    checkRuntimeHere(host, input.Runtime);
    const runtime = input.Runtime;
    const handler = input.Handler;
    checkHandler(runtime, handler);

    const at = { accountId: flow.accountId, region: flow.region, name };
    await flow.write((tx) => refuseExisting(tx, at));
    await roles.renew(flow, input.Role!, name).catch((error) => {
      throw roleRefused(error);
    });
    const code = await receiveCode(flow, ports, input.Code!);

    return storing(flow, code, (tx, context) => {
      refuseExisting(tx, at);
      functions.put(tx, functionKey(at, name), { name, nextVersion: 1, tags: input.Tags ?? {} });
      const record: VersionRecord = {
        version: "$LATEST",
        description: input.Description ?? "",
        role: input.Role!,
        runtime,
        handler,
        timeoutSeconds: input.Timeout ?? 3,
        memoryMb: input.MemorySize ?? 128,
        ...(Object.keys(input.Environment?.Variables ?? {}).length > 0
          ? { environment: input.Environment!.Variables! }
          : {}),
        architecture: input.Architectures?.[0] ?? hostArchitectureDefault,
        ephemeralStorageMb: input.EphemeralStorage?.Size ?? 512,
        ...(input.DeadLetterConfig?.TargetArn ? { deadLetterArn: input.DeadLetterConfig.TargetArn } : {}),
        layers: resolveLayers(tx, at, input.Layers ?? []),
        logging: mergedLogging({ LogFormat: "Text", LogGroup: `/aws/lambda/${name}` }, input.LoggingConfig ?? {}),
        code,
        codeToken: context.random.uuid(),
        lastModified: lambdaDate(context.nowMs),
        revisionId: context.random.uuid(),
        buildId: context.random.uuid(),
      };
      putVersion(tx, at, record);
      tx.afterCommit(() => host.expect(runtime));
      if (!input.Publish) return shown(at, record);
      return shown(at, publish(tx, at, context, {}));
    });
  };
}

/** Writes what names new code; when that is refused, the code goes again. */
async function storing<T>(
  flow: FlowContext,
  code: Code,
  operation: (tx: Transaction, context: OperationContext) => T,
): Promise<T> {
  try {
    return await flow.write(operation);
  } catch (error) {
    if (error instanceof AwsError) await discard(flow, code);
    throw error;
  }
}

async function discard(flow: FlowContext, code: Code): Promise<void> {
  if (code.kind === "zip") await flow.blobs.discard(code.blob);
}

/** AWS's default, whatever the machine's own architecture: a label that answers show; code runs on the machine that is there. */
const hostArchitectureDefault = "x86_64" as const;

function refuseExisting(tx: Transaction, at: Omit<FunctionLocator, "qualifier">): void {
  if (functions.get(tx, functionKey(at, at.name))) throw resourceConflict(`Function already exist: ${at.name}`);
}

function checkArchitectures(architectures: readonly string[] | undefined): void {
  if (architectures === undefined) return;
  const value = `1 validation error detected: Value '[${architectures.join(", ")}]' at 'architectures' failed to satisfy constraint:`;
  if (architectures.length > 1) throw validation(`${value} Member must have length less than or equal to 1`);
  if (architectures.length < 1) throw validation(`${value} Member must have length greater than or equal to 1`);
  if (!["x86_64", "arm64"].includes(architectures[0]!)) {
    throw validation(
      `${value} Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]`,
    );
  }
}

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html */
export const getFunction: Operation<InputOf<"lambda", "GetFunction">, OutputOf<"lambda", "GetFunction">> = (
  tx,
  input,
  context,
) => {
  const at = locate(input.FunctionName, context, input.Qualifier);
  const record = requireVersion(tx, at);
  const { tags, reservedConcurrency } = requireFunction(tx, at);
  return {
    Configuration: shown(at, record, at.qualifier),
    Code: {
      RepositoryType: "S3",
      Location: functionCodeLocation(context.endpoint, at, at.name, record.version, record.codeToken),
    },
    ...(Object.keys(tags).length > 0 ? { Tags: { ...tags } } : {}),
    ...(reservedConcurrency === undefined
      ? {}
      : { Concurrency: { ReservedConcurrentExecutions: reservedConcurrency } }),
  };
};

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html */
export const getFunctionConfiguration: Operation<
  InputOf<"lambda", "GetFunctionConfiguration">,
  OutputOf<"lambda", "GetFunctionConfiguration">
> = (tx, input, context) => {
  const at = locate(input.FunctionName, context, input.Qualifier);
  return shown(at, requireVersion(tx, at), at.qualifier);
};

/** No function has one: CreateFunction refuses them. @see https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionCodeSigningConfig.html */
export const getFunctionCodeSigningConfig: Operation<
  InputOf<"lambda", "GetFunctionCodeSigningConfig">,
  OutputOf<"lambda", "GetFunctionCodeSigningConfig">
> = (tx, input, context) => {
  const at = { ...locate(input.FunctionName, context), qualifier: undefined };
  requireFunction(tx, at);
  return { CodeSigningConfigArn: "", FunctionName: at.name };
};

/** Functions run on what the machine has, whenever that changes. @see https://docs.aws.amazon.com/lambda/latest/api/API_GetRuntimeManagementConfig.html */
export const getRuntimeManagementConfig: Operation<
  InputOf<"lambda", "GetRuntimeManagementConfig">,
  OutputOf<"lambda", "GetRuntimeManagementConfig">
> = (tx, input, context) => {
  const at = locate(input.FunctionName, context, input.Qualifier);
  requireVersion(tx, at);
  return { UpdateRuntimeOn: "Auto", FunctionArn: functionArn(at, at.qualifier) };
};

/** One page takes at most 50 functions, whatever is asked. @see https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html */
export const listFunctions: Operation<InputOf<"lambda", "ListFunctions">, OutputOf<"lambda", "ListFunctions">> = (
  tx,
  input,
  context,
) => {
  const found = constraints();
  found.oneOf("functionVersion", input.FunctionVersion, ["ALL"]);
  found.range("maxItems", input.MaxItems, 1, 10_000);
  found.check();
  if (input.MasterRegion !== undefined) throw notImplemented("the Lambda@Edge filter MasterRegion");
  const limit = Math.min(input.MaxItems ?? 50, 50);
  const page = [];
  for (const name of functionNames(tx, context, input.Marker ?? "")) {
    // A page ends between functions, so one with many versions may make it longer than asked.
    if (page.length >= limit) return { Functions: page, NextMarker: name };
    const at = { accountId: context.accountId, region: context.region, name };
    const { start, end } = nounRange(context, name, "version");
    for (const [, record] of versions.range(tx, start, end, input.FunctionVersion === "ALL" ? {} : { limit: 1 })) {
      page.push(listed(shown(at, record, input.FunctionVersion === "ALL" ? record.version : undefined)));
    }
  }
  return { Functions: page };
};

/** Stores a changed $LATEST with a new revision. */
function putLatest(
  tx: Transaction,
  at: FunctionLocator,
  record: VersionRecord,
  context: OperationContext,
): VersionRecord {
  const next = { ...record, lastModified: lambdaDate(context.nowMs), revisionId: context.random.uuid() };
  putVersion(tx, at, next);
  return next;
}

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html */
export function updateFunctionCode({ ports, host }: Functions) {
  return async (
    flow: FlowContext,
    input: InputOf<"lambda", "UpdateFunctionCode">,
  ): Promise<OutputOf<"lambda", "UpdateFunctionCode">> => {
    const at = locate(input.FunctionName, flow);
    checkArchitectures(input.Architectures);
    const latest = { ...at, qualifier: undefined };
    const check = (tx: Transaction) => {
      requireFunction(tx, latest);
      const record = requireVersion(tx, latest);
      if (input.RevisionId !== undefined && input.RevisionId !== record.revisionId) throw revisionMismatch();
      return record;
    };
    const before = await flow.write(check);
    const code = await receiveCode(flow, ports, input);
    const withCode = (record: VersionRecord): VersionRecord => ({
      ...record,
      code,
      architecture: input.Architectures?.[0] ?? record.architecture,
    });
    if (input.DryRun) {
      await discard(flow, code);
      return shown(at, withCode(before));
    }
    return storing(flow, code, (tx, context) => {
      const record = withCode(check(tx));
      const next = { ...record, buildId: context.random.uuid(), codeToken: context.random.uuid() };
      const stored = putLatest(tx, latest, next, context);
      retireAfter(tx, host, at);
      if (!input.Publish) return shown(at, stored);
      const published = publish(tx, at, context, {});
      return shown(at, published, published.version);
    });
  };
}

/** Workers with the old code or configuration end once the change is durable. */
function retireAfter(tx: Transaction, host: FunctionHost, at: FunctionLocator): void {
  tx.afterCommit(() => host.retire(functionArn(at), "$LATEST"));
}

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html */
export function updateFunctionConfiguration({ host, roles }: Functions) {
  return async (
    flow: FlowContext,
    input: InputOf<"lambda", "UpdateFunctionConfiguration">,
  ): Promise<OutputOf<"lambda", "UpdateFunctionConfiguration">> => {
    const at = { ...locateOwn(input.FunctionName, flow), qualifier: undefined };
    checkConfiguration(input);
    if (input.Runtime !== undefined) checkRuntimeHere(host, input.Runtime);
    await flow.write((tx) => requireFunction(tx, at));
    if (input.Role !== undefined) {
      await roles.renew(flow, input.Role, at.name).catch((error) => {
        throw roleRefused(error);
      });
    }
    return flow.write((tx, context) => {
      requireFunction(tx, at);
      const record = requireVersion(tx, at);
      if (input.RevisionId !== undefined && input.RevisionId !== record.revisionId) throw revisionMismatch();
      const stored = putLatest(tx, at, changed(tx, at, record, input, context), context);
      retireAfter(tx, host, at);
      return shown(at, stored);
    });
  };
}

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html */
export const deleteFunction =
  (host: FunctionHost): Operation<InputOf<"lambda", "DeleteFunction">, OutputOf<"lambda", "DeleteFunction">> =>
  (tx, input, context) => {
    const at = locate(input.FunctionName, context, input.Qualifier);
    if (at.qualifier === "$LATEST") {
      throw invalidParameterValue("$LATEST version cannot be deleted without deleting the function.");
    }
    requireFunction(tx, { ...at, qualifier: undefined });
    if (at.qualifier === undefined) {
      for (const { qualifier } of provisionedOf(tx, at)) dropProvisioned(tx, at, qualifier, context);
      reserve(tx, at, undefined);
      const reached = nounRange(at, at.name, "url");
      for (const [, { urlId }] of urls.range(tx, reached.start, reached.end)) tx.delete(urlAddressKey(urlId));
      const stored = nounRange(at, at.name, "version");
      for (const [, { version }] of [...versions.range(tx, stored.start, stored.end)]) removeVersion(tx, at, version);
      const { start, end } = functionRange(at, at.name);
      for (const key of [...tx.range(start, end)].map(([key]) => key)) tx.delete(key);
      tx.afterCommit(() => host.retire(functionArn(at)));
      return { StatusCode: 204 };
    }
    deleteVersion(tx, at, at.qualifier, context);
    tx.afterCommit(() => host.retire(functionArn(at), at.qualifier));
    return { StatusCode: 204 };
  };

function deleteVersion(
  tx: Transaction,
  at: FunctionLocator,
  version: string,
  context: Pick<OperationContext, "use" | "nowMs">,
): void {
  if (!/^\d+$/.test(version)) {
    throw invalidParameterValue(`Deletion of aliases is not currently supported.`);
  }
  const { start, end } = nounRange(at, at.name, "alias");
  const pointing = [...aliases.range(tx, start, end)]
    .map(([, alias]) => alias)
    .filter((alias) => alias.functionVersion === version || Object.hasOwn(alias.weights ?? {}, version))
    .map((alias) => alias.name);
  if (pointing.length > 0) {
    throw resourceConflict(
      `Version ${version} of function ${functionArn(at)} is used by the following alias(es): ${pointing.join(", ")}`,
    );
  }
  dropProvisioned(tx, at, version, context);
  removeVersion(tx, at, version);
}
