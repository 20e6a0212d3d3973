/**
 * XML: structures to text and back, for restXml bodies and awsQuery answers. Reading is strict, without entities of the document's own, and bounded
 * in depth.
 * @see https://smithy.io/2.0/aws/protocols/aws-restxml-protocol.html
 */
import { SaxesParser } from "saxes";
import { AwsError } from "../kernel/errors.ts";
import { perShape } from "./memo.ts";
import { isStructure, type Member, type Shape } from "./shapes.ts";
import { scalarFromText, scalarToText } from "./text.ts";

const DEPTH_MAX = 64;
const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

// Writing

/** What markup or line-ending rules would change, and what XML 1.0 cannot carry as it is. */
const SPECIAL = /[&<>"\r\n\u0085\u2028\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;
const NAMED: ReadonlyMap<number, string> = new Map([
  [0x26, "&amp;"],
  [0x3c, "&lt;"],
  [0x3e, "&gt;"],
  [0x22, "&quot;"],
]);

export function escapeXml(text: string): string {
  if (!SPECIAL.test(text)) return text;
  let escaped = "";
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    // Most characters are none of the special ones, and say so by their number alone.
    if (code > 0x3e && code < 0x85) continue;
    const named = NAMED.get(code);
    if (named === undefined && !SPECIAL.test(text[at]!)) continue;
    escaped += text.slice(from, at) + (named ?? `&#x${code.toString(16).toUpperCase()};`);
    from = at + 1;
  }
  return escaped + text.slice(from);
}

function namespaceAttribute(namespace: string | readonly [string, string] | undefined): string {
  if (!namespace) return "";
  if (typeof namespace === "string") return ` xmlns="${escapeXml(namespace)}"`;
  const [prefix, uri] = namespace;
  return prefix ? ` xmlns:${prefix}="${escapeXml(uri)}"` : ` xmlns="${escapeXml(uri)}"`;
}

interface Contents {
  readonly attributes: string;
  readonly children: string;
}

/** The attributes and children of a structure, without its own tag. */
export const xmlContents: (shape: Shape) => (value: any) => Contents = perShape((shape) => {
  if (!isStructure(shape)) return () => ({ attributes: "", children: "" });
  const writers = shape.members.map((member) => {
    const tag = member.traits.xmlName ?? member.name;
    if (member.traits.xmlAttribute) {
      const text = scalarToText(member.shape, "date-time");
      return { name: member.name, attribute: true, write: (value: any) => ` ${tag}="${escapeXml(text(value))}"` };
    }
    let write: ((value: any) => string) | undefined;
    return {
      name: member.name,
      attribute: false,
      write: (value: any) => (write ??= elementWriter(member, tag))(value),
    };
  });
  return (value) => {
    let attributes = "";
    let children = "";
    for (const writer of writers) {
      const member = value[writer.name];
      if (member == null) continue;
      if (writer.attribute) attributes += writer.write(member);
      else children += writer.write(member);
    }
    return { attributes, children };
  };
});

function elementWriter(member: Member, tag: string): (value: any) => string {
  const { shape, traits } = member;
  if (shape.kind === "list") {
    const flat = traits.xmlFlattened === true;
    const element = elementWriter(shape.member, flat ? tag : (shape.member.traits.xmlName ?? "member"));
    return (value) => {
      let text = "";
      for (const entry of value) if (entry != null) text += element(entry);
      return flat ? text : `<${tag}>${text}</${tag}>`;
    };
  }
  if (shape.kind === "map") {
    const flat = traits.xmlFlattened === true;
    const entryTag = flat ? tag : "entry";
    const keyTag = shape.key.traits.xmlName ?? "key";
    const element = elementWriter(shape.value, shape.value.traits.xmlName ?? "value");
    return (value) => {
      let text = "";
      for (const key of Object.keys(value)) {
        if (value[key] != null)
          text += `<${entryTag}><${keyTag}>${escapeXml(key)}</${keyTag}>${element(value[key])}</${entryTag}>`;
      }
      return flat ? text : `<${tag}>${text}</${tag}>`;
    };
  }
  if (isStructure(shape)) {
    const contents = xmlContents(shape);
    const namespace = namespaceAttribute(traits.xmlNamespace ?? shape.xmlNamespace);
    return (value) => {
      const { attributes, children } = contents(value);
      return `<${tag}${namespace}${attributes}>${children}</${tag}>`;
    };
  }
  const text = scalarToText(shape, "date-time");
  const [open, close] = [`<${tag}>`, `</${tag}>`];
  // Numbers, dates and base64 hold nothing that would have to be escaped.
  if (!TEXTUAL.has(shape.kind)) return (value) => open + text(value) + close;
  return (value) => open + escapeXml(text(value)) + close;
}

