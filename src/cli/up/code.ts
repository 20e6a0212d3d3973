/** Local code that a template names: which resources carry it, where it lies, how it is built. */
import { existsSync, statSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import type { YAMLMap } from "yaml";
import { Failure } from "../failure.ts";
import { plain, plainText, type Resource, resourcesOf, type Template } from "./template.ts";

/** Metadata.BuildProperties, as SAM documents them. @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-using-build-typescript.html */
export interface EsbuildProperties {
  readonly entryPoints: readonly string[];
  readonly external: readonly string[];
  readonly target: string;
  readonly format: "cjs" | "esm";
  readonly minify: boolean;
  readonly sourcemap: boolean;
  readonly sourcesContent: boolean;
  readonly mainFields: readonly string[];
  readonly loader: Readonly<Record<string, string>>;
  readonly outExtension: Readonly<Record<string, string>>;
  readonly banner: Readonly<Record<string, string>>;
}

export interface LocalCode {
  readonly logicalId: string;
  readonly resource: Resource;
  readonly kind: "function" | "layer";
  /** The property that names it, below the resource. */
  readonly property: readonly string[];
  /** How an S3 location is written there. */
  readonly location: (bucket: string, key: string) => unknown;
  /** A folder, or a zip or jar file; absolute. */
  readonly source: string;
  /** Absent: the folder as it is. */
  readonly esbuild: EsbuildProperties | undefined;
  /** A layer of what the folder's package.json depends on. */
  readonly packages?: true;
}

const LAMBDA_LOCATION = (bucket: string, key: string) => ({ S3Bucket: bucket, S3Key: key });
const SAM_LOCATION = (bucket: string, key: string) => ({ Bucket: bucket, Key: key });

/** Where each type names its code, and the alternatives that need none. */
const CODE_PROPERTIES: Readonly<
  Record<
    string,
    {
      readonly property: string;
      readonly kind: LocalCode["kind"];
      readonly location: LocalCode["location"];
      readonly inherits?: boolean;
    }
  >
> = {
  "AWS::Serverless::Function": { property: "CodeUri", kind: "function", location: SAM_LOCATION, inherits: true },
  "AWS::Lambda::Function": { property: "Code", kind: "function", location: LAMBDA_LOCATION },
  "AWS::Serverless::LayerVersion": { property: "ContentUri", kind: "layer", location: SAM_LOCATION },
  "AWS::Lambda::LayerVersion": { property: "Content", kind: "layer", location: LAMBDA_LOCATION },
};

/** @throws Failure naming the resource when its code is missing or is to be built in a way that Virga does not know */
export function localCode(template: Template): LocalCode[] {
  return resourcesOf(template).flatMap((resource) => {
    const kind = CODE_PROPERTIES[resource.type];
    if (!kind) return [];
    const given = plain(resource.node, ["Properties", kind.property]);
    const absent = !resource.node.hasIn(["Properties", kind.property]);
    const inline = ["InlineCode", "ImageUri"].some((name) => resource.node.hasIn(["Properties", name]));
    let path = typeof given === "string" ? given : undefined;
    if (absent && kind.inherits && !inline)
      path = plainText(template.document, ["Globals", "Function", "CodeUri"]) ?? ".";
    if (path === undefined || /^(s3|https?):\/\//.test(path)) return [];
    const source = isAbsolute(path) ? path : resolve(template.directory, path);
    if (!existsSync(source)) {
      throw new Failure(
        `${resource.logicalId}: ${kind.property} names ${path}, and ${source} does not exist.`,
        "Paths are relative to the template's folder.",
      );
    }
    return [
      {
        logicalId: resource.logicalId,
        resource,
        kind: kind.kind,
        property: ["Properties", kind.property],
        location: kind.location,
        source,
        ...(statSync(source).isDirectory() ? buildOf(template, resource, kind.kind) : { esbuild: undefined }),
      },
    ];
  });
}

function buildOf(
  template: Template,
  { logicalId, node }: Resource,
  kind: LocalCode["kind"],
): Pick<LocalCode, "esbuild" | "packages"> {
  const method = plainText(node, ["Metadata", "BuildMethod"]);
  if (method === undefined) return { esbuild: undefined };
  if (kind === "layer" && /^nodejs\d+\.x$/.test(method)) return { esbuild: undefined, packages: true };
  if (method !== "esbuild") {
    throw new Failure(
      `${logicalId}: Virga does not know the build method ${method}.`,
      "It knows esbuild, and nodejs… for layers; without a BuildMethod a folder is deployed as it is. For others run `sam build` first, then `virga up .aws-sam/build`.",
    );
  }
  const handler =
    plainText(node, ["Properties", "Handler"]) ??
    plainText(template.document, ["Globals", "Function", "Handler"]) ??
    "";
  return { esbuild: esbuildProperties(logicalId, node, handler) };
}

const KNOWN = [
  "Banner",
  "EntryPoints",
  "External",
  "Format",
  "Loader",
  "MainFields",
  "Minify",
  "OutExtension",
  "Sourcemap",
  "SourcesContent",
  "Target",
];

/** SAM's defaults: bundled CommonJS for ES2020, minified, from the handler's file. */
function esbuildProperties(logicalId: string, node: YAMLMap, handler: string): EsbuildProperties {
  const given = plain(node, ["Metadata", "BuildProperties"]) ?? {};
  const refuse = (message: string): never => {
    throw new Failure(`${logicalId}: Metadata.BuildProperties ${message}.`, `Known are ${KNOWN.join(", ")}.`);
  };
  if (typeof given !== "object" || given === null) return refuse("is not a map");
  const properties = given as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(properties))
    if (!KNOWN.includes(name)) refuse(`has ${name}, which Virga does not know`);
  const text = (name: string, fallback: string): string => {
    const value = properties[name] ?? fallback;
    return typeof value === "string" ? value : refuse(`has a ${name} that is not a text`);
  };
  const flag = (name: string, fallback: boolean): boolean => {
    const value = properties[name] ?? fallback;
    if (value === true || value === "true") return true;
    return value === false || value === "false" ? false : refuse(`has a ${name} that is neither true nor false`);
  };
  const list = (name: string, fallback: readonly string[]): readonly string[] => {
    const value = properties[name] ?? fallback;
    if (typeof value === "string") return value.split(",").map((entry) => entry.trim());
    return Array.isArray(value) && value.every((entry) => typeof entry === "string")
      ? value
      : refuse(`has a ${name} that is not a list of texts`);
  };
  const pairs = (name: string): Readonly<Record<string, string>> => {
    const value = properties[name] ?? [];
    if (!Array.isArray(value) && typeof value === "object") return value as Record<string, string>;
    return Object.fromEntries(
      list(name, []).map((entry) => {
        const at = entry.indexOf("=");
        return at > 0 ? [entry.slice(0, at), entry.slice(at + 1)] : refuse(`has a ${name} entry without = (${entry})`);
      }),
    );
  };
  const format = text("Format", "cjs");
  if (format !== "cjs" && format !== "esm") return refuse(`has the Format ${format}; Lambda runs cjs and esm`);
  return {
    entryPoints: list("EntryPoints", [handler.slice(0, handler.lastIndexOf("."))]),
    external: list("External", []),
    target: text("Target", "es2020"),
    format,
    minify: flag("Minify", true),
    sourcemap: flag("Sourcemap", false),
    sourcesContent: flag("SourcesContent", true),
    mainFields: list("MainFields", ["main", "module"]),
    loader: pairs("Loader"),
    outExtension: pairs("OutExtension"),
    banner: pairs("Banner"),
  };
}
