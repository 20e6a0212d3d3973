/** MIME: composing a message, and reading one far enough to show it. */
import MailComposer from "nodemailer/lib/mail-composer";
import { decodeBytes, decodeWords } from "./addresses.ts";

export interface Draft {
  readonly from: string;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly replyTo: readonly string[];
  readonly subject: string;
  readonly text: string | undefined;
  readonly html: string | undefined;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly attachments: readonly DraftAttachment[];
  readonly messageId: string;
  readonly dateMs: number;
}

export interface DraftAttachment {
  readonly fileName: string;
  readonly content: Uint8Array;
  readonly contentType: string | undefined;
  readonly contentId: string | undefined;
  readonly inline: boolean;
  readonly description: string | undefined;
  readonly encoding: "7bit" | "base64" | "quoted-printable" | undefined;
}

/** The same draft gives the same bytes. Recipients in Bcc are not in it: the envelope alone knows them. */
export async function composeMime(draft: Draft): Promise<Buffer> {
  return new MailComposer({
    from: draft.from,
    to: [...draft.to],
    cc: [...draft.cc],
    replyTo: [...draft.replyTo],
    subject: draft.subject,
    ...(draft.text === undefined ? {} : { text: draft.text }),
    ...(draft.html === undefined ? {} : { html: draft.html }),
    headers: draft.headers.map(({ name, value }) => ({ key: name, value })),
    attachments: draft.attachments.map((attachment) => ({
      filename: attachment.fileName,
      content: Buffer.from(attachment.content),
      contentDisposition: attachment.inline ? ("inline" as const) : ("attachment" as const),
      ...(attachment.contentType === undefined ? {} : { contentType: attachment.contentType }),
      ...(attachment.contentId === undefined ? {} : { cid: attachment.contentId }),
      ...(attachment.encoding === undefined ? {} : { contentTransferEncoding: attachment.encoding }),
      ...(attachment.description === undefined ? {} : { headers: { "Content-Description": attachment.description } }),
    })),
    messageId: draft.messageId,
    date: new Date(draft.dateMs),
    baseBoundary: draft.messageId.replace(/[^a-zA-Z0-9]/g, "").slice(0, 32),
    disableFileAccess: true,
    disableUrlAccess: true,
    newline: "\r\n",
  } as ConstructorParameters<typeof MailComposer>[0])
    .compile()
    .build();
}

export interface Header {
  readonly name: string;
  /** Unfolded, not decoded. */
  readonly value: string;
}

export interface ReadMail {
  readonly headers: readonly Header[];
  readonly text: string | undefined;
  readonly html: string | undefined;
  readonly attachments: readonly ReadAttachment[];
}

export interface ReadAttachment {
  readonly fileName: string | undefined;
  readonly contentType: string;
  readonly bytes: number;
}

/** Parts in parts, and parts in all, that are looked at; deeper or further ones are left unread. */
const DEPTH_MAX = 20;
const PARTS_MAX = 500;

