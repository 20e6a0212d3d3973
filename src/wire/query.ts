/**
 * awsQuery requests: forms whose names are paths, `Entry.1.Attribute.2.Value=x`. Lists and maps are flattened or not, as the model says. EC2's own
 * dialect has other names, and all its lists are flat.
 * @see https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
 * @see https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html
 */
import { perShape } from "./memo.ts";
import { isStructure, type Member, type Shape } from "./shapes.ts";
import { scalarFromText, serializationError } from "./text.ts";

/** A name's value, or what lies below it. */
export type FormTree = { [segment: string]: FormTree | string };

const PAIRS_MAX = 20_000;
const DEPTH_MAX = 32;

/** Takes a form apart. @throws SerializationException for broken escapes, and forms of absurd size or depth */
export function parseForm(body: string): FormTree {
  const root: FormTree = Object.create(null);
  if (body === "") return root;
  const pairs = body.split("&");
  if (pairs.length > PAIRS_MAX) throw serializationError(`The request has more than ${PAIRS_MAX} parameters`);
  for (const pair of pairs) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? "" : decode(pair.slice(equals + 1));
    const segments = name.split(".");
    if (segments.length > DEPTH_MAX) throw serializationError(`The parameter ${name.slice(0, 100)} is nested too deep`);
    let node = root;
    for (let i = 0; i < segments.length - 1; i++) {
      const next = node[segments[i]!];
      node = typeof next === "object" ? next : (node[segments[i]!] = Object.create(null) as FormTree);
    }
    const last = segments[segments.length - 1]!;
    if (typeof node[last] !== "object") node[last] = value;
  }
  return root;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw serializationError("The request has a malformed percent escape");
  }
}

type Decoder = (node: FormTree | string) => unknown;

/** How members and lists are named. */
type Dialect = "awsQuery" | "ec2Query";

/** Numbered children in the order of their numbers. */
function numbered(node: FormTree): Array<FormTree | string> {
  return Object.keys(node)
    .filter((segment) => /^\d+$/.test(segment))
    .sort((a, b) => Number(a) - Number(b))
    .map((segment) => node[segment]!);
}

function memberDecoder(member: Member, dialect: Dialect): Decoder {
  const { shape, traits } = member;
  if (isStructure(shape)) {
    let decode: Decoder | undefined;
    return (node) => (decode ??= DECODERS[dialect](shape))(node);
  }
  if (shape.kind === "list") {
    const element = memberDecoder(shape.member, dialect);
    const tag = shape.member.traits.xmlName ?? "member";
    return (node) => {
      if (typeof node !== "object") return [];
      const list = traits.xmlFlattened || dialect === "ec2Query" ? node : (node[tag] ?? node["member"] ?? node);
      return typeof list === "object" ? numbered(list).map(element) : [];
    };
  }
  if (shape.kind === "map") {
    const keyTag = shape.key.traits.xmlName ?? "key";
    const valueTag = shape.value.traits.xmlName ?? "value";
    const element = memberDecoder(shape.value, dialect);
    return (node) => {
      const out: Record<string, unknown> = {};
      if (typeof node !== "object") return out;
      const entries = traits.xmlFlattened ? node : (node["entry"] ?? node);
      if (typeof entries !== "object") return out;
      for (const entry of numbered(entries)) {
        if (typeof entry === "object") out[String(entry[keyTag])] = element(entry[valueTag] ?? "");
      }
      return out;
    };
  }
  const scalar = scalarFromText(shape, "date-time");
  return (node) => scalar(typeof node === "string" ? node : "");
}

/** Decodes a form into a structure. Several members may share one name: SQS's AttributeName feeds two of ReceiveMessage's members. */
function structureDecoder(shape: Shape, dialect: Dialect): Decoder {
  const members: Record<string, Array<{ name: string; decode: Decoder }>> = Object.create(null);
  if (isStructure(shape)) {
    for (const member of shape.members) {
      const { queryName, xmlName } = member.traits;
      const wire = (dialect === "ec2Query" ? queryName : xmlName) ?? member.name;
      // A list that is not flattened may still be named by its element alone: `AttributeName.1` beside `AttributeNames.member.1`.
      (members[wire] ??= []).push({ name: member.name, decode: memberDecoder(member, dialect) });
    }
  }
  return (node) => {
    const out: Record<string, unknown> = {};
    if (typeof node !== "object") return out;
    for (const wire in node) {
      for (const member of members[wire] ?? []) out[member.name] = member.decode(node[wire]!);
    }
    return out;
  };
}

const DECODERS: Readonly<Record<Dialect, (shape: Shape) => Decoder>> = {
  awsQuery: perShape<Decoder>((shape) => structureDecoder(shape, "awsQuery")),
  ec2Query: perShape<Decoder>((shape) => structureDecoder(shape, "ec2Query")),
};

export const formDecoder = (shape: Shape, dialect: Dialect): Decoder => DECODERS[dialect](shape);
