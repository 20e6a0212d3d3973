/**
 * RunTask: starts tasks, once for each client token. A token is a cluster's own, and lasts for a day, or until all its tasks are forgotten.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
 */
import type { RunTaskCommandInput, Task, TaskOverride } from "@aws-sdk/client-ecs";
import type { Transaction } from "../../storage/transaction.ts";
import type { FlowContext, OperationContext, OutputOf } from "../service.ts";
import { invalidParameter, noEngine, tokenInUse } from "./errors.ts";
import { activeDefinition, clusterOf, taskArn } from "./names.ts";
import { checkNetwork, platformVersionOf } from "./network.ts";
import { engineUnavailable, type TaskHost } from "./ports.ts";
import { type ClusterRecord, type Place, Runs, runKey, Tasks, taskKey } from "./state.ts";
import { chosenStrategy, nextProvider, type Provider } from "./strategy.ts";
import { checkTags, mergeTags } from "./tags.ts";
import { createTask, describeTask } from "./tasks.ts";

const COUNT_MAX = 10;
const TOKEN_MS = 24 * 60 * 60_000;
const TOKEN = /^[!-~]{1,64}$/;

/** A client token is forgotten. */
export const RUN_FORGOTTEN = "ecs.RunForgotten";
interface RunRef extends Place {
  readonly cluster: string;
  readonly clientToken: string;
}

/**
 * Starts up to ten tasks. Without a container engine nothing is started, and the error says how to get one.
 * Errors: ClientException, InvalidParameterException, ClusterNotFoundException, ConflictException.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
 */
export const runTask =
  (host: () => TaskHost) =>
  async (flow: FlowContext, input: RunTaskCommandInput): Promise<OutputOf<"ecs", "RunTask">> => {
    try {
      await host().engine();
    } catch (error) {
      const unavailable = engineUnavailable(error);
      if (!unavailable) throw error;
      throw noEngine(unavailable.message, unavailable.remedy);
    }
    return flow.write((tx, context) => ({ tasks: startOnce(tx, input, context), failures: [] }));
  };

/** The tasks of an earlier request with this token, else new ones. */
function startOnce(tx: Transaction, input: RunTaskCommandInput, context: OperationContext): Task[] {
  const { clientToken, ...rest } = input;
  const cluster = clusterOf(tx, context, input.cluster);
  if (clientToken === undefined) return startTasks(tx, input, context, cluster);
  if (!TOKEN.test(clientToken)) {
    throw invalidParameter("clientToken must be 1 to 64 ASCII characters in the range of 33-126.");
  }
  const place = runKey(context, cluster.name, clientToken);
  const request = JSON.stringify(Object.entries(rest).sort(([left], [right]) => (left < right ? -1 : 1)));
  const known = Runs.get(tx, place);
  const still = (known?.taskIds ?? []).flatMap((id) => Tasks.get(tx, taskKey(context, cluster.name, id)) ?? []);
  if (known && still.length > 0) {
    if (known.request !== request) throw tokenInUse(still.map(taskArn));
    return still.map((task) => describeTask(task));
  }
  const tasks = startTasks(tx, input, context, cluster);
  Runs.put(tx, place, { request, taskIds: tasks.map(({ taskArn }) => taskArn!.split("/").at(-1)!) });
  const { accountId, region } = context;
  const detail: RunRef = { accountId, region, cluster: cluster.name, clientToken };
  tx.emit({ type: RUN_FORGOTTEN, detail, dueMs: context.nowMs + TOKEN_MS });
  return tasks;
}

export function forgetRun(tx: Transaction, ref: RunRef): void {
  tx.delete(runKey(ref, ref.cluster, ref.clientToken));
}

function startTasks(
  tx: Transaction,
  input: RunTaskCommandInput,
  context: OperationContext,
  cluster: ClusterRecord,
): Task[] {
  const count = input.count ?? 1;
  if (count < 1 || count > COUNT_MAX) throw invalidParameter(`Count should be between 1 and ${COUNT_MAX}.`);
  const { shape, tags: definitionTags } = activeDefinition(tx, context, input.taskDefinition);
  const strategy = chosenStrategy(input, cluster);
  const networkConfiguration = checkNetwork(input.networkConfiguration);
  checkTags(input.tags);
  if (input.group?.startsWith("service:")) throw invalidParameter("Group name cannot start with 'service:'.");
  checkOverrides(
    input.overrides,
    shape.containerDefinitions!.map(({ name }) => name!),
  );
  const tags = mergeTags(
    input.propagateTags === "TASK_DEFINITION" ? definitionTags : [],
    input.enableECSManagedTags ? [{ key: "aws:ecs:clusterName", value: cluster.name }] : [],
    input.tags ?? [],
  );
  const placed: Partial<Record<Provider, number>> = {};
  return Array.from({ length: count }, () => {
    const provider = strategy.length > 0 ? nextProvider(strategy, placed) : undefined;
    if (provider) placed[provider] = (placed[provider] ?? 0) + 1;
    return describeTask(
      createTask(tx, context, {
        cluster: cluster.name,
        family: shape.family!,
        revision: shape.revision!,
        group: input.group ?? `family:${shape.family}`,
        ...(input.startedBy === undefined ? {} : { startedBy: input.startedBy }),
        ...(input.overrides ? { overrides: input.overrides } : {}),
        ...(provider ? { capacityProvider: provider } : { launchType: "FARGATE" as const }),
        platformVersion: platformVersionOf(input.platformVersion),
        networkConfiguration,
        tags,
        balanced: false,
      }),
    );
  });
}

function checkOverrides(overrides: TaskOverride | undefined, names: readonly string[]): void {
  for (const { name } of overrides?.containerOverrides ?? []) {
    if (!names.includes(name ?? "")) {
      throw invalidParameter(`Override for container named ${name} is not a container in the TaskDefinition.`);
    }
  }
}
