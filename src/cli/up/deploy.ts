/** Creates, updates and deletes a stack by CloudFormation's own API, and tells what happens to each resource while it happens. */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { CloudFormationClient, Parameter, Stack, StackEvent, StackResource } from "@aws-sdk/client-cloudformation";
import { isCode } from "../clients.ts";
import { Failure } from "../failure.ts";
import type { Artifacts } from "./artifacts.ts";

/** A template in the request itself; larger ones go through S3. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
const TEMPLATE_BODY_BYTES_MAX = 51_200;
const POLL_MS = 50;
/** Polling slows down to this while nothing is told. */
const POLL_MS_MAX = 500;

export interface Deployment {
  readonly stackName: string;
  readonly template: string;
  /** Names that the template declares. */
  readonly declared: readonly string[];
  readonly parameters: Readonly<Record<string, string>>;
}

export interface Deployed {
  readonly stack: Stack;
  /** False when the stack already was what the template says. */
  readonly changed: boolean;
}

export type Progress = (event: StackEvent) => void;

export class StackFailed extends Failure {
  readonly reasons: readonly string[];

  constructor(stackName: string, status: string, reasons: readonly string[]) {
    const list = reasons.map((reason) => `\n    ${reason}`).join("");
    super(`The stack ${stackName} is ${status}.${list}`, "Correct the template or the code and deploy again.");
    this.reasons = reasons;
  }
}

/** @throws StackFailed with the reasons that CloudFormation gives; Failure when the template is refused outright */
export async function deploy(
  client: CloudFormationClient,
  artifacts: Artifacts,
  deployment: Deployment,
  progress: Progress,
): Promise<Deployed> {
  const { CreateStackCommand, UpdateStackCommand } = await import("@aws-sdk/client-cloudformation");
  const { stackName } = deployment;
  let existing = await settled(client, stackName);
  if (
    existing &&
    /^(ROLLBACK_COMPLETE|ROLLBACK_FAILED|REVIEW_IN_PROGRESS|DELETE_FAILED)$/.test(existing.StackStatus ?? "")
  ) {
    // Nothing of it ever ran, or it was on its way out: only a new one can follow.
    await deleteStack(client, stackName, () => {});
    existing = undefined;
  }
  const unknown = Object.keys(deployment.parameters).filter((name) => !deployment.declared.includes(name));
  if (unknown.length > 0) {
    throw new Failure(
      `The template declares no parameter ${unknown.join(", ")}.`,
      deployment.declared.length > 0 ? `It declares ${deployment.declared.join(", ")}.` : "It declares none.",
    );
  }
  const previous = new Set(existing?.Parameters?.map(({ ParameterKey }) => ParameterKey));
  const request = {
    StackName: stackName,
    ...(await templateOf(artifacts, deployment)),
    Capabilities: ["CAPABILITY_IAM" as const, "CAPABILITY_NAMED_IAM" as const, "CAPABILITY_AUTO_EXPAND" as const],
    Parameters: deployment.declared.flatMap((ParameterKey): Parameter[] => {
      const ParameterValue = deployment.parameters[ParameterKey];
      if (ParameterValue !== undefined) return [{ ParameterKey, ParameterValue }];
      return previous.has(ParameterKey) ? [{ ParameterKey, UsePreviousValue: true }] : [];
    }),
  };
  const watcher = await eventsFrom(client, existing?.StackId ?? undefined, progress);
  let stackId: string;
  try {
    const answer = existing
      ? client.send(new UpdateStackCommand(request))
      : client.send(new CreateStackCommand(request));
    stackId = (await watcher.during(stackName, answer)).StackId!;
  } catch (error) {
    if (isCode(error, "ValidationError")) {
      const { message } = error as Error;
      if (existing && /No updates are to be performed/.test(message)) return { stack: existing, changed: false };
      throw new Failure(message, "Correct the template.");
    }
    throw error;
  }
  const stack = await watcher.untilSettled(stackId);
  const status = stack?.StackStatus ?? "DELETE_COMPLETE";
  if (status !== "CREATE_COMPLETE" && status !== "UPDATE_COMPLETE") {
    throw new StackFailed(stackName, status, watcher.reasons());
  }
  return { stack: stack!, changed: true };
}

/** @returns false when there was no such stack @throws StackFailed */
export async function deleteStack(
  client: CloudFormationClient,
  stackName: string,
  progress: Progress,
): Promise<boolean> {
  const { DeleteStackCommand } = await import("@aws-sdk/client-cloudformation");
  const existing = await settled(client, stackName);
  if (!existing) return false;
  const watcher = await eventsFrom(client, existing.StackId, progress);
  await watcher.during(existing.StackId!, client.send(new DeleteStackCommand({ StackName: existing.StackId! })));
  const stack = await watcher.untilSettled(existing.StackId!);
  if (stack && stack.StackStatus !== "DELETE_COMPLETE") {
    throw new StackFailed(stackName, stack.StackStatus ?? "gone", watcher.reasons());
  }
  return true;
}

