/**
 * What HTTP APIs consist of, in AWS's own member names. An API's parts lie together:
 *
 *     ("apigatewayv2", account, region, "api", apiId)                        → Api
 *     ("apigatewayv2", account, region, "part", apiId, "authorizer", id)     → Authorizer
 *     ("apigatewayv2", account, region, "part", apiId, "deployment", id)     → Deployment, with a snapshot of what it deployed
 *     ("apigatewayv2", account, region, "part", apiId, "integration", id)    → Integration
 *     ("apigatewayv2", account, region, "part", apiId, "route", id)          → Route
 *     ("apigatewayv2", account, region, "part", apiId, "stage", name)        → Stage
 *
 * Requests see stages and the snapshots they point to, never the parts themselves. `apigateway-common/addresses.ts` holds where an API id leads.
 */
import type { Cors, JWTConfiguration, RouteSettings } from "@aws-sdk/client-apigatewayv2";
import { type Key, key, keysUnder } from "../../storage/keys.ts";
import { defineRecord, type RecordType } from "../../storage/records.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { badRequest } from "./errors.ts";

export type Owner = Pick<OperationContext, "accountId" | "region">;

export interface Api {
  readonly ApiId: string;
  readonly Name: string;
  readonly Description?: string;
  readonly Version?: string;
  readonly RouteSelectionExpression: string;
  readonly ApiKeySelectionExpression: string;
  readonly CorsConfiguration?: Cors;
  readonly DisableExecuteApiEndpoint: boolean;
  readonly IpAddressType: "ipv4" | "dualstack";
  readonly Tags: Readonly<Record<string, string>>;
  readonly ImportInfo?: readonly string[];
  readonly createdMs: number;
}

export interface Route {
  readonly RouteId: string;
  readonly RouteKey: string;
  readonly Target?: string;
  readonly AuthorizationType: "NONE" | "AWS_IAM" | "JWT" | "CUSTOM";
  readonly AuthorizationScopes?: readonly string[];
  readonly AuthorizerId?: string;
  readonly OperationName?: string;
  readonly ApiGatewayManaged?: boolean;
}

export interface Integration {
  readonly IntegrationId: string;
  readonly IntegrationType: "AWS_PROXY" | "HTTP_PROXY";
  readonly IntegrationSubtype?: string;
  readonly IntegrationUri?: string;
  readonly IntegrationMethod?: string;
  readonly PayloadFormatVersion: "1.0" | "2.0";
  readonly CredentialsArn?: string;
  readonly Description?: string;
  readonly RequestParameters?: Readonly<Record<string, string>>;
  readonly ResponseParameters?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly TimeoutInMillis: number;
  readonly ApiGatewayManaged?: boolean;
}

export interface Authorizer {
  readonly AuthorizerId: string;
  readonly AuthorizerType: "JWT" | "REQUEST";
  readonly Name: string;
  readonly IdentitySource: readonly string[];
  readonly JwtConfiguration?: JWTConfiguration;
  readonly AuthorizerUri?: string;
  readonly AuthorizerCredentialsArn?: string;
  readonly AuthorizerPayloadFormatVersion?: "1.0" | "2.0";
  readonly AuthorizerResultTtlInSeconds: number;
  readonly EnableSimpleResponses: boolean;
}

/** An API as it was when it was deployed. */
export interface Snapshot {
  readonly routes: readonly Route[];
  readonly integrations: readonly Integration[];
  readonly authorizers: readonly Authorizer[];
  readonly cors?: Cors;
}

export interface Deployment {
  readonly DeploymentId: string;
  readonly Description?: string;
  readonly AutoDeployed: boolean;
  readonly createdMs: number;
  readonly snapshot: Snapshot;
}

export interface Stage {
  readonly StageName: string;
  readonly AutoDeploy: boolean;
  readonly DeploymentId?: string;
  readonly Description?: string;
  readonly DefaultRouteSettings: RouteSettings;
  readonly RouteSettings: Readonly<Record<string, RouteSettings>>;
  readonly StageVariables: Readonly<Record<string, string>>;
  readonly Tags: Readonly<Record<string, string>>;
  readonly LastDeploymentStatusMessage?: string;
  readonly ApiGatewayManaged?: boolean;
  readonly createdMs: number;
  readonly updatedMs: number;
}

