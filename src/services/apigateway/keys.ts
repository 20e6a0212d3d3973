/** API keys and usage plans: who may call how often. */
import type { ApiKey as ApiKeyDescription, UsagePlan as UsagePlanDescription } from "@aws-sdk/client-api-gateway";
import { notImplemented } from "../../kernel/errors.ts";
import { lowerId, mixedId } from "../../kernel/ids.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { apiKeyNotFound, badRequest, conflict, notFound, usagePlanNotFound } from "./errors.ts";
import { patched } from "./patch.ts";
import { type ApiKey, apiKeys, keyValues, page, planKeys, stages, type UsagePlan, usagePlans } from "./state.ts";

type V1 = "apigateway";

export function createApiKey(
  tx: Transaction,
  input: InputOf<V1, "CreateApiKey">,
  context: OperationContext,
): OutputOf<V1, "CreateApiKey"> {
  if (input.stageKeys && input.stageKeys.length > 0) throw notImplemented("stage keys of API Gateway: use usage plans");
  if (input.value !== undefined && (input.value.length < 20 || input.value.length > 128)) {
    throw badRequest(
      input.value.length < 20
        ? "API Key value should be at least 20 characters"
        : "API Key value exceeds maximum size of 128 characters",
    );
  }
  const apiKey: ApiKey = {
    id: lowerId(context.random, 10),
    value: input.value ?? mixedId(context.random, 40),
    ...(input.name !== undefined && { name: input.name }),
    ...(input.customerId !== undefined && { customerId: input.customerId }),
    ...(input.description !== undefined && { description: input.description }),
    enabled: input.enabled ?? false,
    tags: input.tags ?? {},
    createdMs: context.nowMs,
    updatedMs: context.nowMs,
  };
  if (keyValues.get(tx, context, apiKey.value)) throw conflict("API Key already exists");
  apiKeys.put(tx, context, apiKey, apiKey.id);
  keyValues.put(tx, context, apiKey.id, apiKey.value);
  return describeKey(apiKey, true);
}

function requireKey(tx: Transaction, context: OperationContext, id: string | undefined): ApiKey {
  const apiKey = apiKeys.get(tx, context, id ?? "");
  if (!apiKey) throw apiKeyNotFound();
  return apiKey;
}

export function getApiKey(
  tx: Transaction,
  input: InputOf<V1, "GetApiKey">,
  context: OperationContext,
): OutputOf<V1, "GetApiKey"> {
  return describeKey(requireKey(tx, context, input.apiKey), input.includeValue ?? false);
}

export function getApiKeys(
  tx: Transaction,
  input: InputOf<V1, "GetApiKeys">,
  context: OperationContext,
): OutputOf<V1, "GetApiKeys"> {
  const shown = apiKeys
    .all(tx, context)
    .filter((one) => input.nameQuery === undefined || (one.name ?? "").startsWith(input.nameQuery))
    .filter((one) => input.customerId === undefined || one.customerId === input.customerId);
  const { items, position } = page(shown, input);
  return { items: items.map((one) => describeKey(one, input.includeValues ?? false)), position };
}

export function updateApiKey(
  tx: Transaction,
  input: InputOf<V1, "UpdateApiKey">,
  context: OperationContext,
): OutputOf<V1, "UpdateApiKey"> {
  const apiKey = requireKey(tx, context, input.apiKey);
  const updated: ApiKey = {
    ...patched(apiKey, input.patchOperations, {
      "/name": {},
      "/description": {},
      "/customerId": {},
      "/enabled": { type: "boolean", only: ["replace"] },
      "/stages": { unsupported: true },
    }),
    updatedMs: context.nowMs,
  };
  apiKeys.put(tx, context, updated, apiKey.id);
  return describeKey(updated, false);
}

export function deleteApiKey(tx: Transaction, input: InputOf<V1, "DeleteApiKey">, context: OperationContext): object {
  const apiKey = requireKey(tx, context, input.apiKey);
  for (const plan of usagePlans.all(tx, context)) planKeys.delete(tx, context, plan.id, apiKey.id);
  keyValues.delete(tx, context, apiKey.value);
  apiKeys.delete(tx, context, apiKey.id);
  return {};
}

function describeKey(apiKey: ApiKey, withValue: boolean): ApiKeyDescription {
  const { createdMs, updatedMs, value, tags, ...members } = apiKey;
  return {
    ...members,
    ...(withValue && { value }),
    ...(Object.keys(tags).length > 0 && { tags: { ...tags } }),
    stageKeys: [],
    createdDate: new Date(createdMs),
    lastUpdatedDate: new Date(updatedMs),
  };
}