export async function findStack(client: CloudFormationClient, stackName: string): Promise<Stack | undefined> {
  const { DescribeStacksCommand } = await import("@aws-sdk/client-cloudformation");
  try {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: stackName }));
    return Stacks?.[0];
  } catch (error) {
    if (isCode(error, "ValidationError")) return undefined;
    throw error;
  }
}

export async function stackResources(client: CloudFormationClient, stackName: string): Promise<StackResource[]> {
  const { DescribeStackResourcesCommand } = await import("@aws-sdk/client-cloudformation");
  const { StackResources } = await client.send(new DescribeStackResourcesCommand({ StackName: stackName }));
  return StackResources ?? [];
}

const busy = (stack: Stack | undefined): boolean =>
  stack?.StackStatus?.endsWith("_IN_PROGRESS") === true && stack.StackStatus !== "REVIEW_IN_PROGRESS";

/** The stack once nothing happens to it any more; undefined when there is none. */
async function settled(client: CloudFormationClient, stackName: string): Promise<Stack | undefined> {
  for (let delayMs = POLL_MS; ; delayMs = Math.min(delayMs * 2, POLL_MS_MAX)) {
    const stack = await findStack(client, stackName);
    if (!busy(stack)) return stack?.StackStatus === "DELETE_COMPLETE" ? undefined : stack;
    await sleep(delayMs);
  }
}

/** Follows a stack's events from now on. */
async function eventsFrom(client: CloudFormationClient, stackId: string | undefined, progress: Progress) {
  const { DescribeStackEventsCommand } = await import("@aws-sdk/client-cloudformation");
  const seen = new Set<string>();
  const failed: StackEvent[] = [];

  /** The newest page holds what happened since the last look: polls are closer together than a hundred events. */
  async function fresh(id: string): Promise<StackEvent[]> {
    const { StackEvents = [] } = await client.send(new DescribeStackEventsCommand({ StackName: id }));
    const events = StackEvents.filter(({ EventId }) => !seen.has(EventId!)).reverse();
    for (const { EventId } of events) seen.add(EventId!);
    return events;
  }

  async function look(id: string): Promise<readonly StackEvent[]> {
    const events = await fresh(id);
    for (const event of events) {
      if (event.ResourceStatus?.endsWith("_FAILED")) failed.push(event);
      progress(event);
    }
    return events;
  }

  if (stackId) await fresh(stackId);
  return {
    /** Looks on while a request is under way: it may be answered only after the stack has moved. */
    async during<T>(id: string, answer: Promise<T>): Promise<T> {
      let answered = false;
      const settled = answer.then(
        () => {
          answered = true;
        },
        () => {
          answered = true;
        },
      );
      while (!answered) {
        await Promise.race([settled, sleep(POLL_MS)]);
        // A stack that is only being created may not be there yet.
        if (!answered) await look(id).catch(() => {});
      }
      return answer;
    },
    async untilSettled(id: string): Promise<Stack | undefined> {
      for (let delayMs = POLL_MS; ; ) {
        const stack = await findStack(client, id);
        const events = await look(id);
        if (!busy(stack)) return stack;
        delayMs = events.length > 0 ? POLL_MS : Math.min(delayMs * 1.5, POLL_MS_MAX);
        await sleep(delayMs);
      }
    },
    /** Why resources failed, without those that were only cancelled because another one failed. */
    reasons(): string[] {
      return failed
        .filter(({ ResourceStatusReason }) => !/^Resource (creation|update) cancelled/.test(ResourceStatusReason ?? ""))
        .map(({ LogicalResourceId, ResourceType, ResourceStatusReason }) =>
          [`${LogicalResourceId} (${ResourceType}):`, ResourceStatusReason ?? "no reason given"].join(" "),
        );
    },
  };
}

async function templateOf(
  artifacts: Artifacts,
  { stackName, template }: Deployment,
): Promise<{ TemplateBody: string } | { TemplateURL: string }> {
  const body = Buffer.from(template);
  if (body.length <= TEMPLATE_BODY_BYTES_MAX) return { TemplateBody: template };
  const hash = createHash("sha256").update(body).digest("hex").slice(0, 32);
  const { bucket, key } = await artifacts.put(`${stackName}/${hash}.template`, body);
  return { TemplateURL: `https://${bucket}.s3.amazonaws.com/${key}` };
}
