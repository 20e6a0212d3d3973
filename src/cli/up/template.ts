/**
 * The template in a project's folder: found, read, and rewritten so that local code becomes code that the platform can reach. Short forms of
 * intrinsics (`!Ref`, `!Sub` …) are kept as they stand; what they mean is CloudFormation's affair.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, type YAMLMap } from "yaml";
import { EXIT_USAGE, Failure } from "../failure.ts";

const NAMES = ["template.yaml", "template.yml", "template.json"];

export interface Template {
  /** Absolute. */
  readonly path: string;
  /** Absolute; what relative paths in the template are relative to. */
  readonly directory: string;
  readonly document: Document;
}

/** @param given a folder or a template file @throws Failure */
export function findTemplate(given: string): string {
  const path = resolve(given);
  if (!existsSync(path))
    throw new Failure(`${path} does not exist.`, "Name a folder with a template, or a template.", EXIT_USAGE);
  if (!statSync(path).isDirectory()) return path;
  for (const name of NAMES) {
    const candidate = join(path, name);
    if (existsSync(candidate)) return candidate;
  }
  throw new Failure(
    `${path} has no ${NAMES.slice(0, -1).join(", ")} or ${NAMES.at(-1)}.`,
    existsSync(join(path, "cdk.json"))
      ? "This is a CDK application: write its template with `npx cdk synth > template.yaml`, then run `virga up` again."
      : "Write a SAM or CloudFormation template there, or name another folder: virga up DIR",
    EXIT_USAGE,
  );
}

/** @throws Failure with line and column when the text is not YAML or JSON */
export function readTemplate(path: string): Template {
  const lineCounter = new LineCounter();
  const document = parseDocument(readFileSync(path, "utf8"), {
    lineCounter,
    logLevel: "silent",
    prettyErrors: false,
    // CloudFormation reads YAML 1.1 scalars such as 2012-10-17 as text.
    schema: "core",
  });
  const [error] = document.errors;
  if (error) {
    const { line, col } = lineCounter.linePos(error.pos[0]);
    throw new Failure(`${path}:${line}:${col}: ${error.message}`, "Correct the template.");
  }
  if (!isMap(document.contents) || !isMap(document.get("Resources"))) {
    throw new Failure(`${path} has no Resources section.`, "A template needs at least one resource.");
  }
  return { path, directory: dirname(path), document };
}

export interface Resource {
  readonly logicalId: string;
  readonly type: string;
  readonly node: YAMLMap;
}

export function resourcesOf(template: Template): Resource[] {
  const resources = template.document.get("Resources") as YAMLMap;
  return resources.items.flatMap(({ key, value }) => {
    const type = isMap(value) ? value.get("Type") : undefined;
    return isMap(value) && typeof type === "string"
      ? [{ logicalId: String(isScalar(key) ? key.value : key), type, node: value as YAMLMap }]
      : [];
  });
}

/** The plain value at a path, or undefined where there is none or where an intrinsic in short form stands. */
export function plain(node: YAMLMap | Document, path: readonly string[]): unknown {
  const found = node.getIn(path, true);
  if (!isNode(found)) return found;
  if (found.tag !== undefined && !found.tag.startsWith("tag:yaml.org,2002:")) return undefined;
  return found.toJSON();
}

/** A plain text at a path, else undefined. */
export function plainText(node: YAMLMap | Document, path: readonly string[]): string | undefined {
  const value = plain(node, path);
  return typeof value === "string" ? value : undefined;
}

/** The template as it is sent to CloudFormation. */
export function renderTemplate(template: Template): string {
  return template.document.toString({ lineWidth: 0 });
}

/** `contact-form` from the folder's name: letters, digits and hyphens, beginning with a letter, at most 128. */
export function stackNameOf(directory: string): string {
  const name = basename(directory)
    .replace(/[^A-Za-z0-9]+/g, "-")
    .replace(/^[^A-Za-z]+|-+$/g, "")
    .slice(0, 128);
  return name === "" ? "app" : name;
}

export function declaredParameters(template: Template): string[] {
  const parameters = template.document.get("Parameters");
  return isMap(parameters) ? parameters.items.map(({ key }) => String(isScalar(key) ? key.value : key)) : [];
}
