/**
 * What tasks use of vCPU and memory: counted every minute while they run, and at their end; a minute at least.
 * @see https://aws.amazon.com/fargate/pricing/
 */
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { taskArn } from "./names.ts";
import { Definitions, definitionKey, type TaskRecord, type TaskRef, Tasks, taskKey } from "./state.ts";

export const USAGE_DUE = "ecs.UsageDue";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

function use(tx: Transaction, task: TaskRecord, context: Pick<OperationContext, "use">, ms: number): void {
  if (ms <= 0) return;
  const { runtimePlatform } =
    Definitions.get(tx, definitionKey(task, task.definition.family, task.definition.revision))?.shape ?? {};
  const kind = `${task.capacityProvider === "FARGATE_SPOT" ? "SpotUsage-" : ""}Fargate${runtimePlatform?.cpuArchitecture === "ARM64" ? "-ARM" : ""}`;
  const resource = taskArn(task);
  const hours = ms / HOUR_MS;
  context.use({ resource, usageType: `${kind}-vCPU-Hours:perCPU`, quantity: (Number(task.cpu) / 1024) * hours });
  context.use({ resource, usageType: `${kind}-GB-Hours`, quantity: (Number(task.memory) / 1024) * hours });
}

/** Counts what was used since it was last counted. Hears {@link USAGE_DUE}. */
function count(tx: Transaction, ref: TaskRef, context: OperationContext): void {
  const task = Tasks.get(tx, taskKey(ref, ref.cluster, ref.id));
  if (task?.meteredMs === undefined || task.lastStatus === "STOPPED") return;
  const { nowMs } = context;
  use(tx, task, context, nowMs - task.meteredMs);
  // Nothing that DescribeTasks shows has changed.
  Tasks.put(tx, taskKey(ref, ref.cluster, ref.id), { ...task, meteredMs: nowMs });
  tx.emit({ type: USAGE_DUE, detail: ref, dueMs: nowMs + MINUTE_MS });
}

export const meter = {
  begin(tx: Transaction, task: TaskRecord, nowMs: number): void {
    const { accountId, region, cluster, id } = task;
    tx.emit({ type: USAGE_DUE, detail: { accountId, region, cluster, id }, dueMs: nowMs + MINUTE_MS });
  },
  count,
  /** The rest, and what a minute lacks. Counts once. */
  end(tx: Transaction, ref: TaskRef, context: OperationContext): void {
    const task = Tasks.get(tx, taskKey(ref, ref.cluster, ref.id));
    if (task?.meteredMs === undefined || task.startedMs === undefined || task.stoppedMs === undefined) return;
    const least = Math.max(task.stoppedMs, task.startedMs + MINUTE_MS);
    use(tx, task, context, least - task.meteredMs);
    const { meteredMs: _, ...counted } = task;
    Tasks.put(tx, taskKey(task, task.cluster, task.id), counted);
  },
};
