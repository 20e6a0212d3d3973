/**
 * Whether a call is allowed, asked before every operation. Policies are IAM's affair; this says which of them apply to a call, and how a
 * service words a refusal.
 */
import { parseArn } from "../kernel/arn.ts";
import { AwsError } from "../kernel/errors.ts";
import type { ServiceName } from "../services/clients.ts";
import { accessDeniedMessage, authorize } from "../services/iam/authorization.ts";
import type { OperationContext, Permission, Service } from "../services/service.ts";
import type { Transaction } from "../storage/transaction.ts";
import type { Authorize } from "./core.ts";

/**
 * @param required false: whoever shows any credentials may do everything; strangers may do what a resource's policy allows everyone, and nothing
 *   else, either way
 */
export function createAuthorize(required: boolean): Authorize {
  return (tx, service, _operation, permissions, context, conditions) => {
    const { principal } = context;
    if (!required && principal.type !== "anonymous") return;
    for (const permission of permissions()) {
      if (principal.type === "service" && isInternal(service, principal.service, permission)) continue;
      const request = requestOf(tx, service, permission, context, conditions);
      const decision = authorize(tx, request);
      if (decision.allowed) continue;
      // To strangers S3 says no more than it must.
      const plain = service.name === "s3" && principal.type === "anonymous";
      throw accessDenied(service.name, plain ? "Access Denied" : accessDeniedMessage(request, decision));
    }
  };
}

function requestOf(
  tx: Transaction,
  service: Service,
  permission: Permission,
  context: OperationContext,
  conditions: Readonly<Record<string, string>>,
) {
  return {
    principal: context.principal,
    action: permission.action,
    resource: permission.resource,
    resourceAccountId:
      service.resourceOwner?.(tx, permission.resource) ??
      // Most ARNs say whose the resource is, and it may be another account's than the one called from.
      (parseArn(permission.resource)?.accountId || context.accountId),
    conditions: {
      "aws:RequestedRegion": context.region,
      "aws:SecureTransport": "false",
      ...conditions,
      ...permission.conditions,
    },
    nowMs: context.nowMs,
    resourcePolicy: service.resourcePolicy?.(tx, permission.resource),
  };
}

/**
 * A service acting by itself needs the consent of a resource that can give it (a queue's policy, a role's trust); within its own house, and with
 * services whose resources carry no policies, it acts as AWS's services do behind the scenes.
 */
function isInternal(service: Service, principal: string, { action }: Permission): boolean {
  if (principal === `${service.name}.amazonaws.com`) return true;
  return service.resourcePolicy === undefined && !action.startsWith("sts:");
}

/** Services that call it AccessDenied, with 403; of the others, those that speak REST answer 403 and those that speak JSON 400. */
const PLAIN: ReadonlySet<ServiceName> = new Set(["cloudformation", "iam", "s3", "ses", "sqs", "sts"]);
const REST: ReadonlySet<ServiceName> = new Set(["apigateway", "apigatewayv2", "lambda", "sesv2"]);

function accessDenied(service: ServiceName, message: string): AwsError {
  if (service === "sns") return new AwsError("AuthorizationErrorException", message, 403);
  if (PLAIN.has(service)) return new AwsError("AccessDenied", message, 403);
  return new AwsError("AccessDeniedException", message, REST.has(service) ? 403 : 400);
}
