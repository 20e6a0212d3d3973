/** Runs the command as a person would: in a process of its own, in a folder of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

export const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));

/** A folder with these files, gone after the test. */
export function folderOf(t: TestContext, files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "virga-cli-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFiles(folder, files);
  return folder;
}

/** A folder for a whole test file, gone with its process. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "virga-cli-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

/** Variables that would aim the command elsewhere are left out. */
function environment(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, CHROMIUM } = process.env;
  return { PATH, HOME, TMPDIR, CHROMIUM, NO_COLOR: "1" };
}

/** A test that waits for words that never come says so, instead of hanging. */
const SAYS_MS_MAX = 60_000;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Resolves when the text has been written to stdout or stderr; rejects when the process ends before. */
  says(pattern: RegExp, msMax?: number): Promise<RegExpExecArray>;
  /** Sends the signal and waits for the end. */
  end(signal?: NodeJS.Signals): Promise<Ended>;
}

/**
 * @param t ends it with this test; without one it ends with the test file's process
 * @param command what to run instead of the sources, such as a bundle
 */
export function launch(
  t: TestContext | undefined,
  cwd: string,
  args: readonly string[],
  command: readonly string[] = [MAIN],
): Running {
  const child = spawn(process.execPath, [...command, ...args], {
    cwd,
    env: environment(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  const listeners = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name]!.setEncoding("utf8").on("data", (chunk: string) => {
      output[name] += chunk;
      for (const listener of listeners) listener();
    });
  }
  const closed = once(child, "close");
  const kill = () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  };
  if (t) t.after(kill);
  else process.once("exit", kill);
  return {
    child,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    says(pattern, msMax = SAYS_MS_MAX) {
      return new Promise((resolve, reject) => {
        const give = (reason: string) => reject(new Error(`${reason} ${pattern}:\n${output.stdout}${output.stderr}`));
        const deadline = setTimeout(() => give(`In ${msMax / 1000} s it did not say`), msMax);
        const look = () => {
          const match = pattern.exec(output.stdout) ?? pattern.exec(output.stderr);
          if (!match) return;
          clearTimeout(deadline);
          listeners.delete(look);
          resolve(match);
        };
        listeners.add(look);
        look();
        void closed.then(() => {
          clearTimeout(deadline);
          give("It ended without saying");
        });
      });
    },
    async end(signal = "SIGINT") {
      child.kill(signal);
      const [code] = await closed;
      return { code, ...output };
    },
  };
}

/** Runs to the end. */
export async function run(t: TestContext, cwd: string, ...args: string[]): Promise<Ended> {
  const running = launch(t, cwd, args);
  const [code] = await once(running.child, "close");
  return { code, stdout: running.stdout(), stderr: running.stderr() };
}

/** A platform of its own on a free port, in memory. @returns its endpoint */
export async function platform(
  t: TestContext,
  cwd: string,
  ...args: string[]
): Promise<{ endpoint: string; running: Running }> {
  const running = launch(t, cwd, ["start", "--port", "0", "--json", ...(args.length > 0 ? args : ["--ephemeral"])]);
  const [, endpoint] = await running.says(/"endpoint": "([^"]+)"/);
  return { endpoint: endpoint!, running };
}
