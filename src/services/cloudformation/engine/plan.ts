/** The tasks of a phase: who goes before whom. Pure. */
import type { Resource, Task } from "../state.ts";
import type { Evaluation } from "../template/evaluate.ts";

export type NewTask = Omit<Task, "nameToken" | "state" | "attempts">;

/** Applies a template: every resource after those it refers to. */
export function applyTasks(evaluation: Evaluation): NewTask[] {
  return [...evaluation.resources.keys()].map((logicalId) => ({
    id: logicalId,
    logicalId,
    kind: "apply",
    needs: evaluation.dependencies.get(logicalId) ?? [],
  }));
}

/** Takes back what a failed update did to resources that were there before: in the order in which the old template made them. */
export function restoreTasks(all: readonly Resource[]): NewTask[] {
  const changed = all.filter((resource) => resource.previous !== undefined);
  const ids = new Set(changed.map((resource) => resource.logicalId));
  return changed.map((resource) => ({
    id: resource.logicalId,
    logicalId: resource.logicalId,
    kind: "restore",
    needs: resource.previous!.dependsOn.filter((id) => ids.has(id) && id !== resource.logicalId),
  }));
}

/** What is to be deleted: a resource with its record, or garbage. */
export interface Doomed {
  readonly logicalId: string;
  readonly target: NonNullable<Task["target"]>;
  readonly garbage?: number;
}

/** Deletes: whatever refers to a thing goes before the thing. */
export function deleteTasks(doomed: readonly Doomed[]): NewTask[] {
  const idOf = (item: Doomed) =>
    item.garbage === undefined ? item.logicalId : `${item.logicalId}/${String(item.garbage).padStart(8, "0")}`;
  return doomed.map((item) => ({
    id: idOf(item),
    logicalId: item.logicalId,
    kind: "delete",
    action: "delete",
    target: item.target,
    ...(item.garbage === undefined ? {} : { garbage: item.garbage }),
    needs: doomed
      .filter((other) => other.logicalId !== item.logicalId && other.target.dependsOn.includes(item.logicalId))
      .map(idOf),
  }));
}

/**
 * The tasks that can begin now.
 * @param most that may run at once
 */
export function readyTasks(all: readonly Task[], most: number): Task[] {
  const states = new Map(all.map((task) => [task.id, task.state]));
  const running = all.filter((task) => task.state === "running").length;
  const waiting = all.filter((task) => task.state === "waiting");
  const ready = waiting.filter((task) => task.needs.every((id) => (states.get(id) ?? "done") === "done"));
  // Remains of different deployments may refer to one another in a circle: then any order is as good as another.
  const blocked = waiting.length > 0 && ready.length === 0 && running === 0;
  if (blocked && waiting.every((task) => task.kind === "delete") && !all.some((task) => task.state === "failed")) {
    return waiting.slice(0, 1);
  }
  return ready.slice(0, Math.max(0, most - running));
}
