/**
 * Dynamic references in property values: `{{resolve:ssm:name}}`, `{{resolve:ssm-secure:name:2}}`, `{{resolve:secretsmanager:id:SecretString:key}}`.
 * They stay as they are in everything that is kept or shown, and are looked up whenever a resource is made or changed. Pure.
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
 */
import { validationError } from "../errors.ts";
import { isObject, type Value } from "./values.ts";

export type DynamicReference =
  | { readonly service: "ssm" | "ssm-secure"; readonly name: string; readonly version: string | undefined }
  | {
      readonly service: "secretsmanager";
      readonly secretId: string;
      readonly jsonKey: string | undefined;
      readonly versionStage: string | undefined;
      readonly versionId: string | undefined;
    };

const REFERENCE = /\{\{resolve:([^{}]+)\}\}/g;

/** Whether there is one anywhere in a value. */
export function hasReference(value: unknown): boolean {
  if (typeof value === "string") return value.includes("{{resolve:");
  if (Array.isArray(value)) return value.some(hasReference);
  return isObject(value) && Object.values(value).some(hasReference);
}

/** What one looks up in how many places at most, so that a template asks for no more than it can. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html#dynamic-references-considerations */
const REFERENCES_MAX = 60;

/**
 * A value with what its references stand for.
 * @param look is told where the reference stands: `LoginProfile/Password`
 * @throws ValidationError
 */
export async function withReferences(
  value: Value,
  look: (reference: DynamicReference, path: string) => Promise<string>,
): Promise<Value> {
  let count = 0;
  const walk = async (inner: Value, path: string): Promise<Value> => {
    if (typeof inner === "string") {
      let out = "";
      let at = 0;
      for (const match of inner.matchAll(REFERENCE)) {
        if (++count > REFERENCES_MAX) {
          throw validationError(`A resource can hold at most ${REFERENCES_MAX} dynamic references.`);
        }
        out += inner.slice(at, match.index) + (await look(parseReference(match[1]!, match[0]), path));
        at = match.index + match[0].length;
      }
      return out + inner.slice(at);
    }
    const inside = (name: string) => (path === "" ? name : `${path}/${name}`);
    if (Array.isArray(inner)) {
      const items: Value[] = [];
      for (const item of inner as readonly Value[]) items.push(await walk(item, path));
      return items;
    }
    if (!isObject(inner)) return inner;
    const entries: [string, Value][] = [];
    for (const [name, member] of Object.entries(inner)) entries.push([name, await walk(member, inside(name))]);
    return Object.fromEntries(entries);
  };
  return walk(value, "");
}

/** @throws ValidationError */
export function parseReference(text: string, whole: string): DynamicReference {
  const [, service, rest] = /^([a-z-]+):(.+)$/.exec(text) ?? [];
  switch (service) {
    case "ssm":
    case "ssm-secure": {
      const [, name, version] = /^([a-zA-Z0-9_.\-/]+)(?::(\d+))?$/.exec(rest!) ?? [];
      if (name === undefined) {
        throw validationError(`Incorrect format is used in the following SSM reference: [${whole}]`);
      }
      return { service, name, version };
    }
    case "secretsmanager":
      return secretReference(rest!, whole);
    default:
      throw validationError(`Virga does not support the dynamic reference ${whole}.`);
  }
}

/** An ARN has colons of its own: seven parts. */
function secretReference(text: string, whole: string): DynamicReference {
  const parts = text.split(":");
  const length = text.startsWith("arn:") ? 7 : 1;
  const secretId = parts.slice(0, length).join(":");
  const [kind, jsonKey, versionStage, versionId, ...more] = parts.slice(length);
  if ((kind !== undefined && kind !== "" && kind !== "SecretString") || more.length > 0) {
    throw validationError(`Incorrect format is used in the following Secrets Manager reference: [${whole}]`);
  }
  if (versionStage && versionId) {
    throw validationError(`Both version-stage and version-id are given in the Secrets Manager reference: [${whole}]`);
  }
  return {
    service: "secretsmanager",
    secretId,
    jsonKey: jsonKey || undefined,
    versionStage: versionStage || undefined,
    versionId: versionId || undefined,
  };
}
