/**
 * Container images built from folders. A task definition names its folder in `Metadata`, in the words in which SAM names a function's; AWS's
 * CloudFormation does not look at it. What is built is named by its content, so that an unchanged folder is an unchanged template.
 *
 * @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-using-build.html#build-container-image
 */
import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { relative, resolve } from "node:path";
import { isMap, isSeq, type YAMLMap } from "yaml";
import { Failure } from "../failure.ts";
import { hashTree } from "./build.ts";
import { plain, plainText, type Resource, resourcesOf, type Template } from "./template.ts";

/** What builds images: a container engine. */
export interface ImageEngine {
  holds(image: string): Promise<boolean>;
  /** @throws Error in the engine's words; one with a `remedy` when there is no engine */
  build(
    image: string,
    build: { readonly folder: string; readonly dockerfile: string; readonly args: Readonly<Record<string, string>> },
  ): Promise<void>;
}

export interface LocalImage {
  readonly logicalId: string;
  readonly resource: Resource;
  /** Which of the task definition's containers it is for. */
  readonly container: number;
  /** Absolute. */
  readonly folder: string;
  /** Relative to the folder. */
  readonly dockerfile: string;
  readonly args: Readonly<Record<string, string>>;
  /** `DockerTag`, which the tag then begins with. */
  readonly tag: string | undefined;
}

export interface BuiltImage {
  /** `virga/STACK-LOGICAL-ID:TAG` */
  readonly name: string;
  /** Files and folders whose change asks for another build; absolute. */
  readonly inputs: readonly string[];
}

/** Of `Metadata`: SAM's, and which container it is about. */
const KNOWN = ["ContainerName", "DockerBuildArgs", "DockerContext", "Dockerfile", "DockerTag"] as const;
const HASH_LENGTH = 16;

/** @throws Failure naming the task definition when what is to be built is not there, or not clear */
export function localImages(template: Template): LocalImage[] {
  return resourcesOf(template).flatMap((resource) => {
    const given = KNOWN.filter((name) => resource.node.hasIn(["Metadata", name]));
    if (resource.type !== "AWS::ECS::TaskDefinition" || given.length === 0) return [];
    return [imageOf(template, resource)];
  });
}

function imageOf(template: Template, resource: Resource): LocalImage {
  const { logicalId, node } = resource;
  const refuse = (message: string, remedy: string): never => {
    throw new Failure(`${logicalId}: ${message}`, remedy);
  };
  const text = (name: (typeof KNOWN)[number]): string | undefined => {
    if (!node.hasIn(["Metadata", name])) return undefined;
    const value = plainText(node, ["Metadata", name]);
    return value ?? refuse(`Metadata.${name} is not a text.`, "Images are built before the stack: write it out.");
  };
  const context = text("DockerContext") ?? ".";
  const folder = resolve(template.directory, context);
  const dockerfile = text("Dockerfile") ?? "Dockerfile";
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    refuse(
      `Metadata.DockerContext names ${context}, and ${folder} is no folder.`,
      "Paths are relative to the template's folder.",
    );
  }
  if (relative(folder, resolve(folder, dockerfile)).startsWith("..") || !existsSync(resolve(folder, dockerfile))) {
    refuse(`${folder} has no ${dockerfile}.`, "Metadata.Dockerfile is a path inside Metadata.DockerContext.");
  }
  return {
    logicalId,
    resource,
    container: containerOf(node, text("ContainerName"), refuse),
    folder,
    dockerfile,
    args: argumentsOf(node, refuse),
    tag: text("DockerTag"),
  };
}

type Refuse = (message: string, remedy: string) => never;

function containerOf(node: YAMLMap, name: string | undefined, refuse: Refuse): number {
  const definitions = node.getIn(["Properties", "ContainerDefinitions"]);
  const names = isSeq(definitions)
    ? definitions.items.map((item) => (isMap(item) ? plainText(item, ["Name"]) : undefined))
    : [];
  if (name === undefined && names.length === 1) return 0;
  const found = name === undefined ? -1 : names.indexOf(name);
  if (found >= 0) return found;
  return refuse(
    name === undefined
      ? `an image is to be built, and there are ${names.length} containers.`
      : `Metadata.ContainerName is ${name}, and no container is called that.`,
    "Name the container that the image is for in Metadata.ContainerName.",
  );
}

function argumentsOf(node: YAMLMap, refuse: Refuse): Record<string, string> {
  const given = plain(node, ["Metadata", "DockerBuildArgs"]) ?? {};
  const remedy = "It is a map of names and texts.";
  if (typeof given !== "object" || Array.isArray(given))
    return refuse("Metadata.DockerBuildArgs is not a map.", remedy);
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      if (!["string", "number", "boolean"].includes(typeof value))
        refuse(`Metadata.DockerBuildArgs.${name} is not a text.`, remedy);
      return [name, String(value)];
    }),
  );
}

/** Builds the image, unless the engine holds one of the same content. @throws Failure with what the engine said */
export async function buildImage(image: LocalImage, stackName: string, engine: ImageEngine): Promise<BuiltImage> {
  const { logicalId, folder, dockerfile, args, tag } = image;
  const hash = createHash("sha256").update(JSON.stringify([dockerfile, Object.entries(args).sort()]));
  await hashTree(hash, folder, "");
  const content = hash.digest("hex").slice(0, HASH_LENGTH);
  const name = `virga/${stackName}-${logicalId}:`.toLowerCase() + (tag === undefined ? content : `${tag}-${content}`);
  try {
    if (!(await engine.holds(name))) await engine.build(name, { folder, dockerfile, args });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if ("remedy" in error && typeof error.remedy === "string") {
      throw new Failure(
        `${logicalId} runs a container image that is built from ${folder}, which takes a container engine. ${error.message}`,
        error.remedy,
      );
    }
    throw new Failure(
      `${logicalId}: the container engine could not build ${folder}.\n\n${error.message.trimEnd()}`,
      "Correct the Dockerfile, or what it copies.",
    );
  }
  return { name, inputs: [folder] };
}

/** Writes into the template which image its container runs. */
export function placeImage(template: Template, { resource, container }: LocalImage, { name }: BuiltImage): void {
  // A node of its own: what stood there may have been an intrinsic, whose tag a plain value would inherit.
  const node = template.document.createNode(name);
  resource.node.setIn(["Properties", "ContainerDefinitions", container, "Image"], node);
}
