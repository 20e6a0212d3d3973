/** A worker's processes as the machine shows them: who belongs to it, what they hold, how to stop them where no control group does it. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { cpus } from "node:os";
import type { Cgroup } from "./isolation/cgroups.ts";

/** A process and what it has started, on Linux; the process alone elsewhere. */
export function treeOf(pid: number): number[] {
  const tree = [pid];
  for (let at = 0; at < tree.length; at++) {
    try {
      const children = readFileSync(`/proc/${tree[at]}/task/${tree[at]}/children`, "utf8").trim();
      if (children !== "") tree.push(...children.split(" ").map(Number));
    } catch {
      // Gone meanwhile, or no /proc.
    }
  }
  return tree;
}

/** The most memory that any process of the tree has held, in bytes. */
export function peakOf(pid: number): number {
  let kilobytes = 0;
  for (const member of treeOf(pid))
    try {
      const match = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${member}/status`, "utf8"));
      kilobytes += Number(match?.[1] ?? 0);
    } catch {
      // Gone meanwhile.
    }
  return kilobytes * 1024;
}

/**
 * What the main threads of a process and of those that it has started have used of the processor, and how long they waited for it; undefined where
 * the machine does not count it. What their other threads use is not known here.
 * @see https://docs.kernel.org/scheduler/sched-stats.html
 */
export function scheduledMicroseconds(pid: number): { readonly used: number; readonly waited: number } | undefined {
  if (process.platform !== "linux" || pid === 0) return undefined;
  let [used, waited] = [0, 0];
  for (const member of treeOf(pid))
    try {
      const fields = readFileSync(`/proc/${member}/schedstat`, "latin1").split(" ");
      used += Number(fields[0]) / 1000;
      waited += Number(fields[1]) / 1000;
    } catch (error) {
      // Gone meanwhile; or not counted.
      if (member === pid && (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    }
  return { used, waited };
}

/**
 * How long a worker could have run and was not given a core, in milliseconds: of all its threads the one that has waited longest. 0 where the machine does not count it.
 * @see https://docs.kernel.org/scheduler/sched-stats.html
 */
export function waitedMsOf(pid: number, cgroup: Cgroup | undefined): number {
  let longest = 0;
  if (process.platform !== "linux" || pid === 0) return longest;
  for (const member of cgroup ? cgroup.processes() : treeOf(pid))
    try {
      for (const thread of readdirSync(`/proc/${member}/task`)) {
        const waitedNs = readFileSync(`/proc/${member}/task/${thread}/schedstat`, "latin1").split(" ")[1];
        longest = Math.max(longest, Number(waitedNs) / 1e6);
      }
    } catch {
      // Gone meanwhile, or not counted.
    }
  return longest;
}

/** Tells how many cores nobody has used since it began. */
export function createIdleMeter(): { begin(): void; idleCores(): number } {
  const count = () => {
    let idle = 0;
    let all = 0;
    const cores = cpus();
    for (const { times } of cores) {
      idle += times.idle;
      all += times.idle + times.user + times.nice + times.sys + times.irq;
    }
    return { idle, all, cores: cores.length };
  };
  let since = count();
  return {
    begin() {
      since = count();
    },
    idleCores() {
      const now = count();
      const passed = now.all - since.all;
      return passed > 0 ? (now.cores * (now.idle - since.idle)) / passed : 0;
    },
  };
}

/** Stops or continues every process, where they cannot be frozen together. */
export function signalTree(pid: number, cgroup: Cgroup | undefined, signal: "SIGSTOP" | "SIGCONT"): void {
  if (pid === 0) return;
  for (const member of cgroup ? cgroup.processes() : treeOf(pid))
    try {
      process.kill(member, signal);
    } catch {
      // Gone, or not ours to stop.
    }
}

/** Sets RLIMIT_DATA of a worker's processes that run already. One that is gone by then needs no bound. */
export function boundData(pid: number, bytes: number): void {
  if (process.platform !== "linux") return;
  for (const member of treeOf(pid))
    execFile("/usr/bin/prlimit", ["--pid", String(member), `--data=${bytes}`], () => {});
}

/** Both ends of a connection over the loopback, as its server sees them. Other connections may use the same port of a client at the same time. */
export interface Connection {
  readonly clientPort: number;
  readonly serverPort: number;
}

interface SocketOwner {
  readonly uid: number;
  readonly inode: string;
}

/**
 * Whether a connection over the loopback was made by the worker: by the user id that the kernel notes with each socket, where each worker
 * has its own; else by whether one of the worker's processes holds the socket.
 */
export function isOwnConnection(
  connection: Connection,
  uid: number | undefined,
  pid: number,
  cgroup: Cgroup | undefined,
): boolean {
  // Elsewhere nothing keeps functions apart to begin with, and `doctor` says so.
  if (process.platform !== "linux") return true;
  const owner = ownerIn(readFileSync("/proc/net/tcp", "latin1"), connection);
  if (owner === undefined) return false;
  if (uid !== undefined) return owner.uid === uid;
  const pids = cgroup ? cgroup.processes() : treeOf(pid);
  return pids.some((pid) => holdsSocket(pid, owner.inode));
}

/** Who made a connection, by the kernel's table of TCP sockets (`/proc/net/tcp`). */
export function ownerIn(table: string, { clientPort, serverPort }: Connection): SocketOwner | undefined {
  const [client, server] = [clientPort, serverPort].map(
    (port) => `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`,
  );
  for (const line of table.split("\n")) {
    const fields = line.trim().split(/\s+/);
    if (fields[1] === client && fields[2] === server) return { uid: Number(fields[7]), inode: fields[9]! };
  }
  return undefined;
}

function holdsSocket(pid: number, inode: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`;
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}
