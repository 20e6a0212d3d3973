/** `virga down`: deletes an application's stack, and what was built for it. */
import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { cloudformationClient } from "./clients.ts";
import { type ClientOptions, runningTarget } from "./endpoint.ts";
import { Failure } from "./failure.ts";
import { dim, green, printJson, say } from "./terminal.ts";
import { deleteStack } from "./up/deploy.ts";
import { removeBuilds } from "./up/project.ts";
import { findTemplate, stackNameOf } from "./up/template.ts";

export interface DownOptions extends ClientOptions {
  readonly stack?: string;
  readonly json?: boolean;
}

export async function down(folder: string, options: DownOptions): Promise<void> {
  // With a stack's name the folder matters only for what was built there.
  const directory = options.stack === undefined ? dirname(findTemplate(folder)) : folderOf(folder);
  const stackName = options.stack ?? stackNameOf(directory);
  const target = await runningTarget(options);
  const client = await cloudformationClient(target);
  const deleted = await deleteStack(client, stackName, (event) => {
    if (!options.json && event.ResourceStatus === "DELETE_COMPLETE" && event.PhysicalResourceId !== event.StackId) {
      say(`  ${green("✔")} ${event.LogicalResourceId} ${dim(event.ResourceType ?? "")}`);
    }
  });
  if (!deleted)
    throw new Failure(`There is no stack ${stackName} at ${target.endpoint}.`, "Name it with --stack NAME.");
  await removeBuilds(directory, stackName);
  if (options.json) printJson({ stackName, deleted: true });
  else say(`${green("✔")} ${stackName} is gone`);
}

const folderOf = (path: string): string =>
  statSync(path, { throwIfNoEntry: false })?.isFile() ? dirname(resolve(path)) : resolve(path);
