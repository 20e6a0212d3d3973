/** CreateRestApi, GetRestApi, GetRestApis, UpdateRestApi, DeleteRestApi, the account's settings, and tags. */
import type { RestApi as RestApiDescription } from "@aws-sdk/client-api-gateway";
import { notImplemented } from "../../kernel/errors.ts";
import { lowerId } from "../../kernel/ids.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { registerApi, unregisterApi } from "../apigateway-common/addresses.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { apiNotFound, badRequest, notFound, stageNotFound } from "./errors.ts";
import { type PatchRules, patched } from "./patch.ts";
import {
  account,
  apiKeys,
  apis,
  deleteParts,
  models,
  type Owner,
  page,
  type RestApi,
  resources,
  stages,
  type Texts,
  usagePlans,
} from "./state.ts";

type V1 = "apigateway";
const COMPRESSION_BYTES_MAX = 10_485_760;

export function requireApi(tx: Transaction, owner: Owner, apiId: string | undefined): RestApi {
  const api = apiId === undefined ? undefined : apis.get(tx, owner, apiId);
  if (!api) throw apiNotFound(owner.accountId, apiId ?? "");
  return api;
}

/** The models that every API begins with. @see https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html */
export const DEFAULT_MODELS = [
  {
    name: "Empty",
    description: "This is a default empty schema model",
    schema:
      '{\n  "$schema": "http://json-schema.org/draft-04/schema#",\n  "title" : "Empty Schema",\n  "type" : "object"\n}',
    contentType: "application/json",
  },
  {
    name: "Error",
    description: "This is a default error schema model",
    schema:
      '{\n  "$schema" : "http://json-schema.org/draft-04/schema#",\n  "title" : "Error Schema",\n  "type" : "object",\n  "properties" : {\n    "message" : { "type" : "string" }\n  }\n}',
    contentType: "application/json",
  },
] as const;

export function createRestApi(
  tx: Transaction,
  input: InputOf<V1, "CreateRestApi">,
  context: OperationContext,
): OutputOf<V1, "CreateRestApi"> {
  if (!input.name) throw badRequest("Name must be specified");
  const types = input.endpointConfiguration?.types ?? ["EDGE"];
  const id = lowerId(context.random, 10);
  const api: RestApi = {
    id,
    name: input.name,
    ...(input.description !== undefined && { description: input.description }),
    ...(input.version !== undefined && { version: input.version }),
    binaryMediaTypes: input.binaryMediaTypes ?? [],
    ...(input.minimumCompressionSize !== undefined && { minimumCompressionSize: input.minimumCompressionSize }),
    apiKeySource: input.apiKeySource ?? "HEADER",
    endpointTypes: types,
    ...(input.policy !== undefined && { policy: input.policy }),
    tags: input.tags ?? {},
    disableExecuteApiEndpoint: input.disableExecuteApiEndpoint ?? false,
    rootResourceId: lowerId(context.random, 10),
    createdMs: context.nowMs,
  };
  checkApi(api);
  apis.put(tx, context, api, id);
  addRoot(tx, context, api);
  for (const model of DEFAULT_MODELS)
    models.put(tx, context, { ...model, id: lowerId(context.random, 6) }, id, model.name);
  registerApi(tx, id, { accountId: context.accountId, region: context.region, kind: "REST" });
  return describeApi(api);
}

export function addRoot(tx: Transaction, context: OperationContext, api: RestApi): void {
  resources.put(tx, context, { id: api.rootResourceId, path: "/", methods: {} }, api.id, api.rootResourceId);
}

export function checkApi(api: RestApi): void {
  if (api.minimumCompressionSize !== undefined) {
    const bytes = api.minimumCompressionSize;
    if (bytes < 0 || bytes > COMPRESSION_BYTES_MAX) {
      throw badRequest("Invalid minimum compression size, must be between 0 and 10485760");
    }
    throw notImplemented("compressed responses of API Gateway (minimumCompressionSize)");
  }
  if (!["HEADER", "AUTHORIZER"].includes(api.apiKeySource)) throw badRequest("Invalid API key source specified");
  for (const type of api.endpointTypes) {
    if (type === "PRIVATE") throw notImplemented("private endpoints of API Gateway");
    if (type !== "EDGE" && type !== "REGIONAL") throw badRequest("Invalid EndpointTypes specified");
  }
  if (api.policy !== undefined) {
    try {
      JSON.parse(api.policy);
    } catch {
      throw badRequest("Invalid policy document. Please check the policy syntax and ensure that Principals are valid.");
    }
  }
}

export function getRestApi(
  tx: Transaction,
  input: InputOf<V1, "GetRestApi">,
  context: OperationContext,
): OutputOf<V1, "GetRestApi"> {
  return describeApi(requireApi(tx, context, input.restApiId));
}

export function getRestApis(
  tx: Transaction,
  input: InputOf<V1, "GetRestApis">,
  context: OperationContext,
): OutputOf<V1, "GetRestApis"> {
  const { items, position } = page(apis.all(tx, context), input);
  return { items: items.map(describeApi), position };
}

const RULES: PatchRules = {
  "/name": { only: ["replace"] },
  "/description": {},
  "/version": {},
  "/policy": {},
  "/apiKeySource": { only: ["replace"] },
  "/binaryMediaTypes/*": { list: true },
  "/minimumCompressionSize": { type: "integer" },
  "/disableExecuteApiEndpoint": { type: "boolean", only: ["replace"] },
  "/endpointConfiguration/types/*": {},
  "/endpointConfiguration/vpcEndpointIds/*": { unsupported: true },
};

