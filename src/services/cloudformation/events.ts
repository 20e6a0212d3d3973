/** Stack events: every change of a status is one. Read newest first by DescribeStackEvents. */
import type { ResourceStatus, StackStatus } from "@aws-sdk/client-cloudformation";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { events, keys, type Resource, resources, type Stack } from "./state.ts";

export interface ResourceChange {
  readonly logicalId: string;
  readonly physicalId: string | undefined;
  readonly type: string;
  readonly status: ResourceStatus;
  readonly reason?: string | undefined;
  /** JSON text, with what must not be shown masked. */
  readonly properties?: string | undefined;
}

/** Texts of failures are cut here. */
const REASON_LENGTH_MAX = 1024;

/** Sets a stack's status and tells of it. The caller saves the stack. */
export function setStackStatus(
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  status: StackStatus,
  reason?: string,
): void {
  stack.status = status;
  if (reason === undefined) delete stack.statusReason;
  else stack.statusReason = reason;
  append(tx, context, stack, {
    eventId: context.random.uuid(),
    logicalId: stack.stackName,
    physicalId: stack.stackId,
    type: "AWS::CloudFormation::Stack",
    status,
    reason,
  });
}

/** Tells of a resource, without touching its record. */
export function tellResource(tx: Transaction, context: OperationContext, stack: Stack, change: ResourceChange): void {
  append(tx, context, stack, {
    eventId: `${change.logicalId}-${change.status}-${new Date(context.nowMs).toISOString()}`,
    logicalId: change.logicalId,
    physicalId: change.physicalId ?? "",
    type: change.type,
    status: change.status,
    reason: change.reason?.slice(0, REASON_LENGTH_MAX),
    properties: change.properties,
  });
}

/** Saves a resource with its new status and tells of it. */
export function setResource(
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  resource: Omit<Resource, "updatedMs">,
  properties?: string,
): void {
  resources.put(tx, keys.resource(context, stack.uuid, resource.logicalId), { ...resource, updatedMs: context.nowMs });
  tellResource(tx, context, stack, {
    logicalId: resource.logicalId,
    physicalId: resource.physicalId,
    type: resource.type,
    status: resource.status,
    reason: resource.statusReason,
    properties,
  });
}

function append(
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  event: {
    readonly eventId: string;
    readonly logicalId: string;
    readonly physicalId: string;
    readonly type: string;
    readonly status: string;
    readonly reason: string | undefined;
    readonly properties?: string | undefined;
  },
): void {
  const token = stack.operation?.clientRequestToken;
  const { reason, properties, ...rest } = event;
  events.put(tx, keys.event(context, stack.uuid, stack.nextEvent++), {
    ...rest,
    timestampMs: context.nowMs,
    ...(reason === undefined ? {} : { reason }),
    ...(properties === undefined ? {} : { properties }),
    ...(token === undefined ? {} : { clientRequestToken: token }),
  });
}
