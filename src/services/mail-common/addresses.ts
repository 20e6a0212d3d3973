/** Mail addresses: what a header or a parameter says, checked as SES checks. */
import addressparser from "nodemailer/lib/addressparser";

/** `Ada <ada@example.com>` taken apart. */
export interface Mailbox {
  readonly name: string;
  readonly address: string;
}

/**
 * What SES says of an address it does not take, or undefined. A display name may hold anything but line breaks.
 *
 * The texts are those of JavaMail's InternetAddress, which SES passes on.
 */
export function addressFault(given: string): string | undefined {
  const { name, spec } = splitAddress(given);
  const bare = name.replace(/"(?:\\.|[^"\\])*"/gs, "");
  if (/[<>]/.test(bare)) return "Illegal address";
  // A comma begins another address: the one before it then lacks its domain.
  if (bare.includes(",")) return "Missing final '@domain'";
  let quoted = false;
  let at = 0;
  for (; at < spec.length; at++) {
    const character = spec[at]!;
    if (character === "\\") at++;
    else if (character === '"') quoted = !quoted;
    else if (quoted) {
      if (character === "\r" || character === "\n") return `Invalid email address ${given}.`;
    } else if (character === "@") break;
    else if (isControlOrWhitespace(character)) return "Local address contains control or whitespace";
  }
  if (at === 0) return spec === "" ? "Missing final '@domain'" : "Missing local name";
  if (at >= spec.length) return "Missing final '@domain'";
  const domain = spec.slice(at + 1);
  if (domain === "") return "Missing domain";
  if ([...domain].some(isControlOrWhitespace)) return "Domain contains control or whitespace";
  if (domain.startsWith(".")) return "Domain starts with dot";
  if (domain.includes("..")) return "Domain contains dot-dot";
  if (!/^[A-Za-z0-9.-]+$/.test(domain)) return "Domain contains illegal character";
  return undefined;
}

const isControlOrWhitespace = (character: string): boolean => character <= " " || character >= "\x7f";

/** The display name, and what stands between the angle brackets; all of it is the address where there are none. */
function splitAddress(given: string): { readonly name: string; readonly spec: string } {
  const text = given.trim();
  if (!text.endsWith(">")) return { name: "", spec: text };
  let quoted = false;
  let open = -1;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') quoted = !quoted;
    else if (text[at] === "<" && !quoted) open = at;
  }
  return open < 0 ? { name: "", spec: text } : { name: text.slice(0, open), spec: text.slice(open + 1, -1).trim() };
}

/** One mailbox of a parameter that passed {@link addressFault}. A line break in a name becomes a space. */
export function parseMailbox(given: string): Mailbox {
  const { name, spec: address } = splitAddress(given);
  if (name.trim() === "") return { name: "", address };
  const text = given.trim();
  const [parsed] = addressparser(text.replace(/[\r\n]+/g, " "), { flatten: true });
  return { name: decodeWords(parsed?.name ?? ""), address };
}

/** All mailboxes of a header, groups taken apart. */
export function parseMailboxes(header: string): Mailbox[] {
  return addressparser(header, { flatten: true })
    .filter(({ address }) => address !== "")
    .map(({ name, address }) => ({ name: decodeWords(name), address }));
}

export const domainOf = (address: string): string => address.slice(address.lastIndexOf("@") + 1).toLowerCase();

/** RFC 2047 encoded words: `=?UTF-8?Q?Zo=C3=AB?=`. What cannot be decoded stays as it is. */
export function decodeWords(text: string): string {
  return text
    .replace(/(=\?[^?\s]+\?[bq]\?[^?\s]*\?=)\s+(?==\?[^?\s]+\?[bq]\?)/gi, "$1")
    .replace(/(?:=\?[^?\s]+\?[bq]\?[^?\s]*\?=)+/gi, (run) => decodeRun(run));
}

/** Neighbouring words of one charset are decoded together: a character may be split between them. */
function decodeRun(run: string): string {
  let text = "";
  let charset: string | undefined;
  let bytes: Buffer[] = [];
  const flush = () => {
    if (charset !== undefined) text += decodeBytes(Buffer.concat(bytes), charset);
    bytes = [];
  };
  for (const [, wordCharset, encoding, body] of run.matchAll(/=\?([^?\s]+)\?([bq])\?([^?\s]*)\?=/gi)) {
    const name = wordCharset!.replace(/\*.*$/, "").toLowerCase();
    if (name !== charset) {
      flush();
      charset = name;
    }
    bytes.push(encoding!.toLowerCase() === "b" ? Buffer.from(body!, "base64") : quotedWord(body!));
  }
  flush();
  return text;
}

const quotedWord = (body: string): Buffer =>
  Buffer.from(
    body.replaceAll("_", " ").replace(/=([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  );

/** Unknown charsets are read as Latin 1: every byte is shown. */
export function decodeBytes(bytes: Uint8Array, charset: string): string {
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return Buffer.from(bytes).toString("latin1");
  }
}