export function createUsagePlan(
  tx: Transaction,
  input: InputOf<V1, "CreateUsagePlan">,
  context: OperationContext,
): OutputOf<V1, "CreateUsagePlan"> {
  const plan = {
    id: lowerId(context.random, 6),
    name: input.name ?? "",
    ...(input.description !== undefined && { description: input.description }),
    apiStages: (input.apiStages ?? []) as UsagePlan["apiStages"],
    ...(input.throttle && { throttle: input.throttle }),
    ...(input.quota && { quota: input.quota as UsagePlan["quota"] }),
    tags: input.tags ?? {},
  } as UsagePlan;
  checkPlan(tx, context, plan);
  usagePlans.put(tx, context, plan, plan.id);
  return describePlan(plan);
}

function checkPlan(tx: Transaction, context: OperationContext, plan: UsagePlan): void {
  if (!plan.name) throw badRequest("Usage Plan name must be specified");
  for (const { apiId, stage } of plan.apiStages) {
    if (!stages.get(tx, context, apiId, stage)) throw notFound(`API Stage not found: ${apiId}:${stage}`);
  }
  if (plan.quota) {
    const { limit, offset = 0, period } = plan.quota;
    if (!["DAY", "WEEK", "MONTH"].includes(period))
      throw badRequest("Usage Plan quota period must be one of DAY, WEEK, MONTH");
    if (!(limit >= 0)) throw badRequest("Usage Plan quota limit must be greater than or equal to 0");
    if (offset < 0 || offset > limit) throw badRequest("Usage Plan quota offset must be between 0 and the limit");
  }
  const { rateLimit = 0, burstLimit = 0 } = plan.throttle ?? {};
  if (rateLimit < 0 || burstLimit < 0)
    throw badRequest("Usage Plan throttle limits must be greater than or equal to 0");
}

function requirePlan(tx: Transaction, context: OperationContext, id: string | undefined): UsagePlan {
  const plan = usagePlans.get(tx, context, id ?? "");
  if (!plan) throw usagePlanNotFound();
  return plan;
}

export function getUsagePlan(
  tx: Transaction,
  input: InputOf<V1, "GetUsagePlan">,
  context: OperationContext,
): OutputOf<V1, "GetUsagePlan"> {
  return describePlan(requirePlan(tx, context, input.usagePlanId));
}

export function getUsagePlans(
  tx: Transaction,
  input: InputOf<V1, "GetUsagePlans">,
  context: OperationContext,
): OutputOf<V1, "GetUsagePlans"> {
  const shown = usagePlans
    .all(tx, context)
    .filter((plan) => input.keyId === undefined || planKeys.get(tx, context, plan.id, input.keyId) !== undefined);
  const { items, position } = page(shown, input);
  return { items: items.map(describePlan), position };
}

/** Stages are added and removed as `API:STAGE`; their throttles lie under `/apiStages/API:STAGE/throttle/PATH/METHOD`. */
export function updateUsagePlan(
  tx: Transaction,
  input: InputOf<V1, "UpdateUsagePlan">,
  context: OperationContext,
): OutputOf<V1, "UpdateUsagePlan"> {
  const plan = requirePlan(tx, context, input.usagePlanId);
  const byName = Object.fromEntries(plan.apiStages.map((one) => [`${one.apiId}:${one.stage}`, one]));
  const operations = (input.patchOperations ?? []).filter((operation) => {
    if (operation.path !== "/apiStages") return true;
    const [apiId = "", stage = ""] = (operation.value ?? "").split(":");
    if (operation.op === "add") byName[`${apiId}:${stage}`] ??= { apiId, stage };
    else if (operation.op === "remove") delete byName[`${apiId}:${stage}`];
    else throw badRequest("Invalid patch operation specified. Must be 'add' or 'remove'");
    return false;
  });
  const { stages: kept, ...updated } = patched({ ...plan, stages: byName }, operations.map(stagePath), {
    "/name": { only: ["replace"] },
    "/description": {},
    "/throttle": { only: ["remove"] },
    "/throttle/rateLimit": { type: "number" },
    "/throttle/burstLimit": { type: "integer" },
    "/quota": { only: ["remove"] },
    "/quota/limit": { type: "integer" },
    "/quota/offset": { type: "integer" },
    "/quota/period": {},
    "/productCode": {},
    "/stages/*/throttle/*/rateLimit": { type: "number" },
    "/stages/*/throttle/*/burstLimit": { type: "integer" },
  });
  const result: UsagePlan = { ...updated, apiStages: Object.values(kept) };
  checkPlan(tx, context, result);
  usagePlans.put(tx, context, result, plan.id);
  return describePlan(result);
}

