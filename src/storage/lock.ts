/** One platform per data directory: a lock file that names the process which holds it, and outlives nobody. */
import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface Holder {
  readonly pid: number;
  /** When that process started, so that a reused process id is not mistaken for it; empty where the system does not tell. */
  readonly started: string;
}

export class DirectoryLocked extends Error {
  override readonly name = "DirectoryLocked";

  constructor(directory: string, pid: number) {
    super(
      `The data in ${directory} is in use by process ${pid}. Stop it first (kill ${pid}), or choose another folder with --data.`,
    );
  }
}

/** Takes the lock; returns what releases it. @throws DirectoryLocked */
export function lockDirectory(directory: string): () => void {
  const path = join(directory, "lock");
  const own = `${path}.${process.pid}`;
  const text = JSON.stringify({ pid: process.pid, started: startOf(process.pid) } satisfies Holder);
  writeFileSync(own, text, { mode: 0o600 });
  try {
    for (;;) {
      try {
        // A link appears with its content or not at all, and never replaces another.
        linkSync(own, path);
        return () => unlinkSync(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const holder = read(path);
      if (holder === undefined) continue;
      if (alive(holder.value)) throw new DirectoryLocked(directory, holder.value.pid);
      const stale = `${own}.stale`;
      renameSync(path, stale);
      // Somebody may have taken the lock over between the two looks: give it back.
      if (readFileSync(stale, "utf8") !== holder.text) linkSync(stale, path);
      unlinkSync(stale);
    }
  } finally {
    unlinkSync(own);
  }
}

function read(path: string): { readonly text: string; readonly value: Holder } | undefined {
  try {
    const text = readFileSync(path, "utf8");
    return { text, value: JSON.parse(text) as Holder };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function alive({ pid, started }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  // A process that was killed and that nobody has asked after yet still answers to its id.
  return started === "" || (startOf(pid) === started && !isZombie(pid));
}

function isZombie(pid: number): boolean {
  try {
    return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

/** The start time in clock ticks since boot, with the boot's id: field 22 of /proc/PID/stat. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    return `${boot}/${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`;
  } catch {
    return "";
  }
}
