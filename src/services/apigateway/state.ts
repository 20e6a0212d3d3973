/**
 * What REST APIs consist of, in AWS's own member names. An API's parts lie together:
 *
 *     ("apigateway", account, region, "account")                               → Account
 *     ("apigateway", account, region, "api", apiId)                            → RestApi
 *     ("apigateway", account, region, "key", id)                               → ApiKey
 *     ("apigateway", account, region, "key-value", value)                      → id of the key
 *     ("apigateway", account, region, "plan", id)                              → UsagePlan
 *     ("apigateway", account, region, "plan-key", planId, keyId)               → PlanKey, with what the key has used of its quota
 *     ("apigateway", account, region, "part", apiId, "authorizer", id)         → Authorizer
 *     ("apigateway", account, region, "part", apiId, "deployment", id)         → Deployment, with a snapshot of what it deployed
 *     ("apigateway", account, region, "part", apiId, "gateway-response", type) → GatewayResponse
 *     ("apigateway", account, region, "part", apiId, "model", name)            → Model
 *     ("apigateway", account, region, "part", apiId, "resource", id)           → Resource, with its methods and their integrations
 *     ("apigateway", account, region, "part", apiId, "stage", name)            → Stage
 *     ("apigateway", account, region, "part", apiId, "validator", id)          → Validator
 *
 * Requests see stages and the snapshots they point to, never the parts themselves.
 */
import type {
  GatewayResponseType,
  IntegrationType,
  MethodSetting,
  QuotaPeriodType,
  ThrottleSettings,
} from "@aws-sdk/client-api-gateway";
import { type Key, type KeyPart, key, keysUnder } from "../../storage/keys.ts";
import { defineRecord, type RecordType } from "../../storage/records.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { badRequest } from "./errors.ts";

export type Owner = Pick<OperationContext, "accountId" | "region">;
export type Texts = Readonly<Record<string, string>>;

export interface RestApi {
  readonly id: string;
  readonly name: string;
  readonly description?: string;
  readonly version?: string;
  readonly binaryMediaTypes: readonly string[];
  readonly minimumCompressionSize?: number;
  readonly apiKeySource: "HEADER" | "AUTHORIZER";
  readonly endpointTypes: readonly ("EDGE" | "REGIONAL" | "PRIVATE")[];
  readonly policy?: string;
  readonly tags: Texts;
  readonly disableExecuteApiEndpoint: boolean;
  readonly rootResourceId: string;
  readonly createdMs: number;
}

export interface IntegrationResponse {
  readonly statusCode: string;
  readonly selectionPattern?: string;
  readonly responseParameters?: Texts;
  readonly responseTemplates?: Texts;
  readonly contentHandling?: "CONVERT_TO_BINARY" | "CONVERT_TO_TEXT";
}

export interface Integration {
  readonly type: IntegrationType;
  readonly httpMethod?: string;
  readonly uri?: string;
  readonly credentials?: string;
  readonly requestParameters?: Texts;
  readonly requestTemplates?: Texts;
  readonly passthroughBehavior: "WHEN_NO_MATCH" | "WHEN_NO_TEMPLATES" | "NEVER";
  readonly contentHandling?: "CONVERT_TO_BINARY" | "CONVERT_TO_TEXT";
  readonly timeoutInMillis: number;
  readonly cacheNamespace: string;
  readonly cacheKeyParameters: readonly string[];
  readonly tlsConfig?: { readonly insecureSkipVerification?: boolean };
  readonly integrationResponses: Readonly<Record<string, IntegrationResponse>>;
}

export interface MethodResponse {
  readonly statusCode: string;
  readonly responseParameters?: Readonly<Record<string, boolean>>;
  readonly responseModels?: Texts;
}

