/** The template under construction: what has been made so far, and under which names it may be referred to. */
import { isObject, isScalar, textOf, type Value, type ValueObject } from "../template/values.ts";
import { invalidResource, unsupported } from "./errors.ts";
import { type Draft, isIntrinsic, refName } from "./shapes.ts";

/** A serverless resource as the template has it, with what it inherits. */
export interface SamResource {
  readonly logicalId: string;
  readonly kind: string;
  readonly properties: ValueObject;
  /** Condition, DependsOn, DeletionPolicy, UpdateReplacePolicy, Metadata. */
  readonly attributes: ValueObject;
}

export interface AddOptions {
  /** Carries the source's own DependsOn. */
  readonly dependsOn?: boolean;
  /** Carries the source's own Metadata. */
  readonly metadata?: boolean;
  readonly deletionPolicy?: string;
  /** Resources of this transform to wait for. */
  readonly needs?: readonly string[];
}

export class Work {
  readonly resources: Draft = {};
  readonly conditions: Draft;
  readonly #names = new Map<string, string>();
  readonly #parameter: (name: string) => Value | undefined;

  constructor(conditions: ValueObject, parameter: (name: string) => Value | undefined) {
    this.conditions = { ...conditions };
    this.#parameter = parameter;
  }

  /** Adds a resource with the attributes of the serverless resource that it comes from. */
  add(source: SamResource, logicalId: string, type: string, properties: Draft, options: AddOptions = {}): void {
    const { Condition, DependsOn, DeletionPolicy, UpdateReplacePolicy, Metadata } = source.attributes;
    if (Object.hasOwn(this.resources, logicalId)) {
      throw invalidResource(
        source.logicalId,
        `Transforming it makes a resource named ${logicalId}, which the template has already.`,
      );
    }
    const policy = DeletionPolicy ?? options.deletionPolicy;
    this.resources[logicalId] = {
      Type: type,
      ...(options.dependsOn && DependsOn !== undefined ? { DependsOn } : {}),
      ...(options.needs ? { DependsOn: [...options.needs] } : {}),
      ...(policy === undefined ? {} : { DeletionPolicy: policy }),
      ...(UpdateReplacePolicy === undefined ? {} : { UpdateReplacePolicy }),
      ...(Condition === undefined ? {} : { Condition }),
      ...(options.metadata && Metadata !== undefined ? { Metadata } : {}),
      Properties: properties,
    };
  }

  /** `!Ref Name.Part` means this resource. */
  refer(name: string, logicalId: string): void {
    this.#names.set(name, logicalId);
  }

  referred(name: string): string | undefined {
    return this.#names.get(name);
  }

  /** A text that is known now: a literal, or a parameter's value. */
  text(value: Value | undefined): string | undefined {
    if (isScalar(value)) return textOf(value);
    const name = refName(value);
    const known = name === undefined ? undefined : this.#parameter(name);
    return isScalar(known) ? textOf(known) : undefined;
  }

  /** Replaces references to parameters by their values. */
  withParameters(value: Value | Draft): Value | Draft {
    if (Array.isArray(value)) return value.map((item) => this.withParameters(item) as Value);
    if (!isObject(value)) return value;
    const name = refName(value);
    const known = name === undefined ? undefined : this.#parameter(name);
    if (known !== undefined) return known;
    return Object.fromEntries(
      Object.entries(value).map(([member, inner]) => [member, this.withParameters(inner) as Value]),
    );
  }

  /** Rewrites every reference to what was renamed. */
  resolveNames(value: Value): Value {
    if (this.#names.size === 0) return value;
    if (Array.isArray(value)) return value.map((item) => this.resolveNames(item));
    if (!isObject(value)) return value;
    if (isIntrinsic(value)) {
      const target = value["Ref"];
      if (typeof target === "string") return { Ref: this.#names.get(target) ?? target };
      const attribute = value["Fn::GetAtt"];
      if (Array.isArray(attribute) && typeof attribute[0] === "string") {
        return { "Fn::GetAtt": this.#attribute(attribute) };
      }
      const substituted = value["Fn::Sub"];
      if (typeof substituted === "string") return { "Fn::Sub": this.#inText(substituted) };
      if (Array.isArray(substituted) && typeof substituted[0] === "string") {
        return {
          "Fn::Sub": [this.#inText(substituted[0]), ...substituted.slice(1).map((item) => this.resolveNames(item))],
        };
      }
    }
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, this.resolveNames(member)]));
  }

  /** `[Function, Alias.Name]` and `[Layer, Arn]`. */
  #attribute(parts: readonly Value[]): Value[] {
    const [logicalId, ...rest] = parts;
    const path = rest.filter((part) => typeof part === "string").join(".");
    const dot = path.indexOf(".");
    const renamed = dot < 0 ? undefined : this.#names.get(`${String(logicalId)}.${path.slice(0, dot)}`);
    if (renamed !== undefined) return [renamed, path.slice(dot + 1)];
    return [this.#names.get(String(logicalId)) ?? logicalId!, ...rest];
  }

  #inText(text: string): string {
    return text.replace(/\$\{([A-Za-z0-9.]+)\}/g, (whole, name: string) => {
      const exact = this.#names.get(name);
      if (exact !== undefined) return `\${${exact}}`;
      const dot = name.indexOf(".");
      if (dot < 0) return whole;
      const [logicalId, attribute] = this.#attribute([name.slice(0, dot), name.slice(dot + 1)]);
      return `\${${String(logicalId)}.${String(attribute)}}`;
    });
  }

  /** The names of a DependsOn after renaming. */
  resolveDependsOn(value: Value): Value {
    const rename = (name: Value) => (typeof name === "string" ? (this.#names.get(name) ?? name) : name);
    return Array.isArray(value) ? value.map(rename) : rename(value);
  }
}

/** Refuses properties that a serverless type does not have, or that Virga does not. */
export function checkProperties(
  resource: SamResource,
  allowed: { readonly known: readonly string[]; readonly unsupported: readonly string[] },
): void {
  for (const name of ["AlwaysDeploy", "PropagateTags", "PublishLambdaVersion"]) {
    const value = resource.properties[name];
    if (value !== undefined && value !== false) throw unsupported(resource.logicalId, `the property ${name}`);
  }
  for (const name of Object.keys(resource.properties)) {
    if (allowed.known.includes(name)) continue;
    if (allowed.unsupported.includes(name)) {
      throw unsupported(resource.logicalId, `the property ${name} of AWS::Serverless::${resource.kind}`);
    }
    throw invalidResource(
      resource.logicalId,
      `property ${name} not defined for resource of type AWS::Serverless::${resource.kind}`,
    );
  }
}
