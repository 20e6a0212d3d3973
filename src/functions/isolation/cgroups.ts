/**
 * Control groups: what bounds, freezes, counts and kills a worker with everything it has started. Three kinds of machine: cgroup v2; v1 or
 * hybrid (memory and pids in v1, freezing in the unified tree where there is one); none, where the caller falls back on signals and rlimits.
 *
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html
 * @see https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** AWS's own limit: 1,024 processes and threads. @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
export const PROCESSES_MAX = 1024;
/** Functions get processor time in proportion to their memory, and this is the most they may have. */
const MEMORY_MAX_MB = 10_240;

export interface Cgroup {
  /** Files that a process joins by writing `0` to them. */
  readonly joins: readonly string[];
  /** Bounds memory, and weighs CPU by it. */
  limit(memoryMb: number): void;
  /** Weighs CPU by memory, and by a part of it: 0 to 1. */
  weigh(memoryMb: number, share: number): void;
  /** False when the machine cannot freeze groups. */
  freeze(frozen: boolean): boolean;
  /** Kills every process in it; false when the machine cannot do so at once. */
  kill(): boolean;
  processes(): readonly number[];
  /** The most memory it has held, in bytes. */
  peakBytes(): number | undefined;
  /** How often a process in it was killed for want of memory. */
  outOfMemoryKills(): number;
  /** CPU time used by all its processes, in microseconds; undefined when the machine does not count it. */
  cpuMicroseconds(): number | undefined;
  /**
   * How long any of its processes could have run and was not given a core, in microseconds; undefined when the machine does not count it.
   * @see https://docs.kernel.org/accounting/psi.html
   */
  waitedMicroseconds(): number | undefined;
  /** Once its processes have ended. */
  remove(): void;
}

export interface Cgroups {
  readonly kind: "v2" | "v1";
  readonly detail: string;
  readonly canFreeze: boolean;
  create(name: string): Cgroup;
  /** Removes the parent group; call after every group is gone. */
  close(): void;
}

const ROOT = "/sys/fs/cgroup";
const PARENT_PREFIX = "virga-";

/**
 * Finds a place where groups can be made, and takes it.
 * @returns undefined with the reason when there is none
 */
export function openCgroups(pid: number): Cgroups | { readonly missing: string } {
  if (process.platform !== "linux") return { missing: "control groups exist on Linux only" };
  let own: ReadonlyMap<string, string>;
  try {
    own = ownGroups(readFileSync("/proc/self/cgroup", "utf8"));
  } catch {
    return { missing: "/proc/self/cgroup cannot be read" };
  }
  try {
    if (existsSync(join(ROOT, "cgroup.controllers"))) return openV2(own.get("") ?? "/", pid);
    return openV1(own, pid);
  } catch (error) {
    return { missing: (error as Error).message };
  }
}

/** `4:memory:/a` → memory → /a; the unified tree under the empty name. */
export function ownGroups(text: string): ReadonlyMap<string, string> {
  const groups = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^\d+:([^:]*):(.*)$/.exec(line);
    if (match) for (const controller of match[1]!.split(",")) groups.set(controller, match[2]!);
  }
  return groups;
}

function openV2(own: string, pid: number): Cgroups {
  // A group with processes of its own cannot bound groups below it, so the place is beside ours or higher.
  let refusal = "no writable group with a memory controller";
  for (let place = own === "/" ? "/" : dirname(own); ; place = dirname(place)) {
    let parent = "";
    try {
      sweep(join(ROOT, place));
      parent = makeParent(join(ROOT, place), pid);
      const offered = readFileSync(join(parent, "cgroup.controllers"), "utf8").trim().split(" ");
      if (!offered.includes("memory")) throw new Error(`${join(ROOT, place)} offers no memory controller`);
      const wanted = ["memory", "pids", "cpu"].filter((name) => offered.includes(name));
      writeFileSync(join(parent, "cgroup.subtree_control"), wanted.map((name) => `+${name}`).join(" "));
      return {
        kind: "v2",
        detail: parent,
        canFreeze: true,
        create: (name) => v2Group(join(parent, name)),
        close: () => tryTo(() => rmdirSync(parent)),
      };
    } catch (error) {
      refusal = (error as Error).message;
      if (parent !== "") tryTo(() => rmdirSync(parent));
    }
    if (place === "/") throw new Error(refusal);
  }
}

function v2Group(path: string): Cgroup {
  mkdirSync(path);
  const write = (file: string, value: string | number) => writeFileSync(join(path, file), String(value));
  const weigh = (memoryMb: number, share: number) =>
    tryTo(() => write("cpu.weight", clamp(Math.round((10_000 * memoryMb * share) / MEMORY_MAX_MB), 1, 10_000)));
  tryTo(() => write("pids.max", PROCESSES_MAX));
  tryTo(() => write("memory.oom.group", 1));
  tryTo(() => write("memory.swap.max", 0));
  return {
    joins: [join(path, "cgroup.procs")],
    limit(memoryMb) {
      write("memory.max", memoryMb * 1024 * 1024);
      weigh(memoryMb, 1);
    },
    weigh,
    freeze: (frozen) => succeeds(() => write("cgroup.freeze", frozen ? 1 : 0)),
    kill: () => succeeds(() => write("cgroup.kill", 1)),
    processes: () => pids(join(path, "cgroup.procs")),
    peakBytes: () => number(join(path, "memory.peak")),
    outOfMemoryKills: () => field(join(path, "memory.events"), "oom_kill") ?? 0,
    cpuMicroseconds: () => field(join(path, "cpu.stat"), "usage_usec"),
    waitedMicroseconds: () => pressure(path),
    remove: () => rmdirSync(path),
  };
}

