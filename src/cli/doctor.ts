/** `virga doctor`: what this machine offers, and how to get what is missing. */
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { DEFAULT_PORT, portHolder, probe } from "./endpoint.ts";
import { EXIT_FAILED } from "./failure.ts";
import { NODE_MINIMUM, runsOn, version } from "./package.ts";
import { bold, cyan, dim, green, printJson, red, say, table, yellow } from "./terminal.ts";

export interface DoctorOptions {
  readonly port?: number;
  readonly data?: string;
  readonly containerSocket?: string;
  readonly json?: boolean;
}

export interface Finding {
  readonly subject: string;
  /** Degraded: it works, less well. Missing: something cannot be done. */
  readonly status: "ok" | "degraded" | "missing";
  readonly detail: string;
  readonly remedy?: string;
}

/** Without these Virga does not work; a runtime that is missing concerns only those who want it. */
const NEEDED = /^(Node\.js|data)$/;

/** @returns the exit code: 1 when something is missing */
export async function doctor(options: DoctorOptions): Promise<number> {
  const findings = [
    node(process.versions.node),
    await port(options.port ?? DEFAULT_PORT),
    data(resolve(options.data ?? ".virga")),
    ...(await machine(options.containerSocket)),
  ];
  if (options.json) printJson({ version: version(), findings });
  else {
    say(`${bold("Virga")} ${version()} on ${process.platform} ${process.arch}\n`);
    say(table(findings.map(({ subject, status, detail }) => [`${mark(status)} ${bold(subject)}`, detail])));
    const remedies = findings.filter(({ remedy }) => remedy !== undefined);
    if (remedies.length > 0) {
      say(`\n${bold("What to do")}`);
      say(table(remedies.map(({ subject, remedy }) => [dim(subject), cyan(remedy!)])));
    }
  }
  return findings.some(({ status, subject }) => status === "missing" && NEEDED.test(subject)) ? EXIT_FAILED : 0;
}

const mark = (status: Finding["status"]): string =>
  ({ ok: green("✔"), degraded: yellow("!"), missing: red("✖") })[status];

function node(running: string): Finding {
  const subject = "Node.js";
  if (runsOn(running)) return { subject, status: "ok", detail: running };
  return {
    subject,
    status: "missing",
    detail: `${running} is older than ${NODE_MINIMUM.join(".")}`,
    remedy: "Install Node.js 24 (https://nodejs.org).",
  };
}

async function port(number: number): Promise<Finding> {
  const subject = `port ${number}`;
  const running = await probe(`http://127.0.0.1:${number}`);
  if (running) return { subject, status: "ok", detail: `Virga ${running.version} answers there` };
  const error = await listenError(number);
  if (error === undefined) return { subject, status: "ok", detail: "free" };
  const holder = portHolder(number);
  return {
    subject,
    status: "degraded",
    detail: error === "EADDRINUSE" && holder ? `held by process ${holder.pid} (${holder.command.slice(0, 80)})` : error,
    remedy: `Stop that process, or use another port: virga up --port ${number + 1}`,
  };
}

/** A platform that keeps nothing is opened for a moment: it tries the sandboxes out, and looks for the runtimes and a container engine. */
async function machine(containerSocket: string | undefined): Promise<readonly Finding[]> {
  const { serve } = await import("./serve.ts");
  const platform = await serve({
    port: 0,
    ephemeral: true,
    logLevel: "error",
    ...(containerSocket === undefined ? {} : { containerSocket }),
  });
  try {
    return [...platform.report(), await platform.containers()];
  } finally {
    await platform.close();
  }
}

function listenError(number: number): Promise<string | undefined> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    server.listen(number, "127.0.0.1", () => server.close(() => done(undefined)));
  });
}

function data(directory: string): Finding {
  const subject = "data";
  let existing = directory;
  while (!existsSync(existing)) existing = dirname(existing);
  try {
    accessSync(existing, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    return {
      subject,
      status: "missing",
      detail: `${existing} cannot be written to`,
      remedy: "Choose another folder with --data DIR, or --ephemeral.",
    };
  }
  if (existing !== directory) return { subject, status: "ok", detail: `${directory}, made when it is needed` };
  const pid = holderOf(directory);
  return { subject, status: "ok", detail: pid === undefined ? directory : `${directory}, open in process ${pid}` };
}

/** The process named by the lock file, if it lives. */
function holderOf(directory: string): number | undefined {
  try {
    const { pid } = JSON.parse(readFileSync(join(directory, "lock"), "utf8")) as { readonly pid: number };
    process.kill(pid, 0);
    return pid;
  } catch {
    return undefined;
  }
}