/** Reads any bytes without failing: what is broken is shown as far as it goes. */
export function readMime(bytes: Uint8Array): ReadMail {
  const mail = { text: undefined as string | undefined, html: undefined as string | undefined };
  const attachments: ReadAttachment[] = [];
  let parts = 0;
  const visit = (source: string, depth: number): readonly Header[] => {
    const { headers, body } = split(source);
    if (++parts > PARTS_MAX) return headers;
    const type = parameterized(headerOf(headers, "content-type") ?? "text/plain");
    const disposition = parameterized(headerOf(headers, "content-disposition") ?? "");
    const boundary = type.parameters.get("boundary");
    if (type.value.startsWith("multipart/") && boundary !== undefined && depth < DEPTH_MAX) {
      for (const part of partsOf(body, boundary)) visit(part, depth + 1);
      return headers;
    }
    const content = decodeBody(body, headerOf(headers, "content-transfer-encoding"));
    const fileName = disposition.parameters.get("filename") ?? type.parameters.get("name");
    const shown = disposition.value !== "attachment" && fileName === undefined;
    const asText = () => decodeBytes(content, type.parameters.get("charset") ?? "utf-8").replaceAll("\r\n", "\n");
    if (shown && type.value === "text/plain" && mail.text === undefined) mail.text = asText();
    else if (shown && type.value === "text/html" && mail.html === undefined) mail.html = asText();
    else {
      attachments.push({
        fileName: fileName === undefined ? undefined : decodeWords(fileName),
        contentType: type.value,
        bytes: content.length,
      });
    }
    return headers;
  };
  const headers = visit(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1"), 0);
  return { headers, ...mail, attachments };
}

/** The first header of this name, unfolded. */
export function headerOf(headers: readonly Header[], name: string): string | undefined {
  return headers.find((header) => header.name.toLowerCase() === name)?.value;
}

export function headersOf(headers: readonly Header[], name: string): string[] {
  return headers.filter((header) => header.name.toLowerCase() === name).map(({ value }) => value);
}

export interface RawHeaders {
  readonly headers: readonly Header[];
  /** The first line that is no header, as SES would name it. */
  readonly illegal: string | undefined;
  /** Where the body begins, in bytes. */
  readonly bodyStart: number;
}

/** The header block of a raw message, strictly. */
export function readHeaders(bytes: Uint8Array): RawHeaders {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const { block, bodyStart } = headerBlock(source);
  const headers: Header[] = [];
  let illegal: string | undefined;
  for (const line of unfold(block)) {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    if (colon < 0 || !/^[!-9;-~]+$/.test(name)) illegal ??= name;
    else headers.push({ name, value: line.slice(colon + 1).trim() });
  }
  return { headers, illegal, bodyStart };
}

/**
 * What leaves the house: with our Message-ID, a Date, and without the headers that are the envelope's affair.
 *
 * @see https://docs.aws.amazon.com/ses/latest/dg/header-fields.html
 */
export function outgoingMime(bytes: Uint8Array, messageId: string, dateMs: number): Buffer {
  const { headers, bodyStart } = readHeaders(bytes);
  const kept = headers.filter(({ name }) => !/^(message-id|bcc|return-path)$/i.test(name));
  const own = [{ name: "Message-ID", value: messageId }];
  if (headerOf(headers, "date") === undefined)
    own.push({ name: "Date", value: new Date(dateMs).toUTCString().replace("GMT", "+0000") });
  const block = [...own, ...kept].map(({ name, value }) => `${name}: ${refold(value)}\r\n`).join("");
  const body = Buffer.from(bytes.buffer, bytes.byteOffset + bodyStart, bytes.byteLength - bodyStart);
  return Buffer.concat([Buffer.from(`${block}\r\n`, "latin1"), body]);
}

/** Lines of a header are at most 998 characters; folded at spaces where they would be longer than 76. */
function refold(value: string): string {
  if (value.length <= 76) return value;
  const lines: string[] = [];
  let line = "";
  for (const word of value.split(" ")) {
    if (line !== "" && line.length + word.length > 75) {
      lines.push(line);
      line = ` ${word}`;
    } else line = lines.length === 0 && line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\r\n");
}

function split(source: string): { headers: Header[]; body: string } {
  const { block, bodyStart } = headerBlock(source);
  const headers = unfold(block).flatMap((line) => {
    const colon = line.indexOf(":");
    return colon > 0 ? [{ name: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() }] : [];
  });
  return { headers, body: source.slice(bodyStart) };
}

function headerBlock(source: string): { block: string; bodyStart: number } {
  if (source.startsWith("\r\n")) return { block: "", bodyStart: 2 };
  if (source.startsWith("\n")) return { block: "", bodyStart: 1 };
  const end = /\r?\n\r?\n/.exec(source);
  if (!end) return { block: source, bodyStart: source.length };
  return { block: source.slice(0, end.index), bodyStart: end.index + end[0].length };
}

const unfold = (block: string): string[] =>
  block
    .replace(/\r?\n[ \t]+/g, " ")
    .split(/\r?\n/)
    .filter((line) => line !== "");

/** `text/plain; charset=utf-8; name*=UTF-8''%e2%82%ac` */
function parameterized(header: string): { value: string; parameters: Map<string, string> } {
  const [value = "", ...rest] = splitOutsideQuotes(header);
  const parameters = new Map<string, string>();
  for (const parameter of rest) {
    const equals = parameter.indexOf("=");
    if (equals < 0) continue;
    const name = parameter.slice(0, equals).trim().toLowerCase();
    const text = parameter
      .slice(equals + 1)
      .trim()
      .replace(/^"(.*)"$/s, (_, quoted: string) => quoted.replace(/\\(.)/gs, "$1"));
    if (name.endsWith("*")) parameters.set(name.replace(/(\*0)?\*$/, ""), decodeExtended(text));
    else parameters.set(name.replace(/\*0$/, ""), text);
  }
  return { value: value.trim().toLowerCase(), parameters };
}

function splitOutsideQuotes(header: string): string[] {
  const parts = [""];
  let quoted = false;
  for (let at = 0; at < header.length; at++) {
    const character = header[at]!;
    if (quoted && character === "\\") parts[parts.length - 1] += character + (header[++at] ?? "");
    else if (character === ";" && !quoted) parts.push("");
    else {
      if (character === '"') quoted = !quoted;
      parts[parts.length - 1] += character;
    }
  }
  return parts;
}

/** RFC 2231: `UTF-8''na%C3%AFve.txt` */
function decodeExtended(text: string): string {
  const [, charset, body] = /^([^']*)'[^']*'(.*)$/s.exec(text) ?? [undefined, "utf-8", text];
  const bytes = Buffer.from(
    body!.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  );
  return decodeBytes(bytes, charset || "utf-8");
}

function partsOf(body: string, boundary: string): string[] {
  const parts: string[] = [];
  let current: string[] | undefined;
  for (const line of body.split("\n")) {
    const text = line.startsWith("--") ? line.trimEnd() : "";
    if (text === `--${boundary}` || text === `--${boundary}--`) {
      // The line break before a boundary belongs to the boundary.
      if (current) parts.push(current.join("\n").replace(/\r$/, ""));
      if (text.endsWith("--") && text !== `--${boundary}`) return parts;
      current = [];
    } else current?.push(line);
  }
  if (current) parts.push(current.join("\n"));
  return parts;
}

function decodeBody(body: string, encoding: string | undefined): Buffer {
  switch (encoding?.trim().toLowerCase()) {
    case "base64":
      return Buffer.from(body, "base64");
    case "quoted-printable":
      return Buffer.from(
        body
          .split("\n")
          .map((line) => line.trimEnd())
          .join("\r\n")
          .replace(/=\r?\n/g, "")
          .replace(/=([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
        "latin1",
      );
    default:
      return Buffer.from(body, "latin1");
  }
}
