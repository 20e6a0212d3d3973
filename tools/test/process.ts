/** One process that runs test files, watched: what it reports is counted, and it ends in time with everything that it started. */
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { relative } from "node:path";
import type { Report } from "./reporter.ts";

const root = new URL("../../", import.meta.url).pathname;
/** What Node compiled is kept between processes and runs. */
const CACHE = `${root}node_modules/.cache/virga-tests`;
/** What a process printed, kept for the case that something in it fails. Characters. */
const PRINTED_MAX = 20_000;
/** How long a process may go on after its last file has ended. Milliseconds. */
const LINGER_MS = 20_000;

export interface Tally {
  passed: number;
  failed: number;
  readonly skipped: string[];
}

/** Runs the files in one process of its own and prints a line for each; never throws. @param timeoutMs for all of them together */
export async function runFiles(files: readonly string[], timeoutMs: number, tally: Tally): Promise<void> {
  mkdirSync(CACHE, { recursive: true });
  const flags = [`--test-reporter=${root}tools/test/reporter.ts`, `${root}tools/test/together.ts`];
  // A group of its own, so that whatever it starts can be ended with it.
  const child = spawn(process.execPath, [...flags, ...files.map((file) => root + file)], {
    cwd: root,
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: { ...process.env, NODE_COMPILE_CACHE: CACHE },
  });
  let printed = "";
  const keep = (chunk: Buffer) => {
    printed = (printed + chunk.toString()).slice(-PRINTED_MAX);
  };
  child.stdout!.on("data", keep);
  child.stderr!.on("data", keep);
  const watched = new Watched(files, tally);
  let why: string | undefined;
  const end = (reason: string) => {
    why ??= reason;
    endGroup(child.pid!);
  };
  const timer = setTimeout(() => end(`was ended after ${timeoutMs / 1000} s, in ${watched.running()}`), timeoutMs);
  let lingering: NodeJS.Timeout | undefined;
  child.on("message", (told: Report) => {
    watched.hear(told);
    if (watched.open.size === 0)
      lingering ??= setTimeout(() => end("did not end: a test leaves something running"), LINGER_MS);
  });
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.on("error", () => resolve([null, null]));
    child.on("exit", (...how) => resolve(how));
  });
  clearTimeout(timer);
  clearTimeout(lingering);
  endGroup(child.pid!);
  child.stdout!.destroy();
  child.stderr!.destroy();
  if (why === undefined && (watched.open.size > 0 || (code !== 0 && !watched.hasFailed)))
    why = `ended with ${signal ?? `code ${code}`}, in ${watched.running()}`;
  if (why !== undefined) watched.fail(files.length === 1 ? files[0]! : `${files.length} files`, why);
  if (watched.hasFailed && printed !== "") console.log(`\nPrinted meanwhile:\n${indent(printed)}`);
}

/** What one process has told so far. */
class Watched {
  /** Files that have not ended. */
  readonly open: Set<string>;
  hasFailed = false;
  readonly #tally: Tally;
  /** The names of what runs now, the file first. */
  #path: string[] = [];
  #inFile = { passed: 0, all: 0 };

  constructor(files: readonly string[], tally: Tally) {
    this.open = new Set(files);
    this.#tally = tally;
  }

  running(): string {
    return this.#path.join(" > ") || "no test yet";
  }

  hear(told: Report): void {
    const name = told.nesting === 0 ? relative(root, told.name) : told.name;
    this.#path = [...this.#path.slice(0, told.nesting), name];
    if (told.kind === "start") return;
    const file = this.#path[0] ?? "?";
    if (told.reason !== undefined) this.fail(this.running(), told.reason);
    if (!told.suite && told.nesting > 0) {
      this.#inFile.all++;
      if (told.skipped) this.#tally.skipped.push(this.running());
      else if (told.kind === "pass") {
        this.#tally.passed++;
        this.#inFile.passed++;
      }
    }
    if (told.nesting > 0) return;
    this.open.delete(file);
    if (told.kind === "pass" && this.#inFile.all === 0) this.fail(file, "holds no test");
    const { passed, all } = this.#inFile;
    console.log(
      `${told.kind === "pass" ? "✔" : "✖"} ${file}  ${passed}/${all}  ${(told.durationMs / 1000).toFixed(1)} s`,
    );
    this.#inFile = { passed: 0, all: 0 };
  }

  fail(what: string, reason: string): void {
    this.hasFailed = true;
    this.#tally.failed++;
    console.log(`\n✖ ${what}\n${indent(reason)}`);
  }
}

/** Ends a process and those it started. */
function endGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}

const indent = (text: string): string => text.replace(/^/gm, "    ");
