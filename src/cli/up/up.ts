/** `virga up`: deploys applications, tells where they are, and deploys again whatever changes. */
import { dirname, relative } from "node:path";
import type { StackEvent } from "@aws-sdk/client-cloudformation";
import { endpointOf, probe, type Target, targetOf } from "../endpoint.ts";
import { EXIT_INTERRUPTED, EXIT_USAGE, Failure } from "../failure.ts";
import { credentialsHint, type ServeOptions, serve, untilInterrupted } from "../serve.ts";
import { bold, cyan, dim, duration, green, printJson, red, say, table, yellow } from "../terminal.ts";
import { concerns, stopCompiler } from "./build.ts";
import { type Application, createProject, type Project } from "./project.ts";
import { findTemplate, stackNameOf } from "./template.ts";
import { type Watcher, watchFolders } from "./watch.ts";

export interface UpOptions extends ServeOptions {
  readonly endpoint?: string;
  readonly stack?: string;
  readonly parameter?: Readonly<Record<string, string>>;
  readonly watch?: boolean;
}

export async function up(folders: readonly string[], options: UpOptions): Promise<void> {
  const interrupted = untilInterrupted();
  const projects = projectsOf(folders.length > 0 ? folders : ["."], options);
  const { target, close } = await platformFor(options);
  const closeProjects = async () => {
    for (const { project } of projects) await project.close();
    await stopCompiler();
  };
  try {
    const deployed = deployAll(projects, target, options);
    // Interrupted, nobody waits for it any more; the platform goes on with it at its next start.
    deployed.catch(() => {});
    const applications = await Promise.race([deployed, interrupted]);
    if (!applications) {
      process.exitCode = EXIT_INTERRUPTED;
      return;
    }
    if (options.json) printJson({ endpoint: target.endpoint, applications });
    else for (const application of applications) describe(application, target);
    const watching = options.watch !== false;
    if (!options.json) {
      say(`\n${table([[dim("SDKs, CLI"), `export AWS_ENDPOINT_URL=${target.endpoint}`]])}`);
      const stops = close
        ? options.ephemeral
          ? "Ctrl-C stops."
          : "Ctrl-C stops; the data stays."
        : "Ctrl-C stops watching.";
      if (watching || close) say(`\n${watching ? "Watching for changes. " : ""}${stops}`);
    }
    if (!watching) await closeProjects();
    if (!watching && !close) return;
    const watchers = watching ? projects.map(({ project, directory }) => keepUp(project, directory, target)) : [];
    await interrupted;
    for (const watcher of watchers) watcher.close();
  } finally {
    await closeProjects();
    await close?.();
  }
}

async function deployAll(
  projects: readonly { readonly project: Project }[],
  target: Target,
  options: UpOptions,
): Promise<Application[]> {
  const applications: Application[] = [];
  for (const { project } of projects) {
    const application = await first(project, target, options);
    if (application) applications.push(application);
  }
  return applications;
}

function projectsOf(folders: readonly string[], options: UpOptions): { project: Project; directory: string }[] {
  if (options.stack !== undefined && folders.length > 1) {
    throw new Failure("--stack names one stack, and there are several folders.", "Deploy them one by one.", EXIT_USAGE);
  }
  const engine = async () => {
    const { openContainerEngine } = await import("../../platform/ecs-ports.ts");
    return openContainerEngine(options.containerSocket);
  };
  const projects = folders.map((folder) => {
    const templatePath = findTemplate(folder);
    const directory = dirname(templatePath);
    const stackName = options.stack ?? stackNameOf(directory);
    const parameters = options.parameter ?? {};
    return { project: createProject({ templatePath, stackName, parameters, engine }), directory };
  });
  const names = projects.map(({ project }) => project.stackName);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new Failure(
      `Two folders would both be the stack ${twice}.`,
      "Deploy one of them with --stack NAME.",
      EXIT_USAGE,
    );
  }
  return projects;
}

/** A Virga that runs already, or one of our own. */
async function platformFor(options: UpOptions): Promise<{ target: Target; close: (() => Promise<void>) | undefined }> {
  const endpoint = endpointOf(options);
  const running = await probe(endpoint);
  if (running) {
    if (!options.json) say(`${bold("Virga")} ${running.version} runs at ${cyan(endpoint)} already`);
    return { target: targetOf(options, endpoint), close: undefined };
  }
  if (options.endpoint !== undefined) {
    throw new Failure(`No Virga answers at ${endpoint}.`, "Start it there, or leave --endpoint out to start one here.");
  }
  const platform = await serve(options);
  if (!options.json) say(`${bold("Virga")} answers at ${cyan(platform.endpoint)}`);
  const target = targetOf(options, platform.endpoint);
  if (!platform.rootKey) return { target, close: platform.close };
  if (!options.json) say(`  ${dim("root's key")}  ${credentialsHint(platform)}`);
  return { target: { ...target, credentials: platform.rootKey }, close: platform.close };
}

