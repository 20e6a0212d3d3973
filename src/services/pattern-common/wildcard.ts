/** `{ "wildcard": "orders/*.json" }`: `*` stands for any number of characters, `\*` and `\\` for themselves. */

/** Says whether a value fits. Matching takes time proportional to text times pattern at worst, never more. */
export function wildcardTest(wildcard: string, invalid: (reason: string) => never): (value: unknown) => boolean {
  const parts = partsOf(wildcard, invalid);
  return (value) => typeof value === "string" && fits(value, parts);
}

/** The literal texts between the asterisks. Positions in refusals count the quotation mark before the text, as AWS's do. */
function partsOf(wildcard: string, invalid: (reason: string) => never): readonly string[] {
  const parts = [""];
  for (let i = 0; i < wildcard.length; i++) {
    const character = wildcard[i]!;
    if (character === "\\") {
      const next = wildcard[++i];
      if (next !== "*" && next !== "\\") invalid(`Invalid escape character at pos ${i}`);
      parts[parts.length - 1] += next;
    } else if (character === "*") {
      if (wildcard[i + 1] === "*") invalid(`Consecutive wildcard characters at pos ${i + 1}`);
      parts.push("");
    } else parts[parts.length - 1] += character;
  }
  return parts;
}

/** The first part begins the text, the last one ends it, and the others follow one another: taking each as early as possible is enough. */
function fits(value: string, parts: readonly string[]): boolean {
  const first = parts[0]!;
  if (parts.length === 1) return value === first;
  const last = parts.at(-1)!;
  if (value.length < first.length + last.length || !value.startsWith(first) || !value.endsWith(last)) return false;
  const end = value.length - last.length;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = value.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return at <= end;
}
