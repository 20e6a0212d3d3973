/**
 * The shapes of every service's operations, as `tools/generate` writes them, and the same as linked objects for the codecs. A service's shapes are
 * loaded when it is first spoken to.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export type Scalar =
  | "string"
  | "number"
  | "boolean"
  | "blob"
  | "document"
  | "bigInteger"
  | "bigDecimal"
  | "timestamp"
  | "timestamp:date-time"
  | "timestamp:http-date"
  | "timestamp:epoch-seconds"
  | "unit";

/** A scalar's kind or the index of a shape record. */
export type Reference = Scalar | number;

/** @see https://smithy.io/2.0/spec/http-bindings.html and https://smithy.io/2.0/spec/protocol-traits.html */
export interface MemberTraits {
  readonly httpLabel?: true;
  readonly httpQuery?: string;
  readonly httpQueryParams?: true;
  readonly httpHeader?: string;
  readonly httpPrefixHeaders?: string;
  readonly httpPayload?: true;
  readonly httpResponseCode?: true;
  readonly xmlName?: string;
  readonly xmlFlattened?: true;
  /** Name in requests of the EC2 query protocol, where it is not the member's own. */
  readonly queryName?: string;
  readonly xmlAttribute?: true;
  /** URI, or prefix and URI. */
  readonly xmlNamespace?: string | readonly [string, string];
  readonly jsonName?: string;
  readonly mediaType?: string;
  readonly streaming?: true;
  readonly eventStream?: true;
  /** Of an event: this member alone is its body. */
  readonly eventPayload?: true;
  readonly hostLabel?: true;
  readonly idempotencyToken?: true;
}

type MemberRecord = readonly [Reference, MemberTraits?];

export type ShapeRecord =
  | { readonly kind: "list"; readonly member: MemberRecord; readonly sparse?: true }
  | { readonly kind: "map"; readonly key: MemberRecord; readonly value: MemberRecord; readonly sparse?: true }
  | {
      readonly kind: "structure" | "union";
      readonly name: string;
      readonly members: Readonly<Record<string, MemberRecord>>;
      readonly required?: readonly string[];
      readonly xmlName?: string;
      readonly xmlNamespace?: string | readonly [string, string];
    };

/** What is known of a service before its shapes are loaded. */
export interface ServiceFacts {
  readonly service: string;
  readonly protocol: "awsJson1_0" | "awsJson1_1" | "awsQuery" | "ec2Query" | "restJson1" | "restXml" | "rpcv2Cbor";
  /** `com.amazonaws.sqs` */
  readonly namespace: string;
  /** Prefix of X-Amz-Target. */
  readonly target?: string;
  /** API version, which tells query services apart. */
  readonly version?: string;
  readonly xmlNamespace?: string;
  /** Once spoke awsQuery: errors carry x-amzn-query-error. */
  readonly queryCompatible?: true;
}

export interface ServiceShapes extends ServiceFacts {
  readonly operations: Readonly<
    Record<
      string,
      { readonly input: Reference; readonly output: Reference; readonly http?: readonly [string, string, number] }
    >
  >;
  readonly errors: Readonly<
    Record<
      string,
      {
        readonly shape: number;
        readonly status?: number;
        readonly fault?: "client" | "server";
        readonly query?: readonly [string, number];
      }
    >
  >;
  readonly shapes: readonly ShapeRecord[];
}

export interface Member {
  readonly name: string;
  readonly shape: Shape;
  readonly traits: MemberTraits;
}

export interface Structure {
  readonly kind: "structure" | "union";
  readonly name: string;
  readonly members: readonly Member[];
  readonly required: readonly string[];
  readonly xmlName?: string;
  readonly xmlNamespace?: string | readonly [string, string];
}

export type Shape =
  | { readonly kind: Scalar }
  | { readonly kind: "list"; readonly member: Member; readonly sparse: boolean }
  | { readonly kind: "map"; readonly key: Member; readonly value: Member; readonly sparse: boolean }
  | Structure;

export interface Operation {
  readonly name: string;
  readonly input: Shape;
  readonly output: Shape;
  /** Method, URI template, status of success. */
  readonly http?: readonly [string, string, number];
}

export interface ModelledError {
  readonly name: string;
  readonly shape: Structure;
  /** Undefined where the model does not say. */
  readonly status: number | undefined;
  /** Code and status that awsQuery gives it. */
  readonly query: readonly [string, number] | undefined;
}

/** A service's shapes, linked. */
export interface ServiceModel {
  readonly facts: ServiceFacts;
  readonly operations: ReadonlyMap<string, Operation>;
  readonly errors: ReadonlyMap<string, ModelledError>;
}

const SCALARS = new Map<Scalar, Shape>();
const scalarShape = (kind: Scalar): Shape => {
  let shape = SCALARS.get(kind);
  if (!shape) SCALARS.set(kind, (shape = { kind }));
  return shape;
};

/** Links a service's records: references become objects, shared and possibly recursive. */
export function linkShapes(source: ServiceShapes): ServiceModel {
  const shapes: any[] = source.shapes.map((record) => ({ kind: record.kind }));
  const resolve = (reference: Reference): Shape =>
    typeof reference === "number" ? shapes[reference] : scalarShape(reference);
  const member = (name: string, [reference, traits = {}]: MemberRecord): Member => ({
    name,
    shape: resolve(reference),
    traits,
  });
  source.shapes.forEach((record, index) => {
    const shape = shapes[index];
    if (record.kind === "list") {
      shape.member = member("member", record.member);
      shape.sparse = record.sparse ?? false;
    } else if (record.kind === "map") {
      shape.key = member("key", record.key);
      shape.value = member("value", record.value);
      shape.sparse = record.sparse ?? false;
    } else {
      shape.name = record.name;
      shape.members = Object.entries(record.members).map(([name, entry]) => member(name, entry));
      shape.required = record.required ?? [];
      if (record.xmlName) shape.xmlName = record.xmlName;
      if (record.xmlNamespace) shape.xmlNamespace = record.xmlNamespace;
    }
  });
  const { operations, errors, shapes: _, ...facts } = source;
  return {
    facts,
    operations: new Map(
      Object.entries(operations).map(([name, { input, output, http }]) => [
        name,
        { name, input: resolve(input), output: resolve(output), ...(http ? { http } : {}) },
      ]),
    ),
    errors: new Map(
      Object.entries(errors).map(([name, { shape, status, query }]) => [
        name,
        { name, shape: shapes[shape] as Structure, status, query },
      ]),
    ),
  };
}

/** Where the generated shapes lie: beside the bundle in the package, in `generated/` in the repository. */
export interface ShapeLibrary {
  readonly facts: ReadonlyMap<string, ServiceFacts>;
  model(service: string): ServiceModel;
}

/** @param directory holding `index.json` and one file per service */
export function openShapes(directory: string): ShapeLibrary {
  const facts = new Map<string, ServiceFacts>(
    Object.entries(JSON.parse(readFileSync(join(directory, "index.json"), "utf8"))),
  );
  const models = new Map<string, ServiceModel>();
  return {
    facts,
    model(service) {
      let model = models.get(service);
      if (!model) {
        model = linkShapes(JSON.parse(readFileSync(join(directory, `${service}.json`), "utf8")));
        models.set(service, model);
      }
      return model;
    },
  };
}

export const isStructure = (shape: Shape): shape is Structure => shape.kind === "structure" || shape.kind === "union";
