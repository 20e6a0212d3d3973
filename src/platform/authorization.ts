/**
 * Whether a call is allowed, asked before every operation where auth is required. Policies are IAM's affair; this says which of them apply to a call, and
 * how each protocol words a refusal.
 */
import { AwsError } from "../kernel/errors.ts";
import { accessDeniedMessage, authorize } from "../services/iam/authorization.ts";
import type { OperationContext, Permission, Service } from "../services/service.ts";
import type { Transaction } from "../storage/transaction.ts";
import type { ServiceFacts } from "../wire/shapes.ts";
import type { Authorize } from "./core.ts";

/** Lets everybody do everything; S3 alone decides about strangers by itself. */
export const allowAll: Authorize = () => {};

/** @param protocolOf how a service speaks, for the code of its refusal */
export function enforcePolicies(protocolOf: (service: string) => ServiceFacts["protocol"]): Authorize {
  return (tx, service, _operation, permissions, context, conditions) => {
    const { principal } = context;
    // A bucket may be public: S3 looks at its policy and its public access block together.
    if (principal.type === "anonymous" && service.name === "s3") return;
    for (const permission of permissions()) {
      if (principal.type === "service" && isInternal(service, principal.service, permission)) continue;
      const request = requestOf(tx, service, permission, context, conditions);
      const decision = authorize(tx, request);
      if (!decision.allowed) throw accessDenied(protocolOf(service.name), accessDeniedMessage(request, decision));
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
    resourceAccountId: context.accountId,
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

function accessDenied(protocol: ServiceFacts["protocol"], message: string): AwsError {
  if (protocol === "restXml" || protocol === "awsQuery") return new AwsError("AccessDenied", message, 403);
  return new AwsError("AccessDeniedException", message, protocol === "restJson1" ? 403 : 400);
}
