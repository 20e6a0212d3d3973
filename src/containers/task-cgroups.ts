/**
 * The size of a task, held for all its containers together: a control group around theirs. It takes the machine's own cgroup file system and an
 * engine that lets one choose a parent (cgroupfs); elsewhere each container alone is held to the task's size.
 *
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html
 * @see https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineInfo } from "./engine.ts";

export interface TaskCgroups {
  /** Makes a task's group. @returns what the engine is told; undefined where there are none */
  create(
    engine: EngineInfo,
    key: string,
    size: { readonly cpus: number; readonly memoryBytes: number },
  ): string | undefined;
  /** The group of a task that ran before. */
  find(key: string): string | undefined;
  /** Whether the task's memory has been full, so that something in it was killed. */
  outOfMemory(key: string): boolean;
  /** Once nothing runs in it. */
  remove(key: string): void;
}

const ROOT = "/sys/fs/cgroup";
const PARENT = "virga-tasks";
const PERIOD_MICROSECONDS = 100_000;
/** A kill happens within a page of the limit; what the kernel charges in batches makes it a little less. */
const FULL = 0.97;

/** None: for engines on other machines, and for tests. */
export const noCgroups: TaskCgroups = {
  create: () => undefined,
  find: () => undefined,
  outOfMemory: () => false,
  remove() {},
};

export function openTaskCgroups(root = ROOT): TaskCgroups {
  const unified = existsSync(join(root, "cgroup.controllers"));
  const folders = (key: string) =>
    unified
      ? [join(root, PARENT, key)]
      : ["memory", "cpu", "cpuacct", "pids", "cpuset", "devices", "blkio", "freezer", "systemd", "unified"]
          .map((controller) => join(root, controller, PARENT, key))
          .filter((folder) => existsSync(join(folder, "../..")));
  /** Groups of tasks that have ended, in which the engine's monitor still lived: taken away with the next one. */
  const left = new Set<string>();
  const path = (key: string) => `/${PARENT}/${key}`;
  const number = (file: string): number => {
    try {
      return Number(readFileSync(file, "utf8"));
    } catch {
      return 0;
    }
  };

  return {
    create(engine, key, { cpus, memoryBytes }) {
      if (engine.cgroupDriver !== "cgroupfs" || engine.reach !== "direct") return undefined;
      left.delete(key);
      try {
        const quota = String(Math.round(cpus * PERIOD_MICROSECONDS));
        if (unified) {
          const folder = join(root, PARENT, key);
          mkdirSync(folder, { recursive: true });
          writeFileSync(join(root, "cgroup.subtree_control"), "+cpu +memory +pids");
          writeFileSync(join(root, PARENT, "cgroup.subtree_control"), "+cpu +memory +pids");
          writeFileSync(join(folder, "memory.max"), String(memoryBytes));
          writeFileSync(join(folder, "cpu.max"), `${quota} ${PERIOD_MICROSECONDS}`);
        } else {
          const memory = join(root, "memory", PARENT, key);
          const cpu = join(root, "cpu", PARENT, key);
          mkdirSync(memory, { recursive: true });
          mkdirSync(cpu, { recursive: true });
          writeFileSync(join(memory, "memory.limit_in_bytes"), String(memoryBytes));
          writeFileSync(join(cpu, "cpu.cfs_period_us"), String(PERIOD_MICROSECONDS));
          writeFileSync(join(cpu, "cpu.cfs_quota_us"), quota);
        }
        return path(key);
      } catch {
        // Not ours to make: without root, or read-only. Containers are held one by one then.
        this.remove(key);
        return undefined;
      }
    },
    find: (key) => (folders(key).some((folder) => existsSync(folder)) ? path(key) : undefined),
    outOfMemory(key) {
      if (unified) {
        try {
          const events = readFileSync(join(root, PARENT, key, "memory.events"), "utf8");
          return Number(/^oom_kill (\d+)/m.exec(events)?.[1] ?? 0) > 0;
        } catch {
          return false;
        }
      }
      const folder = join(root, "memory", PARENT, key);
      const limit = number(join(folder, "memory.limit_in_bytes"));
      return limit > 0 && number(join(folder, "memory.max_usage_in_bytes")) >= FULL * limit;
    },
    remove(key) {
      left.add(key);
      for (const one of left) {
        for (const folder of folders(one)) {
          // Podman leaves a group of its own monitor behind.
          for (const inner of [join(folder, "conmon"), folder]) {
            try {
              rmdirSync(inner);
            } catch {
              // Not there, or something lives in it still.
            }
          }
        }
        if (!folders(one).some((folder) => existsSync(folder))) left.delete(one);
      }
    },
  };
}
