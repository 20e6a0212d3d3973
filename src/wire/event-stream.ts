/**
 * AWS's event streams: answers that are a sequence of messages, each with headers, a body and checksums, as `InvokeWithResponseStream` gives them.
 *
 * A message is: its length (4 bytes, big endian), the length of its headers (4 bytes), the CRC-32 of these eight bytes, the headers, the body, and the
 * CRC-32 of all before. A header is: the length of its name (1 byte), the name, a type (7 for text), the length of its value (2 bytes), the value.
 *
 * @see https://smithy.io/2.0/aws/amazon-eventstream.html
 */
import { Readable } from "node:stream";
import { crc32 } from "node:zlib";
import type { Structure } from "./shapes.ts";

export const EVENT_STREAM_TYPE = "application/vnd.amazon.eventstream";

/** Content type and body of an event that is a document. */
type EncodeDocument = (shape: Structure, event: any) => readonly [contentType: string, body: string];

/**
 * @param union the kinds of events, one member each
 * @param events each with one of the union's members set; what iterating throws cuts the answer off
 */
export function eventStream(union: Structure, events: AsyncIterable<any>, document: EncodeDocument): Readable {
  async function* messages() {
    for await (const event of events) yield encodeEvent(union, event, document);
  }
  return Readable.from(messages(), { objectMode: false });
}

export function encodeEvent(union: Structure, event: any, document: EncodeDocument): Buffer {
  const kind = union.members.find(({ name }) => event[name] !== undefined)!;
  const shape = kind.shape as Structure;
  const value = event[kind.name];
  const payload = shape.members.find(({ traits }) => traits.eventPayload);
  const headers: [string, string][] = [[":event-type", kind.name]];
  if (payload === undefined) {
    const [contentType, body] = document(shape, value);
    headers.push([":content-type", contentType]);
    return encodeMessage([...headers, [":message-type", "event"]], Buffer.from(body));
  }
  headers.push([":content-type", payload.shape.kind === "blob" ? "application/octet-stream" : "text/plain"]);
  return encodeMessage([...headers, [":message-type", "event"]], Buffer.from(value[payload.name] ?? ""));
}

const TEXT_HEADER = 7;
/** Lengths and checksum before the headers, checksum after the body. */
const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;

export function encodeMessage(headers: readonly (readonly [name: string, text: string])[], body: Uint8Array): Buffer {
  const parts = headers.map(([name, text]) => {
    const part = Buffer.alloc(4 + Buffer.byteLength(name) + Buffer.byteLength(text));
    let at = part.writeUInt8(Buffer.byteLength(name), 0);
    at += part.write(name, at);
    at = part.writeUInt8(TEXT_HEADER, at);
    at = part.writeUInt16BE(Buffer.byteLength(text), at);
    part.write(text, at);
    return part;
  });
  const head = Buffer.concat(parts);
  const message = Buffer.alloc(PRELUDE_BYTES + head.length + body.length + CHECKSUM_BYTES);
  message.writeUInt32BE(message.length, 0);
  message.writeUInt32BE(head.length, 4);
  message.writeUInt32BE(crc32(message.subarray(0, 8)), 8);
  head.copy(message, PRELUDE_BYTES);
  message.set(body, PRELUDE_BYTES + head.length);
  message.writeUInt32BE(crc32(message.subarray(0, message.length - CHECKSUM_BYTES)), message.length - CHECKSUM_BYTES);
  return message;
}
