/** How a worker's process is put together: what it sees, which program it runs, how the function's variables reach it. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import type { Clock } from "../kernel/clock.ts";
import { needsOwnStart, type Places, runtimeEnvironment, SANDBOX_PLACES } from "./environment.ts";
import type { FunctionSpec } from "./host.ts";
import type { Cgroup, Cgroups } from "./isolation/cgroups.ts";
import { ENVIRONMENT_FD, EXTENSIONS_FD, environmentScript, type Isolation, LIFELINE_FD } from "./isolation/sandbox.ts";
import type { RuntimeApi } from "./runtime-api.ts";
import { javaClassesFolder } from "./runtimes/find-java.ts";
import type { Runtime } from "./runtimes/search.ts";
import type { Views } from "./views.ts";

/** What all workers stand on. */
export interface WorkerGround {
  readonly clock: Clock;
  /** A UUID. */
  readonly newId: () => string;
  readonly isolation: Isolation;
  readonly cgroups?: Cgroups;
  readonly views: Views;
  /** Folder for the workers' own folders. */
  readonly directory: string;
  /** The bootstraps of our own, by runtime: `nodejs/bootstrap.cjs`, `java/Bootstrap.java` … */
  readonly bootstraps: string;
  /** `node_modules` with the SDK for Node, where there is one. */
  readonly sdk?: string;
}

export interface StartOptions {
  readonly id: number;
  readonly runtime: Runtime;
  /** Known from the start; absent for a spare. */
  readonly own?: { readonly spec: FunctionSpec; readonly environment: Readonly<Record<string, string>> };
}

/** How much more private memory than the function's own a runtime maps without using it, where RLIMIT_DATA is the only bound. */
const DATA_ALLOWANCE_MB = { nodejs: 768, python: 64, ruby: 64, java: 512, dotnet: 512, provided: 64 };

export const dataBytesMax = (spec: FunctionSpec, runtime: Runtime): number =>
  (spec.memoryMb + DATA_ALLOWANCE_MB[runtime.family]) * 1024 * 1024;

/** AWS gives a Java machine this much of a function's memory as its heap. */
const JAVA_HEAP_SHARE = 0.85;

/** The places as the worker will see them. */
export function placesOf(ground: WorkerGround, id: number, spec?: FunctionSpec): Places {
  if (ground.isolation.level !== "process") return SANDBOX_PLACES;
  const folder = join(ground.directory, String(id));
  return {
    task: spec?.codeDirectory ?? join(folder, "task"),
    opt: (spec && ground.views.merge(spec.layerDirectories)) ?? join(folder, "opt"),
    runtime: ground.bootstraps,
    sdk: ground.sdk ?? join(folder, "sdk"),
  };
}

/** Whether the runtime in a worker is one of ours, and speaks over the channel. */
export const hasChannel = (runtime: Runtime): boolean => runtime.family !== "provided" && runtime.family !== "dotnet";

/** Whether a worker can be started before its function is known: a Java machine cannot change its heap and its variables any more. */
export const canBeSpare = (runtime: Runtime): boolean => hasChannel(runtime) && runtime.family !== "java";

export interface Launched {
  readonly child: ChildProcess;
  readonly toWorker?: Writable;
  readonly fromWorker?: Readable;
  readonly ownGroup: boolean;
  /** The function's variables were there from the start. */
  readonly byScript: boolean;
  readonly startedMs: number;
  closeLifeline(): void;
  /** Resolves when no program of an extension is left; never where there was none. */
  readonly extensionsOver: Promise<void>;
}

export interface Spot {
  readonly folder: string;
  readonly taskFolder: string;
  readonly passwdFile: string;
  readonly uid: number;
  readonly places: Places;
  readonly cgroup: Cgroup | undefined;
  readonly api: RuntimeApi | undefined;
  readonly hasExtensions: boolean;
}

/** Starts every program below a folder beside the runtime; one that fails takes the runtime with it. */
const RUN_EXTENSIONS = `for e in "$0"/*; do if [ -f "$e" ] && [ -x "$e" ]; then ( "$e" || kill -9 $$ ) & fi; done; exec "$@" ${EXTENSIONS_FD}>&-`;