export function updateRestApi(
  tx: Transaction,
  input: InputOf<V1, "UpdateRestApi">,
  context: OperationContext,
): OutputOf<V1, "UpdateRestApi"> {
  const api = requireApi(tx, context, input.restApiId);
  const view = {
    ...api,
    endpointConfiguration: { types: Object.fromEntries(api.endpointTypes.map((type, at) => [at, type])) },
  };
  const { endpointConfiguration, ...updated } = patched(view, input.patchOperations, RULES);
  const types = [...new Set(Object.values(endpointConfiguration.types))] as RestApi["endpointTypes"];
  const { policy, ...rest } = updated;
  const result: RestApi = { ...rest, ...(policy && { policy }), endpointTypes: types };
  if (!result.name) throw badRequest("Name must be specified");
  checkApi(result);
  apis.put(tx, context, result, api.id);
  return describeApi(result);
}

export function deleteRestApi(tx: Transaction, input: InputOf<V1, "DeleteRestApi">, context: OperationContext): object {
  const api = requireApi(tx, context, input.restApiId);
  for (const plan of usagePlans.all(tx, context)) {
    if (!plan.apiStages.some((one) => one.apiId === api.id)) continue;
    const apiStages = plan.apiStages.filter((one) => one.apiId !== api.id);
    usagePlans.put(tx, context, { ...plan, apiStages }, plan.id);
  }
  deleteParts(tx, context, api.id);
  apis.delete(tx, context, api.id);
  unregisterApi(tx, api.id);
  return {};
}

export function describeApi(api: RestApi): RestApiDescription {
  const { createdMs, endpointTypes, binaryMediaTypes, ...members } = api;
  return {
    ...members,
    ...(binaryMediaTypes.length > 0 && { binaryMediaTypes: [...binaryMediaTypes] }),
    createdDate: new Date(createdMs),
    endpointConfiguration: { types: [...endpointTypes], ipAddressType: "ipv4" },
  };
}

/** The account's limits are AWS's defaults; Virga does not enforce them. */
const ACCOUNT_THROTTLE = { burstLimit: 5000, rateLimit: 10000 };

export function getAccount(tx: Transaction, _input: unknown, context: OperationContext): OutputOf<V1, "GetAccount"> {
  return {
    ...account.get(tx, context),
    throttleSettings: ACCOUNT_THROTTLE,
    features: ["UsagePlans"],
    apiKeyVersion: "4",
  };
}

export function updateAccount(
  tx: Transaction,
  input: InputOf<V1, "UpdateAccount">,
  context: OperationContext,
): OutputOf<V1, "UpdateAccount"> {
  const { cloudwatchRoleArn } = patched(account.get(tx, context), input.patchOperations, { "/cloudwatchRoleArn": {} });
  if (cloudwatchRoleArn && !/^arn:[^:]+:iam::\d{12}:role\/.+/.test(cloudwatchRoleArn)) {
    throw badRequest("The role ARN does not have required permissions set to API Gateway");
  }
  account.put(tx, context, cloudwatchRoleArn ? { cloudwatchRoleArn } : {});
  return getAccount(tx, {}, context);
}

/** @see https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html */
function taggable(
  tx: Transaction,
  context: OperationContext,
  resourceArn: string | undefined,
): { readonly tags: Texts; put(tags: Texts): void } {
  const [, region, kind, id, stageName] =
    /^arn:[^:]+:apigateway:([^:]+)::\/(restapis|apikeys|usageplans)\/([a-z0-9]+)(?:\/stages\/(.+))?$/i.exec(
      resourceArn ?? "",
    ) ?? [];
  if (region !== context.region || id === undefined) throw badRequest(`Invalid ARN specified in the request`);
  if (kind === "apikeys") {
    const found = apiKeys.get(tx, context, id);
    if (!found) throw notFound("Invalid API Key identifier specified");
    return { tags: found.tags, put: (tags) => apiKeys.put(tx, context, { ...found, tags }, id) };
  }
  if (kind === "usageplans") {
    const found = usagePlans.get(tx, context, id);
    if (!found) throw notFound("Invalid Usage Plan ID specified");
    return { tags: found.tags, put: (tags) => usagePlans.put(tx, context, { ...found, tags }, id) };
  }
  const api = requireApi(tx, context, id);
  if (stageName === undefined) return { tags: api.tags, put: (tags) => apis.put(tx, context, { ...api, tags }, id) };
  const stage = stages.get(tx, context, id, decodeURIComponent(stageName));
  if (!stage) throw stageNotFound();
  return { tags: stage.tags, put: (tags) => stages.put(tx, context, { ...stage, tags }, id, stage.stageName) };
}

export function tagResource(tx: Transaction, input: InputOf<V1, "TagResource">, context: OperationContext): object {
  const resource = taggable(tx, context, input.resourceArn);
  const tags = { ...resource.tags, ...input.tags };
  if (Object.keys(tags).length > 50) throw badRequest("The number of tags on a resource cannot exceed 50");
  resource.put(tags);
  return {};
}

export function untagResource(tx: Transaction, input: InputOf<V1, "UntagResource">, context: OperationContext): object {
  const resource = taggable(tx, context, input.resourceArn);
  resource.put(Object.fromEntries(Object.entries(resource.tags).filter(([name]) => !input.tagKeys?.includes(name))));
  return {};
}

export function getTags(
  tx: Transaction,
  input: InputOf<V1, "GetTags">,
  context: OperationContext,
): OutputOf<V1, "GetTags"> {
  return { tags: { ...taggable(tx, context, input.resourceArn).tags } };
}