export interface Method {
  readonly httpMethod: string;
  readonly authorizationType: "NONE" | "AWS_IAM" | "CUSTOM";
  readonly authorizerId?: string;
  readonly apiKeyRequired: boolean;
  readonly requestValidatorId?: string;
  readonly operationName?: string;
  readonly requestParameters?: Readonly<Record<string, boolean>>;
  readonly requestModels?: Texts;
  readonly methodResponses: Readonly<Record<string, MethodResponse>>;
  readonly methodIntegration?: Integration;
}

export interface Resource {
  readonly id: string;
  readonly parentId?: string;
  readonly pathPart?: string;
  readonly path: string;
  readonly methods: Readonly<Record<string, Method>>;
}

export interface Authorizer {
  readonly id: string;
  readonly name: string;
  readonly type: "TOKEN" | "REQUEST";
  readonly authType?: string;
  readonly authorizerUri: string;
  readonly authorizerCredentials?: string;
  readonly identitySource?: string;
  readonly identityValidationExpression?: string;
  readonly authorizerResultTtlInSeconds: number;
}

export interface Model {
  readonly id: string;
  readonly name: string;
  readonly description?: string;
  readonly schema?: string;
  readonly contentType: string;
}

export interface Validator {
  readonly id: string;
  readonly name: string;
  readonly validateRequestBody: boolean;
  readonly validateRequestParameters: boolean;
}

export interface GatewayResponse {
  readonly responseType: GatewayResponseType;
  readonly statusCode?: string;
  readonly responseParameters: Texts;
  readonly responseTemplates: Texts;
}

/** An API as it was when it was deployed. */
export interface Snapshot {
  readonly resources: readonly Resource[];
  readonly authorizers: readonly Authorizer[];
  readonly models: readonly Model[];
  readonly validators: readonly Validator[];
  readonly gatewayResponses: readonly GatewayResponse[];
  readonly binaryMediaTypes: readonly string[];
  readonly apiKeySource: "HEADER" | "AUTHORIZER";
  readonly policy?: string;
}

export interface Deployment {
  readonly id: string;
  readonly description?: string;
  readonly createdMs: number;
  readonly snapshot: Snapshot;
}

export interface Stage {
  readonly stageName: string;
  readonly deploymentId: string;
  readonly description?: string;
  readonly variables: Texts;
  /** By `resource path/METHOD`, with stars for all: `all/all` written with stars, `pets/GET`. */
  readonly methodSettings: Readonly<Record<string, MethodSetting>>;
  readonly tags: Texts;
  readonly createdMs: number;
  readonly updatedMs: number;
}

export interface ApiKey {
  readonly id: string;
  readonly value: string;
  readonly name?: string;
  readonly customerId?: string;
  readonly description?: string;
  readonly enabled: boolean;
  readonly tags: Texts;
  readonly createdMs: number;
  readonly updatedMs: number;
}

export interface UsagePlan {
  readonly id: string;
  readonly name: string;
  readonly description?: string;
  readonly productCode?: string;
  readonly apiStages: readonly {
    readonly apiId: string;
    readonly stage: string;
    readonly throttle?: Readonly<Record<string, ThrottleSettings>>;
  }[];
  readonly throttle?: ThrottleSettings;
  readonly quota?: { readonly limit: number; readonly offset?: number; readonly period: QuotaPeriodType };
  readonly tags: Texts;
}

export interface PlanKey {
  readonly keyId: string;
  /** Start of the quota period that `used` counts. */
  readonly periodMs: number;
  readonly used: number;
}

export interface Account {
  readonly cloudwatchRoleArn?: string;
}

/** Records under one path of keys, the last element being their id. */
export interface Table<Path extends readonly KeyPart[], T> {
  get(tx: Transaction, owner: Owner, ...at: [...Path, string]): T | undefined;
  put(tx: Transaction, owner: Owner, value: T, ...at: [...Path, string]): void;
  delete(tx: Transaction, owner: Owner, ...at: [...Path, string]): void;
  all(tx: Transaction, owner: Owner, ...at: Path): T[];
}