/** The programs that layers bring below `extensions/`. @see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html */
export function extensionsOf(ground: WorkerGround, spec: FunctionSpec): readonly string[] {
  const layers = ground.views.merge(spec.layerDirectories);
  const folder = layers === undefined ? undefined : join(layers, "extensions");
  if (folder === undefined || !existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => {
    const stats = statSync(join(folder, name));
    return stats.isFile() && (stats.mode & 0o111) !== 0;
  });
}

export function launch(ground: WorkerGround, { runtime, own }: StartOptions, spot: Spot): Launched {
  const { isolation } = ground;
  const sandboxed = isolation.level !== "process";
  const { places } = spot;
  const mounts: { source: string; target: string }[] = [];
  const links: { target: string; path: string }[] = [];
  if (sandboxed) {
    mounts.push({ source: own?.spec.codeDirectory ?? spot.taskFolder, target: places.task });
    const layers = own && ground.views.merge(own.spec.layerDirectories);
    if (layers !== undefined) mounts.push({ source: layers, target: places.opt });
    for (const folder of runtime.folders) mounts.push({ source: folder, target: folder });
  }
  if (own && isolation.level === "own-user" && (statSync(own.spec.codeDirectory).mode & 0o005) !== 0o005)
    throw new StartRefused(
      `The function's user may not read its code: chmod -R o+rX ${own.spec.codeDirectory} (functions run as a user of their own).`,
    );
  const command = commandOf(ground, runtime, places, sandboxed, own?.spec, mounts, links);
  const wrapper = own?.environment["AWS_LAMBDA_EXEC_WRAPPER"];
  // Over the channel the variables come with the function; what acts when a program is loaded must be there before.
  const byScript =
    own !== undefined && (spot.hasExtensions || !canBeSpare(runtime) || needsOwnStart(own.spec.environment));
  const request = {
    uid: spot.uid,
    mounts,
    links,
    tmpBytes: (own?.spec.ephemeralStorageMb ?? 512) * 1024 * 1024,
    passwdFile: spot.passwdFile,
    joins: spot.cgroup?.joins ?? [],
    ...(own &&
      spot.cgroup === undefined && {
        dataBytesMax: dataBytesMax(own.spec, runtime),
      }),
    environment: byScript ? {} : loaderEnvironment(runtimeEnvironment(runtime, places)),
    environmentByScript: byScript,
    command: [
      ...(spot.hasExtensions ? ["/bin/sh", "-c", RUN_EXTENSIONS, join(places.opt, "extensions")] : []),
      ...(wrapper === undefined ? command : [wrapper, ...command]),
    ],
  };
  const how = isolation.launch(request);
  const stdio: (number | "ignore" | "pipe")[] = ["ignore", "pipe", "pipe"];
  const channel = hasChannel(runtime) ? "pipe" : "ignore";
  stdio.push(
    channel,
    channel,
    byScript ? "pipe" : "ignore",
    how.seccompFile ?? "ignore",
    how.ownGroup ? "pipe" : "ignore",
    spot.hasExtensions ? "pipe" : "ignore",
  );
  const startedMs = ground.clock.monotonicMs();
  const child = spawn(how.file, how.args, {
    cwd: "/",
    env: { ...how.environment },
    stdio,
    detached: how.ownGroup,
  });
  if (how.seccompFile !== undefined) closeSync(how.seccompFile);
  const stream = (fd: number) => child.stdio[fd] as (Readable & Writable) | null | undefined;
  // A worker that ends while something is written to it is noticed by its end.
  for (const fd of [3, 4, ENVIRONMENT_FD, LIFELINE_FD, EXTENSIONS_FD]) stream(fd)?.on("error", () => {});
  if (byScript) {
    const environment: Record<string, string> = { ...own.environment };
    if (spot.api) environment["AWS_LAMBDA_RUNTIME_API"] = spot.api.address;
    stream(ENVIRONMENT_FD)?.end(environmentScript(environment));
  }
  return {
    child,
    ...(channel === "pipe" && { toWorker: stream(3)!, fromWorker: stream(4)! }),
    ownGroup: how.ownGroup,
    byScript,
    startedMs,
    closeLifeline: () => stream(LIFELINE_FD)?.destroy(),
    extensionsOver: new Promise((resolve) => stream(EXTENSIONS_FD)?.resume().once("close", resolve)),
  };
}

/** The worker cannot be started for this function; nothing of it ran. */
export class StartRefused extends Error {
  override readonly name = "StartRefused";
}

