/** What EventBridge is told: task state changes and deployment state changes. @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_cwe_events.html */
import type { FlowContext } from "../service.ts";
import { serviceArn, taskArn } from "./names.ts";
import { type ServiceRef, type TaskRef, Tasks, taskKey } from "./state.ts";
import { describeTask } from "./tasks.ts";

export const DEPLOYMENT_CHANGED = "ecs.DeploymentChanged";

export interface DeploymentChange extends ServiceRef {
  readonly id: string;
  readonly name: "SERVICE_DEPLOYMENT_IN_PROGRESS" | "SERVICE_DEPLOYMENT_COMPLETED" | "SERVICE_DEPLOYMENT_FAILED";
  readonly reason: string;
}

const asService = (flow: FlowContext) => ({
  principal: { type: "service" as const, service: "ecs.amazonaws.com", sourceAccount: flow.accountId },
});

/** Dates are sent as ISO 8601 text, as all of an event's detail is JSON. */
export async function tellTask(flow: FlowContext, ref: TaskRef): Promise<void> {
  const task = await flow.write((tx) => Tasks.get(tx, taskKey(ref, ref.cluster, ref.id)));
  if (!task) return;
  const { tags: _, ...described } = describeTask(task);
  const detail = {
    ...described,
    updatedAt: new Date(flow.clock.nowMs()),
    availabilityZone: described.availabilityZone,
  };
  await flow.call(
    "events",
    "PutEvents",
    {
      Entries: [
        {
          Source: "aws.ecs",
          DetailType: "ECS Task State Change",
          Resources: [taskArn(task)],
          Detail: JSON.stringify(detail),
          Time: new Date(flow.clock.nowMs()),
        },
      ],
    },
    asService(flow),
  );
}

export async function tellDeployment(flow: FlowContext, change: DeploymentChange): Promise<void> {
  const detail = {
    eventType: change.name === "SERVICE_DEPLOYMENT_FAILED" ? "ERROR" : "INFO",
    eventName: change.name,
    deploymentId: change.id,
    updatedAt: new Date(flow.clock.nowMs()),
    reason: change.reason,
  };
  await flow.call(
    "events",
    "PutEvents",
    {
      Entries: [
        {
          Source: "aws.ecs",
          DetailType: "ECS Deployment State Change",
          Resources: [serviceArn(change, change.cluster, change.service)],
          Detail: JSON.stringify(detail),
          Time: new Date(flow.clock.nowMs()),
        },
      ],
    },
    asService(flow),
  );
}