function table<Path extends readonly KeyPart[], T>(
  records: RecordType<T>,
  path: (at: readonly KeyPart[]) => readonly KeyPart[],
): Table<Path, T> {
  const keyOf = (owner: Owner, at: readonly KeyPart[]): Key =>
    key("apigateway", owner.accountId, owner.region, ...path(at.slice(0, -1)), at.at(-1)!);
  return {
    get: (tx, owner, ...at) => records.get(tx, keyOf(owner, at)),
    put: (tx, owner, value, ...at) => records.put(tx, keyOf(owner, at), value),
    delete: (tx, owner, ...at) => tx.delete(keyOf(owner, at)),
    all(tx, owner, ...at) {
      const { start, end } = keysUnder("apigateway", owner.accountId, owner.region, ...path(at));
      return [...records.range(tx, start, end)].map(([, value]) => value);
    },
  };
}

const part = <T>(noun: string, name: string) =>
  table<[apiId: string], T>(defineRecord<T>(`apigateway.${name}`, 1), ([apiId]) => ["part", apiId!, noun]);
const single = <T>(noun: string, name: string) => table<[], T>(defineRecord<T>(`apigateway.${name}`, 1), () => [noun]);

export const apis = single<RestApi>("api", "RestApi");
export const apiKeys = single<ApiKey>("key", "ApiKey");
export const keyValues = single<string>("key-value", "KeyValue");
export const usagePlans = single<UsagePlan>("plan", "UsagePlan");
export const planKeys = table<[planId: string], PlanKey>(defineRecord("apigateway.PlanKey", 1), ([id]) => [
  "plan-key",
  id!,
]);
export const authorizers = part<Authorizer>("authorizer", "Authorizer");
export const deployments = part<Deployment>("deployment", "Deployment");
export const gatewayResponses = part<GatewayResponse>("gateway-response", "GatewayResponse");
export const models = part<Model>("model", "Model");
export const resources = part<Resource>("resource", "Resource");
export const stages = part<Stage>("stage", "Stage");
export const validators = part<Validator>("validator", "Validator");

const Accounts = defineRecord<Account>("apigateway.Account", 1);
const accountKey = (owner: Owner) => key("apigateway", owner.accountId, owner.region, "account");
export const account = {
  get: (tx: Transaction, owner: Owner): Account => Accounts.get(tx, accountKey(owner)) ?? {},
  put: (tx: Transaction, owner: Owner, value: Account): void => Accounts.put(tx, accountKey(owner), value),
};

/** Removes what belongs to an API, the API's own record aside: everything, or parts of some kinds. */
export function deleteParts(
  tx: Transaction,
  owner: Owner,
  apiId: string,
  nouns: readonly (string | undefined)[] = [undefined],
): void {
  for (const noun of nouns) {
    const path = ["apigateway", owner.accountId, owner.region, "part", apiId, ...(noun === undefined ? [] : [noun])];
    const { start, end } = keysUnder(...path);
    for (const [partKey] of [...tx.range(start, end)]) tx.delete(partKey);
  }
}

const PAGE_DEFAULT = 25;
const PAGE_MAX = 500;

/** One page of a list, as the Get…s operations give it. @throws BadRequestException for a position that is not ours */
export function page<T>(
  items: readonly T[],
  input: { readonly limit?: number | undefined; readonly position?: string | undefined },
): { items: readonly T[]; position: string | undefined } {
  const size = Math.min(input.limit && input.limit > 0 ? input.limit : PAGE_DEFAULT, PAGE_MAX);
  const start = input.position ? Number(Buffer.from(input.position, "base64url").toString("latin1")) : 0;
  if (!(Number.isInteger(start) && start >= 0)) throw badRequest("Invalid position parameter specified");
  const end = start + size;
  return {
    items: items.slice(start, end),
    position: end < items.length ? Buffer.from(String(end), "latin1").toString("base64url") : undefined,
  };
}