/** The program that a `provided.*` function brings, in its package or in a layer. */
function bootstrapOf(ground: WorkerGround, spec: FunctionSpec, places: Places): string {
  const layers = ground.views.merge(spec.layerDirectories);
  const candidates = [
    [spec.codeDirectory, places.task],
    [layers, places.opt],
  ] as const;
  for (const [folder, seen] of candidates) {
    if (folder === undefined || !existsSync(join(folder, "bootstrap"))) continue;
    if ((statSync(join(folder, "bootstrap")).mode & 0o111) === 0)
      throw new StartRefused(`fork/exec ${SANDBOX_PLACES.task}/bootstrap: permission denied`);
    return join(seen, "bootstrap");
  }
  throw new StartRefused("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]");
}

/** The assembly that a `dotnet*` function names. */
function assemblyOf(spec: FunctionSpec, places: Places): string {
  const file = `${spec.handler}.dll`;
  if (!existsSync(join(spec.codeDirectory, file)))
    throw new StartRefused(`Could not find the executable assembly ${SANDBOX_PLACES.task}/${file}`);
  return join(places.task, file);
}

/** What the dynamic loader must know from the start; everything else comes with the function. */
function loaderEnvironment(environment: Readonly<Record<string, string>>): Record<string, string> {
  return { LD_LIBRARY_PATH: environment["LD_LIBRARY_PATH"]!, PATH: environment["PATH"]!, LANG: environment["LANG"]! };
}

function commandOf(
  ground: WorkerGround,
  runtime: Runtime,
  places: Places,
  sandboxed: boolean,
  spec: FunctionSpec | undefined,
  mounts: { source: string; target: string }[],
  links: { target: string; path: string }[],
): string[] {
  switch (runtime.family) {
    case "nodejs": {
      const program = sandboxed ? "/var/lang/bin/node" : runtime.program;
      const bootstrap = join(places.runtime, sandboxed ? "bootstrap.cjs" : "nodejs/bootstrap.cjs");
      if (sandboxed) {
        mounts.push({ source: runtime.program, target: program });
        mounts.push({ source: join(ground.bootstraps, "nodejs", "bootstrap.cjs"), target: bootstrap });
        if (ground.sdk !== undefined) {
          mounts.push({ source: ground.sdk, target: places.sdk });
          links.push({ target: places.sdk, path: "/var/node_modules" });
        }
      }
      // AWS lets requests have larger headers than Node does by itself.
      return [program, "--max-http-header-size=81920", bootstrap];
    }
    case "python": {
      const bootstrap = join(places.runtime, sandboxed ? "bootstrap.py" : "python/bootstrap.py");
      if (sandboxed) mounts.push({ source: join(ground.bootstraps, "python", "bootstrap.py"), target: bootstrap });
      // Code is mounted read-only: nothing to be gained from trying to keep compiled files beside it.
      return [runtime.program, "-B", bootstrap];
    }
    case "ruby": {
      const bootstrap = join(places.runtime, sandboxed ? "bootstrap.rb" : "ruby/bootstrap.rb");
      if (sandboxed) mounts.push({ source: join(ground.bootstraps, "ruby", "bootstrap.rb"), target: bootstrap });
      return [runtime.program, bootstrap];
    }
    case "java": {
      const source = javaClassesFolder(ground.bootstraps, runtime);
      const classes = sandboxed ? join(places.runtime, "lib") : source;
      if (sandboxed) mounts.push({ source, target: classes });
      const heapMb = Math.floor(spec!.memoryMb * JAVA_HEAP_SHARE);
      return [
        runtime.program,
        `-XX:MaxHeapSize=${heapMb}m`,
        // Variables hold UTF-8, whatever locales this machine has.
        ...["-Dfile.encoding=UTF-8", "-Dsun.jnu.encoding=UTF-8"],
        ...["-XX:+UseSerialGC", "-XX:+TieredCompilation", "-XX:TieredStopAtLevel=1", "-Xshare:auto"],
        // The line to the host is a descriptor that Java has no public way to open.
        ...(Number(runtime.version) > 8 ? ["--add-opens=java.base/java.io=ALL-UNNAMED"] : []),
        ...["-cp", classes, "virga.runtime.Bootstrap"],
      ];
    }
    case "dotnet":
      return [runtime.program, assemblyOf(spec!, places)];
    case "provided":
      return [bootstrapOf(ground, spec!, places)];
  }
}