const TEXTUAL: ReadonlySet<string> = new Set(["string", "document"]);

/** A whole document. */
export function xmlDocument(shape: Shape, value: any, tag: string, namespace: string | undefined): string {
  const { attributes, children } = xmlContents(shape)(value);
  return `${DECLARATION}<${tag}${namespaceAttribute(namespace)}${attributes}>${children}</${tag}>`;
}

export const xmlText = (tag: string, text: string, namespace: string | undefined): string =>
  `${DECLARATION}<${tag}${namespaceAttribute(namespace)}>${escapeXml(text)}</${tag}>`;

// Reading

/** An element: its text, its attributes by local name and its children by local name, in order. */
export interface XmlElement {
  readonly name: string;
  text: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Map<string, XmlElement[]>;
}

const malformed = () =>
  new AwsError(
    "MalformedXML",
    "The XML you provided was not well-formed or did not validate against our published schema",
  );

const localName = (name: string): string => name.slice(name.indexOf(":") + 1);

/** @throws MalformedXML */
export function parseXml(body: Buffer): XmlElement {
  const parser = new SaxesParser();
  const stack: XmlElement[] = [];
  let root: XmlElement | undefined;
  parser.on("error", () => {
    throw malformed();
  });
  parser.on("doctype", () => {
    throw malformed();
  });
  parser.on("opentag", (tag) => {
    if (stack.length >= DEPTH_MAX) throw malformed();
    const attributes: Record<string, string> = Object.create(null);
    for (const [name, value] of Object.entries(tag.attributes)) attributes[localName(name)] = String(value);
    const element: XmlElement = { name: localName(tag.name), text: "", attributes, children: new Map() };
    const parent = stack.at(-1);
    if (parent) {
      const siblings = parent.children.get(element.name);
      if (siblings) siblings.push(element);
      else parent.children.set(element.name, [element]);
    } else root = element;
    stack.push(element);
  });
  parser.on("text", (text) => {
    const element = stack.at(-1);
    if (element) element.text += text;
  });
  parser.on("cdata", (text) => {
    const element = stack.at(-1);
    if (element) element.text += text;
  });
  parser.on("closetag", () => {
    stack.pop();
  });
  parser.write(body.toString("utf8")).close();
  if (!root) throw malformed();
  return root;
}

type Reader = (element: XmlElement) => unknown;

/** Reads a structure from an element. */
export const xmlReader: (shape: Shape) => Reader = perShape<Reader>((shape) => {
  if (!isStructure(shape)) return (element) => scalarFromText(shape, "date-time")(element.text);
  const members = shape.members.map((member) => ({
    name: member.name,
    tag: member.traits.xmlName ?? member.name,
    attribute: member.traits.xmlAttribute ? scalarFromText(member.shape, "date-time") : undefined,
    member,
    read: undefined as ((elements: XmlElement[]) => unknown) | undefined,
  }));
  return (element) => {
    const out: Record<string, unknown> = {};
    for (const entry of members) {
      if (entry.attribute) {
        const value = element.attributes[localName(entry.tag)];
        if (value !== undefined) out[entry.name] = entry.attribute(value);
        continue;
      }
      const found = element.children.get(entry.tag);
      if (found) out[entry.name] = (entry.read ??= memberReader(entry.member))(found);
    }
    return out;
  };
});

function memberReader(member: Member): (elements: XmlElement[]) => unknown {
  const { shape, traits } = member;
  if (shape.kind === "list") {
    const element = single(shape.member);
    const tag = shape.member.traits.xmlName ?? "member";
    return traits.xmlFlattened
      ? (elements) => elements.map(element)
      : (elements) => (elements[0]!.children.get(tag) ?? []).map(element);
  }
  if (shape.kind === "map") {
    const keyTag = shape.key.traits.xmlName ?? "key";
    const valueTag = shape.value.traits.xmlName ?? "value";
    const element = single(shape.value);
    return (elements) => {
      const out: Record<string, unknown> = {};
      for (const entry of traits.xmlFlattened ? elements : (elements[0]!.children.get("entry") ?? [])) {
        const key = entry.children.get(keyTag)?.[0];
        const value = entry.children.get(valueTag)?.[0];
        if (key && value) out[key.text] = element(value);
      }
      return out;
    };
  }
  const element = single(member);
  return (elements) => element(elements[0]!);
}

function single(member: Member): Reader {
  const { shape } = member;
  if (isStructure(shape)) return xmlReader(shape);
  if (shape.kind === "list" || shape.kind === "map") {
    const read = memberReader(member);
    return (element) => read([element]);
  }
  const scalar = scalarFromText(shape, "date-time");
  return (element) => scalar(element.text);
}