function openV1(own: ReadonlyMap<string, string>, pid: number): Cgroups {
  const trees = new Map<string, string>();
  for (const controller of ["memory", "pids", "cpu", "unified"]) {
    const place = join(ROOT, controller, own.get(controller === "unified" ? "" : controller) ?? "/");
    try {
      sweep(place);
      trees.set(controller, makeParent(place, pid));
    } catch (error) {
      if (controller === "memory") throw error;
    }
  }
  const canFreeze = trees.has("unified");
  return {
    kind: "v1",
    detail: trees.get("memory")!,
    canFreeze,
    create: (name) => v1Group(trees, name),
    close: () => {
      for (const parent of trees.values()) tryTo(() => rmdirSync(parent));
    },
  };
}

function v1Group(trees: ReadonlyMap<string, string>, name: string): Cgroup {
  const paths = new Map([...trees].map(([controller, parent]) => [controller, join(parent, name)]));
  for (const path of paths.values()) mkdirSync(path);
  const memory = paths.get("memory")!;
  const unified = paths.get("unified");
  const cpu = paths.get("cpu");
  const write = (path: string | undefined, file: string, value: string | number) => {
    if (path === undefined) throw new Error(`no tree for ${file}`);
    writeFileSync(join(path, file), String(value));
  };
  const weigh = (memoryMb: number, share: number) =>
    tryTo(() => write(cpu, "cpu.shares", clamp(Math.round((262_144 * memoryMb * share) / MEMORY_MAX_MB), 2, 262_144)));
  tryTo(() => write(paths.get("pids"), "pids.max", PROCESSES_MAX));
  return {
    joins: [...paths.values()].map((path) => join(path, "cgroup.procs")),
    limit(memoryMb) {
      const bytes = memoryMb * 1024 * 1024;
      write(memory, "memory.limit_in_bytes", bytes);
      // Swap counts as memory, where the kernel counts it at all.
      tryTo(() => write(memory, "memory.memsw.limit_in_bytes", bytes));
      weigh(memoryMb, 1);
    },
    weigh,
    freeze: (frozen) => succeeds(() => write(unified, "cgroup.freeze", frozen ? 1 : 0)),
    kill: () => succeeds(() => write(unified, "cgroup.kill", 1)),
    processes: () => pids(join(memory, "cgroup.procs")),
    peakBytes: () => number(join(memory, "memory.max_usage_in_bytes")),
    outOfMemoryKills: () => field(join(memory, "memory.oom_control"), "oom_kill") ?? 0,
    cpuMicroseconds: () => (unified === undefined ? undefined : field(join(unified, "cpu.stat"), "usage_usec")),
    waitedMicroseconds: () => (unified === undefined ? undefined : pressure(unified)),
    remove() {
      for (const path of paths.values()) if (existsSync(path)) rmdirSync(path);
    },
  };
}

const PARENTS_MAX = 100;

/** `virga-4711`, `virga-4711-2` …: a process may have several platforms, as tests do. */
function makeParent(place: string, pid: number): string {
  for (let number = 1; ; number++) {
    const parent = join(place, `${PARENT_PREFIX}${pid}${number === 1 ? "" : `-${number}`}`);
    try {
      mkdirSync(parent);
      return parent;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || number === PARENTS_MAX) throw error;
    }
  }
}

/** Ends and removes what platforms left behind that are no more. */
function sweep(place: string): void {
  for (const entry of readdirSync(place)) {
    const pid = /^virga-(\d+)(?:-\d+)?$/.exec(entry)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const parent = join(place, entry);
    for (const child of readdirSync(parent, { withFileTypes: true })) {
      if (!child.isDirectory()) continue;
      const group = join(parent, child.name);
      tryTo(() => writeFileSync(join(group, "cgroup.freeze"), "0"));
      for (const pid of pids(join(group, "cgroup.procs"))) tryTo(() => process.kill(pid, "SIGKILL"));
      tryTo(() => rmdirSync(group));
    }
    tryTo(() => rmdirSync(parent));
  }
}

/** Running, or stopped; one that has ended and waits for its parent to notice is not. */
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

const pids = (file: string): number[] => {
  try {
    return readFileSync(file, "utf8").split("\n").filter(Boolean).map(Number);
  } catch {
    return [];
  }
};

function number(file: string): number | undefined {
  try {
    return Number(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

function field(file: string, name: string): number | undefined {
  try {
    const match = new RegExp(`^${name} (\\d+)$`, "m").exec(readFileSync(file, "utf8"));
    return match ? Number(match[1]) : undefined;
  } catch {
    return undefined;
  }
}

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=4711` */
function pressure(path: string): number | undefined {
  try {
    const match = /^some .*total=(\d+)$/m.exec(readFileSync(join(path, "cpu.pressure"), "utf8"));
    return match ? Number(match[1]) : undefined;
  } catch {
    return undefined;
  }
}

const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));

function succeeds(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}

/** For what a machine may lack and a worker can do without. */
const tryTo = (action: () => void): void => void succeeds(action);