/** Joins path and method of a stage's throttle, so that they are one step: `/stages/API:STAGE/throttle/~1pets~1GET/rateLimit`. */
function stagePath<T extends { path?: string | undefined }>(operation: T): T {
  const match = /^\/apiStages\/([^/]+)\/throttle\/(.+)\/([A-Z*]+)\/(rateLimit|burstLimit)$/.exec(operation.path ?? "");
  if (!match) return operation;
  return { ...operation, path: `/stages/${match[1]}/throttle/${match[2]}~1${match[3]}/${match[4]}` };
}

export function deleteUsagePlan(
  tx: Transaction,
  input: InputOf<V1, "DeleteUsagePlan">,
  context: OperationContext,
): object {
  const plan = requirePlan(tx, context, input.usagePlanId);
  if (plan.apiStages.length > 0) {
    throw badRequest(
      `Cannot delete Usage Plan ${plan.id} because it is associated with API Stages. Please remove them first.`,
    );
  }
  for (const { keyId } of planKeys.all(tx, context, plan.id)) planKeys.delete(tx, context, plan.id, keyId);
  usagePlans.delete(tx, context, plan.id);
  return {};
}

function describePlan(plan: UsagePlan): UsagePlanDescription {
  const { tags, ...members } = structuredClone(plan);
  return { ...members, apiStages: [...members.apiStages], ...(Object.keys(tags).length > 0 && { tags }) };
}

export function createUsagePlanKey(
  tx: Transaction,
  input: InputOf<V1, "CreateUsagePlanKey">,
  context: OperationContext,
): OutputOf<V1, "CreateUsagePlanKey"> {
  const plan = requirePlan(tx, context, input.usagePlanId);
  if (input.keyType !== "API_KEY") throw badRequest("Invalid Usage Plan Key Type specified: must be API_KEY");
  const apiKey = requireKey(tx, context, input.keyId);
  if (planKeys.get(tx, context, plan.id, apiKey.id)) throw conflict("Usage Plan Key already exists");
  planKeys.put(tx, context, { keyId: apiKey.id, periodMs: 0, used: 0 }, plan.id, apiKey.id);
  return describePlanKey(apiKey);
}

function describePlanKey(apiKey: ApiKey): { id: string; type: string; value: string; name?: string } {
  return {
    id: apiKey.id,
    type: "API_KEY",
    value: apiKey.value,
    ...(apiKey.name !== undefined && { name: apiKey.name }),
  };
}

function requirePlanKey(
  tx: Transaction,
  context: OperationContext,
  input: { readonly usagePlanId?: string | undefined; readonly keyId?: string | undefined },
): { plan: UsagePlan; apiKey: ApiKey } {
  const plan = requirePlan(tx, context, input.usagePlanId);
  if (!planKeys.get(tx, context, plan.id, input.keyId ?? ""))
    throw notFound("Invalid Usage Plan Key identifier specified");
  return { plan, apiKey: requireKey(tx, context, input.keyId) };
}

export function getUsagePlanKey(
  tx: Transaction,
  input: InputOf<V1, "GetUsagePlanKey">,
  context: OperationContext,
): OutputOf<V1, "GetUsagePlanKey"> {
  return describePlanKey(requirePlanKey(tx, context, input).apiKey);
}

export function getUsagePlanKeys(
  tx: Transaction,
  input: InputOf<V1, "GetUsagePlanKeys">,
  context: OperationContext,
): OutputOf<V1, "GetUsagePlanKeys"> {
  const plan = requirePlan(tx, context, input.usagePlanId);
  const shown = planKeys
    .all(tx, context, plan.id)
    .map(({ keyId }) => requireKey(tx, context, keyId))
    .filter((one) => input.nameQuery === undefined || (one.name ?? "").startsWith(input.nameQuery));
  const { items, position } = page(shown, input);
  return { items: items.map(describePlanKey), position };
}

export function deleteUsagePlanKey(
  tx: Transaction,
  input: InputOf<V1, "DeleteUsagePlanKey">,
  context: OperationContext,
): object {
  const { plan, apiKey } = requirePlanKey(tx, context, input);
  planKeys.delete(tx, context, plan.id, apiKey.id);
  return {};
}
