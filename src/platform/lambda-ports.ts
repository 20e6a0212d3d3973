/** What the Lambda service needs of the machine: workers, unpacked packages, folders that are code, and how workers reach the platform. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createFunctionHost, type FunctionHostSettings } from "../functions/create.ts";
import type { FunctionHost } from "../functions/host.ts";
import { createPackages } from "../functions/packages.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/log.ts";
import type { Random } from "../kernel/random.ts";
import type { LambdaPorts } from "../services/lambda/ports.ts";
import { createFolders } from "./folders.ts";

export interface LambdaPortsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Where packages are unpacked and workers keep what they need; one file system. */
  readonly directory: string;
  readonly endpoint: () => string;
  /** Whether policies let a signed caller do something; asked for function URLs whose AuthType is AWS_IAM. */
  readonly allows: LambdaPorts["mayCallUrl"];
  /** Who may name folders of this machine as code. */
  readonly mayUseFolders: LambdaPorts["folders"]["mayUse"];
  readonly functions?: FunctionHostSettings;
}

export interface MachinePorts extends LambdaPorts {
  /** What this machine offers to functions; nothing before the host is open. */
  report(): ReturnType<FunctionHost["report"]>;
  /** Every worker there is; none before the host is open. */
  workers: FunctionHost["workers"];
}

export function lambdaPorts({
  clock,
  random,
  log,
  directory,
  endpoint,
  allows,
  mayUseFolders,
  functions,
}: LambdaPortsOptions): MachinePorts {
  mkdirSync(directory, { recursive: true });
  const settings = { searchPath: process.env["PATH"] ?? "", ...functions };
  let host: FunctionHost | undefined;
  return {
    openHost(sink) {
      host = createFunctionHost({ clock, random, log, sink, directory, settings });
      return host;
    },
    report: () => host?.report() ?? [],
    workers: () => host?.workers() ?? [],
    packages: createPackages(join(directory, "packages")),
    folders: createFolders(mayUseFolders),
    mayCallUrl: allows,
    workerEndpoint: () => endpoint().replace("//localhost:", "//127.0.0.1:"),
  };
}
