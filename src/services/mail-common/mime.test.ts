import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { decodeWords } from "./addresses.ts";
import { headerOf, outgoingMime, readHeaders, readMime } from "./mime.ts";

test("any bytes are read without failing", () => {
  const line = fc.constantFrom(
    "From: a@b.c",
    "Content-Type: multipart/mixed; boundary=b",
    'Content-Type: text/plain; charset="nope"; name*0*=utf-8',
    "Content-Transfer-Encoding: base64",
    "Content-Transfer-Encoding: quoted-printable",
    " folded",
    "--b",
    "--b--",
    "",
    "=?utf-8?q?=FF=?= =?x?b?!!?=",
  );
  const messy = fc
    .array(fc.oneof(line, fc.string()), { maxLength: 30 })
    .map((lines) => Buffer.from(lines.join("\r\n")));
  fc.assert(
    fc.property(fc.oneof(messy, fc.uint8Array({ maxLength: 300 })), (bytes) => {
      readMime(bytes);
      const sent = outgoingMime(bytes, "<id@x>", 0);
      assert.equal(headerOf(readHeaders(sent).headers, "message-id"), "<id@x>");
    }),
    { numRuns: 1000, seed: 4 },
  );
});

test("deep and broad messages come to an end", () => {
  const deep = Array.from(
    { length: 200 },
    (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n`,
  ).join("");
  readMime(Buffer.from(deep));
  const broad = `Content-Type: multipart/mixed; boundary=b\r\n\r\n${"--b\r\nContent-Type: image/png\r\n\r\nx\r\n".repeat(5000)}--b--`;
  assert.ok(readMime(Buffer.from(broad)).attachments.length <= 500);
});

test("long runs of blanks are read in little time", () => {
  const blanks = `${" ".repeat(400_000)}x`;
  const parts = [
    "Content-Type: multipart/mixed; boundary=b",
    "",
    "--b",
    "Content-Transfer-Encoding: quoted-printable",
    "",
    blanks,
    "--b--",
  ];
  assert.equal(readMime(Buffer.from(parts.join("\r\n"))).text, blanks);
});

describe("encoded words", () => {
  const cases: [string, string][] = [
    ["=?UTF-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"],
    ["=?utf-8?B?R3LDvMOfZQ==?=", "Grüße"],
    ["=?ISO-8859-1?Q?Gr=FC_x?=", "Grü x"],
    ["a =?UTF-8?Q?=C3?= =?UTF-8?Q?=BC?= b", "a ü b"],
    ["=?UTF-8*de?Q?x?=", "x"],
    ["=?nope?Q?x?=", "x"],
    ["plain = text ?=", "plain = text ?="],
  ];
  for (const [given, expected] of cases) test(given, () => assert.equal(decodeWords(given), expected));
});

test("what leaves the house has our Message-ID, a date, no Bcc, and the body as it was", () => {
  const long = Array.from({ length: 30 }, (_, i) => `r${i}@example.org,`).join(" ");
  const given = `Bcc: x@y.z\r\nTo: ${long}\r\nReturn-Path: <q@y.z>\r\nDate: today\r\n\r\nbody\r\n.\r\n`;
  const sent = outgoingMime(Buffer.from(given), "<id@x>", 0).toString();
  const { headers } = readHeaders(Buffer.from(sent));
  assert.deepEqual(
    headers.map(({ name }) => name),
    ["Message-ID", "To", "Date"],
  );
  assert.equal(headerOf(headers, "to"), long);
  assert.ok(sent.split("\r\n").every((line) => line.length <= 998));
  assert.ok(sent.endsWith("\r\n\r\nbody\r\n.\r\n"));
});
