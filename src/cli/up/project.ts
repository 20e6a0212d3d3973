/** One application: a template and its code, and the stack they become. */
import { readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { StackEvent } from "@aws-sdk/client-cloudformation";
import { isMap } from "yaml";
import { cloudformationClient } from "../clients.ts";
import type { Target } from "../endpoint.ts";
import { Failure } from "../failure.ts";
import { type Address, addressesOf } from "./addresses.ts";
import { type Artifacts, createArtifacts } from "./artifacts.ts";
import { type Builder, type Built, createBuilder } from "./build.ts";
import { type LocalCode, localCode } from "./code.ts";
import { deploy, stackResources } from "./deploy.ts";
import { type BuiltImage, buildImage, type ImageEngine, type LocalImage, localImages, placeImage } from "./images.ts";
import {
  declaredParameters,
  plain,
  plainText,
  readTemplate,
  renderTemplate,
  resourcesOf,
  type Template,
} from "./template.ts";

export interface ProjectOptions {
  /** Absolute. */
  readonly templatePath: string;
  readonly stackName: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** What builds container images, where the template has such. */
  readonly engine: () => Promise<ImageEngine>;
}

export interface Application {
  readonly stackName: string;
  readonly changed: boolean;
  /** Logical ids of the code that is new since the last deployment of this project. */
  readonly reloaded: readonly string[];
  readonly outputs: readonly { readonly name: string; readonly value: string; readonly description?: string }[];
  readonly addresses: readonly Address[];
}

export interface Project {
  readonly stackName: string;
  /** Absolute paths whose change asks for another deployment; known after the first attempt. */
  inputs(): readonly string[];
  /** @throws Failure; what ran before goes on */
  deploy(target: Target, progress: (event: StackEvent) => void): Promise<Application>;
  close(): Promise<void>;
}

/** Where an application's builds are kept. */
export const buildsOf = (templateDirectory: string, stackName: string): string =>
  join(templateDirectory, ".virga", "builds", stackName);

export function createProject({ templatePath, stackName, parameters, engine }: ProjectOptions): Project {
  let builder: Builder | undefined;
  let artifacts: Artifacts | undefined;
  let inputs: readonly string[] = [templatePath];
  const current = new Map<string, string>();

  return {
    stackName,
    inputs: () => inputs,
    async deploy(target, progress) {
      // Until the builds have told what they read, anything may be what mends them.
      inputs = [dirname(templatePath), ...inputs];
      const template = readTemplate(templatePath);
      const code = localCode(template);
      const images = localImages(template);
      builder ??= createBuilder(buildsOf(template.directory, stackName));
      artifacts ??= createArtifacts(target, () => accountOf(target));
      const builds = await Promise.all(code.map(async (item) => [item, await builder!.build(item)] as const));
      const builtImages: [LocalImage, BuiltImage][] = [];
      for (const image of images) builtImages.push([image, await buildImage(image, stackName, await engine())]);
      inputs = [templatePath, ...[...builds, ...builtImages].flatMap(([, built]) => built.inputs)];
      for (const [image, built] of builtImages) placeImage(template, image, built);
      await Promise.all(builds.map(([item, built]) => place(template, item, built, artifacts!)));
      const client = await cloudformationClient(target);
      const { stack, changed } = await deploy(
        client,
        artifacts,
        { stackName, template: renderTemplate(template), declared: declaredParameters(template), parameters },
        progress,
      );
      const reloaded: string[] = [];
      for (const [{ logicalId }, { name }] of builtImages) {
        const before = current.get(logicalId);
        if (before !== undefined && before !== name) reloaded.push(logicalId);
        current.set(logicalId, name);
      }
      for (const [{ logicalId }, { path }] of builds) {
        const before = current.get(logicalId);
        if (before === path) continue;
        if (before !== undefined) reloaded.push(logicalId);
        current.set(logicalId, path);
        // The one before may still be running.
        if (!publishesVersions(template))
          await builder.sweep(logicalId, before === undefined ? [path] : [path, before]);
      }
      return {
        stackName,
        changed,
        reloaded,
        outputs: (stack.Outputs ?? []).map(({ OutputKey, OutputValue, Description }) => ({
          name: OutputKey!,
          value: OutputValue!,
          ...(Description ? { description: Description } : {}),
        })),
        addresses: addressesOf(template, await stackResources(client, stackName), target.endpoint),
      };
    },
    async close() {
      await builder?.close();
    },
  };
}

/** Writes into the template where the code lies now: a folder that the platform runs in place, or an object in S3. */
async function place(template: Template, code: LocalCode, built: Built, artifacts: Artifacts): Promise<void> {
  const { node } = code.resource;
  const { bucket, key } = isArchive(built)
    ? await artifacts.putFile(built.path)
    : { bucket: "hot-reload", key: built.path };
  node.setIn(code.property, template.document.createNode(code.location(bucket, key)));
  if (code.esbuild?.sourcemap) enableSourceMaps(template, code);
}

/** Whether it is one file, to be uploaded, rather than a folder. */
export const isArchive = ({ path }: Built): boolean => /\.(zip|jar)$/.test(path);

/** As `sam build` does it, unless the template says something about NODE_OPTIONS itself. */
export function enableSourceMaps(template: Template, { resource }: LocalCode): void {
  const path = ["Properties", "Environment", "Variables"];
  const own = resource.node.getIn(path);
  if (isMap(own) && own.has("NODE_OPTIONS")) return;
  if (template.document.hasIn(["Globals", "Function", "Environment", "Variables", "NODE_OPTIONS"])) return;
  if (own !== undefined && !isMap(own)) {
    throw new Failure(
      `${resource.logicalId}: Sourcemap needs NODE_OPTIONS, and Environment.Variables is not a map.`,
      "Write the variables out as a map.",
    );
  }
  resource.node.setIn([...path, "NODE_OPTIONS"], "--enable-source-maps");
}

/** A published version goes on running the build it was published from. */
function publishesVersions(template: Template): boolean {
  return (
    plain(template.document, ["Globals", "Function", "AutoPublishAlias"]) !== undefined ||
    resourcesOf(template).some(
      ({ type, node }) =>
        type === "AWS::Lambda::Version" || plainText(node, ["Properties", "AutoPublishAlias"]) !== undefined,
    )
  );
}

async function accountOf(target: Target): Promise<string> {
  const { GetCallerIdentityCommand, STSClient } = await import("@aws-sdk/client-sts");
  const { endpoint, region, credentials } = target;
  const { Account } = await new STSClient({ endpoint, region, credentials }).send(new GetCallerIdentityCommand({}));
  return Account!;
}

/** Forgets what was built for a stack. */
export async function removeBuilds(templateDirectory: string, stackName: string): Promise<void> {
  await rm(buildsOf(templateDirectory, stackName), { recursive: true, force: true });
  const builds = join(templateDirectory, ".virga", "builds");
  const rest = await readdir(builds).catch(() => []);
  if (rest.length === 0) await rm(builds, { recursive: true, force: true });
}