/** The first deployment. While watching, a failure is told and the next change is another attempt; else it is the end. */
async function first(project: Project, target: Target, options: UpOptions): Promise<Application | undefined> {
  const startedMs = performance.now();
  if (!options.json) say(`\nDeploying ${bold(project.stackName)}`);
  try {
    const application = await project.deploy(target, options.json ? () => {} : tellEach());
    if (!options.json) {
      const took = dim(`in ${duration(performance.now() - startedMs)}`);
      say(
        application.changed
          ? `${green("✔")} ${project.stackName} ${took}`
          : `${green("✔")} ${project.stackName} is up to date`,
      );
    }
    return application;
  } catch (error) {
    if (options.watch === false || options.json || !(error instanceof Failure)) throw error;
    tellFailure(error);
    return undefined;
  }
}

/** A line for each resource that is done. */
function tellEach(): (event: StackEvent) => void {
  const began = new Map<string, number>();
  return ({
    LogicalResourceId,
    PhysicalResourceId,
    StackId,
    ResourceType,
    ResourceStatus,
    ResourceStatusReason,
    Timestamp,
  }) => {
    const id = LogicalResourceId!;
    const status = ResourceStatus ?? "";
    if (PhysicalResourceId === StackId) {
      if (/ROLLBACK_IN_PROGRESS$/.test(status)) say(`  ${yellow("↩")} rolling back ${dim(ResourceStatusReason ?? "")}`);
      return;
    }
    if (status.endsWith("_IN_PROGRESS")) {
      if (!began.has(id)) began.set(id, Timestamp!.getTime());
      return;
    }
    const took = dim(duration(Timestamp!.getTime() - (began.get(id) ?? Timestamp!.getTime())));
    const verb = status.startsWith("DELETE") ? dim(" deleted") : "";
    if (status.endsWith("_COMPLETE")) say(`  ${green("✔")} ${id}${verb} ${dim(ResourceType!)} ${took}`);
    else if (status.endsWith("_FAILED")) say(`  ${red("✖")} ${id} ${dim(ResourceType!)} ${ResourceStatusReason ?? ""}`);
  };
}

function describe({ stackName, outputs, addresses }: Application, { endpoint }: Target): void {
  if (addresses.length > 0) say(`\n${table(addresses.map(({ what, url }) => [dim(what), cyan(url)]))}`);
  if (outputs.length > 0) say(`\n${bold("Outputs")}\n${table(outputs.map(({ name, value }) => [dim(name), value]))}`);
  const { port } = new URL(endpoint);
  const elsewhere = outputs.find(({ value }) => {
    const local = /^https?:\/\/[^/]*\b(?:localhost|127\.0\.0\.1):(\d+)/.exec(value);
    return local !== null && local[1] !== port;
  });
  if (elsewhere) {
    say(
      `\n${yellow("!")} ${elsewhere.name} names another port: ${stackName} was deployed there, and keeps what it was told.`,
    );
    say(`  Use that port again, or renew it: virga down, then virga up.`);
  }
}

/** Deploys again when something the project is made of changes. Changes during a deployment are taken together afterwards. */
function keepUp(project: Project, directory: string, target: Target): Watcher {
  const pending = new Set<string>();
  let busy = false;

  async function run(): Promise<void> {
    busy = true;
    while (pending.size > 0) {
      const changed = [...pending].filter((path) => concerns(project.inputs(), path));
      pending.clear();
      if (changed.length === 0) continue;
      const startedMs = performance.now();
      say(`\n${dim("changed")} ${changed.map((path) => relative(directory, path)).join(", ")}`);
      try {
        const application = await project.deploy(target, () => {});
        tellReload(project, application, performance.now() - startedMs);
      } catch (error) {
        tellFailure(error as Error);
        say(dim("  What was deployed before goes on running."));
      }
      watcher.add(outside(project, directory));
    }
    busy = false;
  }

  const watcher = watchFolders([directory, ...outside(project, directory)], (paths) => {
    for (const path of paths) pending.add(path);
    if (!busy) void run();
  });
  return watcher;
}

function tellReload(project: Project, application: Application, tookMs: number): void {
  const took = dim(`in ${duration(tookMs)}`);
  if (!application.changed) say(`${green("✔")} nothing to deploy`);
  else if (application.reloaded.length > 0) say(`${green("✔")} ${application.reloaded.join(", ")} reloaded ${took}`);
  else say(`${green("✔")} ${project.stackName} deployed ${took}`);
}

function tellFailure(error: Error): void {
  say(`${red("✖")} ${error instanceof Failure ? error.message : error.stack}`);
  if (error instanceof Failure && error.remedy) say(`  ${error.remedy}`);
}

/** Folders of inputs that lie elsewhere, such as a package beside this one. */
function outside(project: Project, directory: string): string[] {
  const folders = project
    .inputs()
    .filter((input) => !concerns([directory], input) && !input.includes("/node_modules/"))
    .map((input) => dirname(input));
  return [...new Set(folders)];
}
