/**
 * What is to be done about a task: a pure function of what is known of its containers. Whoever carries it out (`host.ts`) tells what came of
 * it by changing the state, and asks again.
 *
 * Containers start in the order of their dependencies and end in the reverse order.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html
 */
import type { ContainerState, Stop, TaskContainer, TaskState } from "./task.ts";

export type Action =
  | { readonly kind: "start"; readonly container: string }
  /** The polite signal. */
  | { readonly kind: "signal"; readonly container: string }
  | { readonly kind: "kill"; readonly container: string }
  /** The task is to end; ask again. */
  | { readonly kind: "stop"; readonly stop: Stop }
  /** A container that never started will not any more. */
  | { readonly kind: "abandon"; readonly container: string };

export interface Decision {
  readonly actions: readonly Action[];
  /** When to ask again if nothing happens before. */
  readonly wakeMs?: number;
}

export function decide(task: TaskState, nowMs: number): Decision {
  return task.stop ? ending(task, nowMs) : going(task, nowMs);
}

/** Everything that was to run has run, or will not. */
export const isOver = (task: TaskState): boolean =>
  task.stop !== undefined && Object.values(task.containers).every(({ phase }) => phase === "exited");

const stateOf = (task: TaskState, name: string): ContainerState => task.containers[name]!;

function going(task: TaskState, nowMs: number): Decision {
  const actions: Action[] = [];
  let wakeMs = Infinity;
  for (const container of task.spec.containers) {
    const state = stateOf(task, container.name);
    if (state.phase === "exited" && container.essential) {
      return stopped({ code: "EssentialContainerExited", reason: "Essential container in task exited" });
    }
    if (state.phase !== "absent") continue;
    const waiting = container.dependsOn.map((dependency) => met(task, dependency));
    if (waiting.includes("never")) {
      const failed = container.dependsOn[waiting.indexOf("never")]!;
      return stopped({
        code: "TaskFailedToStart",
        reason: `${container.name}: its dependency ${failed.container} did not reach ${failed.condition}`,
      });
    }
    if (waiting.every((state) => state === "met")) {
      actions.push({ kind: "start", container: container.name });
    } else if (container.startTimeoutMs !== undefined) {
      // Counted from when the dependencies began to be waited for: the task's own beginning, or the last of them to start.
      const sinceMs = Math.max(
        task.beganMs,
        ...container.dependsOn.map((dependency) => stateOf(task, dependency.container).startedMs ?? 0),
      );
      const dueMs = sinceMs + container.startTimeoutMs;
      if (nowMs >= dueMs) {
        return stopped({
          code: "TaskFailedToStart",
          reason: `${container.name}: its dependencies were not ready within ${container.startTimeoutMs / 1000} seconds`,
        });
      }
      wakeMs = Math.min(wakeMs, dueMs);
    }
  }
  // Containers none of which is essential cannot be declared; still, a task in which nothing runs is over.
  if (task.spec.containers.every(({ name }) => stateOf(task, name).phase === "exited")) {
    return stopped({ code: "EssentialContainerExited", reason: "All containers of the task exited" });
  }
  return { actions, ...(wakeMs === Infinity ? {} : { wakeMs }) };
}

const stopped = (stop: Stop): Decision => ({ actions: [{ kind: "stop", stop }] });

function met(
  task: TaskState,
  { container, condition }: TaskContainer["dependsOn"][number],
): "met" | "not-yet" | "never" {
  const { phase, exitCode, health } = stateOf(task, container);
  switch (condition) {
    case "START":
      return phase === "running" || phase === "exited" ? "met" : "not-yet";
    case "COMPLETE":
      return phase === "exited" ? "met" : "not-yet";
    case "SUCCESS":
      return phase !== "exited" ? "not-yet" : exitCode === 0 ? "met" : "never";
    case "HEALTHY":
      return phase === "exited" || health === "UNHEALTHY" ? "never" : health === "HEALTHY" ? "met" : "not-yet";
  }
}

function ending(task: TaskState, nowMs: number): Decision {
  const actions: Action[] = [];
  let wakeMs = Infinity;
  for (const container of task.spec.containers) {
    const { name, stopTimeoutMs } = container;
    const state = stateOf(task, name);
    if (state.phase === "absent") actions.push({ kind: "abandon", container: name });
    if (state.phase !== "running" || state.killed) continue;
    const dependents = task.spec.containers.filter(
      (other) =>
        other.dependsOn.some((dependency) => dependency.container === name) &&
        ["running", "starting"].includes(stateOf(task, other.name).phase),
    );
    if (dependents.length > 0) continue;
    if (state.signalledMs === undefined) {
      actions.push({ kind: "signal", container: name });
      continue;
    }
    const killMs = state.signalledMs + stopTimeoutMs;
    if (nowMs >= killMs) actions.push({ kind: "kill", container: name });
    else wakeMs = Math.min(wakeMs, killMs);
  }
  return { actions, ...(wakeMs === Infinity ? {} : { wakeMs }) };
}