const Apis = defineRecord<Api>("apigatewayv2.Api", 1);

export const apiKey = (owner: Owner, apiId: string): Key =>
  key("apigatewayv2", owner.accountId, owner.region, "api", apiId);

export const apis = {
  get: (tx: Transaction, owner: Owner, apiId: string): Api | undefined => Apis.get(tx, apiKey(owner, apiId)),
  put: (tx: Transaction, owner: Owner, api: Api): void => Apis.put(tx, apiKey(owner, api.ApiId), api),
  delete: (tx: Transaction, owner: Owner, apiId: string): void => tx.delete(apiKey(owner, apiId)),
  all(tx: Transaction, owner: Owner): Api[] {
    const { start, end } = keysUnder("apigatewayv2", owner.accountId, owner.region, "api");
    return [...Apis.range(tx, start, end)].map(([, api]) => api);
  },
};

/** One kind of part of an API. */
export interface Parts<T> {
  get(tx: Transaction, owner: Owner, apiId: string, id: string): T | undefined;
  put(tx: Transaction, owner: Owner, apiId: string, id: string, part: T): void;
  delete(tx: Transaction, owner: Owner, apiId: string, id: string): void;
  all(tx: Transaction, owner: Owner, apiId: string): T[];
}

function parts<T>(noun: string, records: RecordType<T>): Parts<T> {
  const at = (owner: Owner, apiId: string, id: string) =>
    key("apigatewayv2", owner.accountId, owner.region, "part", apiId, noun, id);
  return {
    get: (tx, owner, apiId, id) => records.get(tx, at(owner, apiId, id)),
    put: (tx, owner, apiId, id, part) => records.put(tx, at(owner, apiId, id), part),
    delete: (tx, owner, apiId, id) => tx.delete(at(owner, apiId, id)),
    all(tx, owner, apiId) {
      const { start, end } = keysUnder("apigatewayv2", owner.accountId, owner.region, "part", apiId, noun);
      return [...records.range(tx, start, end)].map(([, part]) => part);
    },
  };
}

export const authorizers = parts("authorizer", defineRecord<Authorizer>("apigatewayv2.Authorizer", 1));
export const deployments = parts("deployment", defineRecord<Deployment>("apigatewayv2.Deployment", 1));
export const integrations = parts("integration", defineRecord<Integration>("apigatewayv2.Integration", 1));
export const routes = parts("route", defineRecord<Route>("apigatewayv2.Route", 1));
export const stages = parts("stage", defineRecord<Stage>("apigatewayv2.Stage", 1));

/** Removes what belongs to an API, the API's own record aside: everything, or parts of some kinds. */
export function deleteParts(
  tx: Transaction,
  owner: Owner,
  apiId: string,
  nouns: readonly (string | undefined)[] = [undefined],
): void {
  for (const noun of nouns) {
    const path = ["apigatewayv2", owner.accountId, owner.region, "part", apiId, ...(noun === undefined ? [] : [noun])];
    const { start, end } = keysUnder(...path);
    for (const [partKey] of [...tx.range(start, end)]) tx.delete(partKey);
  }
}

/**
 * One page of a list, as the Get…s operations give it.
 * @throws BadRequestException for a MaxResults that is no positive number or a NextToken of our own making gone wrong
 */
export function page<T>(
  items: readonly T[],
  input: { readonly MaxResults?: string | undefined; readonly NextToken?: string | undefined },
): { items: readonly T[]; nextToken: string | undefined } {
  const size = input.MaxResults === undefined ? items.length : Number(input.MaxResults);
  if (input.MaxResults !== undefined && !(Number.isInteger(size) && size > 0))
    throw badRequest("Invalid max results specified");
  const start = input.NextToken ? Number(Buffer.from(input.NextToken, "base64").toString("latin1")) : 0;
  if (!(Number.isInteger(start) && start >= 0)) throw badRequest("Invalid next token specified");
  const end = start + size;
  return {
    items: items.slice(start, end),
    nextToken: end < items.length ? Buffer.from(String(end), "latin1").toString("base64") : undefined,
  };
}
