import assert from "node:assert/strict";
import { test } from "node:test";
import { boundaryOf, readForm } from "./form.ts";
import { checkPolicy } from "./policy.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const BOUNDARY = "----b";

function body(parts: readonly (readonly [name: string, value: string, filename?: string])[]): Buffer {
  const text = parts.map(
    ([name, value, filename]) =>
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${filename === undefined ? "" : `; filename="${filename}"`}\r\n\r\n${value}\r\n`,
  );
  return Buffer.from(`${text.join("")}--${BOUNDARY}--\r\n`);
}

/** The bytes in pieces of a given size, as a network may bring them. */
async function* pieces(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(bytes: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test("a form is read whatever the pieces it comes in", async () => {
  const content = `line\r\n--${BOUNDARY.slice(0, 4)}x\r\n-`;
  const bytes = body([
    ["Key", "uploads/${filename}"],
    ["x-amz-meta-ü", "größe"],
    ["file", content, "C:\\dir\\a b.txt"],
    ["after", "ignored"],
  ]);
  for (const size of [1, 2, 3, 7, 50, bytes.length]) {
    const form = await readForm(pieces(bytes, size), BOUNDARY);
    assert.deepEqual(form.fields, { key: "uploads/${filename}", "x-amz-meta-ü": "größe" });
    assert.equal(form.file.name, "a b.txt");
    assert.equal(await collect(form.file.bytes), content, `pieces of ${size}`);
  }
});

test("what is no form is refused", async () => {
  const read = (bytes: Buffer) => readForm(pieces(bytes, 100), BOUNDARY);
  await assert.rejects(read(body([["key", "k"]])), { code: "InvalidArgument" });
  await assert.rejects(read(Buffer.from("nonsense")), { code: "IncompleteBody" });
  await assert.rejects(read(Buffer.from("x".repeat(30_000))), { code: "MalformedPOSTRequest" });
  await assert.rejects(read(Buffer.from(`--${BOUNDARY}\r\nno disposition\r\n\r\n`)), { code: "MalformedPOSTRequest" });
  await assert.rejects(
    read(
      body([
        ["key", "x".repeat(30_000)],
        ["file", ""],
      ]),
    ),
    { code: "MaxPostPreDataLengthExceeded" },
  );
  const cut = await read(body([["file", "x".repeat(1000)]]).subarray(0, 500));
  await assert.rejects(collect(cut.file.bytes), { code: "IncompleteBody" });
  assert.equal(boundaryOf('multipart/form-data; boundary="a b"'), "a b");
  assert.throws(() => boundaryOf("multipart/form-data"), { code: "MalformedPOSTRequest" });
});

test("a policy says what the form may hold", () => {
  const check = (conditions: unknown, fields: Record<string, string>, expiration = "2026-01-01T01:00:00Z") =>
    checkPolicy(Buffer.from(JSON.stringify({ expiration, conditions })).toString("base64"), fields, NOW_MS);
  const conditions = [
    { bucket: "b-b-b" },
    ["starts-with", "$key", "user/"],
    ["eq", "$Content-Type", "image/png"],
    ["content-length-range", 1, 100],
  ];
  const fields = {
    bucket: "b-b-b",
    key: "user/x",
    "content-type": "image/png",
    policy: "…",
    "x-amz-signature": "…",
    "x-ignore-me": "",
  };
  assert.deepEqual(check(conditions, fields), { min: 1, max: 100 });
  const refused: [object, string][] = [
    [{ key: "other" }, 'Invalid according to Policy: Policy Condition failed: ["starts-with", "$key", "user/"]'],
    [
      { "content-type": "text/html" },
      'Invalid according to Policy: Policy Condition failed: ["eq", "$Content-Type", "image/png"]',
    ],
    [{ bucket: "c-c-c" }, 'Invalid according to Policy: Policy Condition failed: ["eq", "$bucket", "b-b-b"]'],
    [{ acl: "private" }, "Invalid according to Policy: Extra input fields: acl"],
  ];
  for (const [more, message] of refused) {
    assert.throws(() => check(conditions, { ...fields, ...more }), { code: "AccessDenied", message });
  }
  assert.throws(() => check(conditions, fields, "2025-12-31T23:00:00Z"), {
    message: "Invalid according to Policy: Policy expired.",
  });
  assert.throws(() => check([["like", "$key", "x"]], fields), { code: "InvalidPolicyDocument" });
  assert.throws(() => checkPolicy("e30", fields, NOW_MS), { code: "InvalidPolicyDocument" });
  assert.throws(() => checkPolicy("nonsense", fields, NOW_MS), { code: "InvalidPolicyDocument" });
});
