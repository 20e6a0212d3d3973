/** A worker's processes as the machine shows them: who belongs to it, what they hold, how to stop them where no control group does it. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
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

/**
 * Whether a connection from this loopback port was made by the worker: by the user id that the kernel notes with each socket, where each worker
 * has its own; else by whether one of the worker's processes holds the socket.
 */
export function isOwnConnection(
  port: number,
  uid: number | undefined,
  pid: number,
  cgroup: Cgroup | undefined,
): boolean {
  // Elsewhere nothing keeps functions apart to begin with, and `doctor` says so.
  if (process.platform !== "linux") return true;
  const owner = connectionOwner(port);
  if (owner === undefined) return false;
  if (uid !== undefined) return owner.uid === uid;
  const pids = cgroup ? cgroup.processes() : treeOf(pid);
  return pids.some((pid) => holdsSocket(pid, owner.inode));
}

function connectionOwner(port: number): { readonly uid: number; readonly inode: string } | undefined {
  const wanted = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const line of readFileSync("/proc/net/tcp", "latin1").split("\n")) {
    const fields = line.trim().split(/\s+/);
    if (fields[1] === wanted) return { uid: Number(fields[7]), inode: fields[9]! };
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
