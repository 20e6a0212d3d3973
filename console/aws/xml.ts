/** XML as the query protocol and S3 answer it, as plain objects: what repeats is an array, `member` lists are arrays, the rest is text. */

export type Xml = string | Xml[] | { [name: string]: Xml };

/** Lists whose items are not called `member`. */
const FLAT = new Set(["Contents", "CommonPrefixes", "Version", "DeleteMarker", "Bucket", "Error"]);

export function parseXml(text: string): Xml {
  const parsed = new DOMParser().parseFromString(text, "application/xml");
  const root = parsed.documentElement;
  if (parsed.querySelector("parsererror")) throw new SyntaxError(`This is not XML: ${text.slice(0, 200)}`);
  return contentOf(root);
}

function contentOf(element: Element): Xml {
  const children = [...element.children];
  if (children.length === 0) return element.textContent ?? "";
  if (children.every((child) => child.localName === "member")) return children.map(contentOf);
  if (element.localName === "Buckets") return children.map(contentOf);
  const members: { [name: string]: Xml } = {};
  for (const child of children) {
    const name = child.localName;
    const value = contentOf(child);
    const before = members[name];
    if (FLAT.has(name)) members[name] = [...((before as Xml[]) ?? []), value];
    else if (before === undefined) members[name] = value;
    else members[name] = Array.isArray(before) ? [...before, value] : [before, value];
  }
  return members;
}
