import assert from "node:assert/strict";
import { test } from "node:test";
import {
  composeMail,
  InvalidSubmission,
  MESSAGE_LENGTH_MAX,
  NAME_LENGTH_MAX,
  readSubmission,
  submissionId,
} from "./submission.ts";

const valid = { name: "Ada Lovelace", email: "ada@example.com", message: "Hello,\nhow are you?" };
const read = (fields: unknown) => readSubmission(JSON.stringify(fields));

test("a valid submission is taken, trimmed and normalised", () => {
  assert.deepEqual(read(valid), valid);
  assert.deepEqual(
    read({ name: "  Ada \t Lovelace ", email: " ada@example.com ", message: "\r\n a\r\nb\rc \n", extra: "ignored" }),
    { name: "Ada Lovelace", email: "ada@example.com", message: "a\nb\nc" },
  );
  assert.equal(read({ ...valid, name: "e\u0301" }).name, "é");
});

test("what is not a submission is refused, and the reason does not repeat it", () => {
  const cases: [string, RegExp][] = [
    ["<script>", /not JSON/],
    ["[]", /not an object/],
    ["null", /not an object/],
    [JSON.stringify({ ...valid, name: undefined }), /^name is not a string/],
    [JSON.stringify({ ...valid, name: 7 }), /^name is not a string/],
    [JSON.stringify({ ...valid, name: " \n " }), /^name is empty/],
    [JSON.stringify({ ...valid, name: "x".repeat(NAME_LENGTH_MAX + 1) }), /^name is longer than 100/],
    [JSON.stringify({ ...valid, message: "" }), /^message is empty/],
    [JSON.stringify({ ...valid, message: "x".repeat(MESSAGE_LENGTH_MAX + 1) }), /^message is longer than 5000/],
    ['{"name":"\\ud800","email":"a@example.com","message":"m"}', /^name is not well-formed/],
  ];
  for (const [body, reason] of cases) {
    assert.throws(
      () => readSubmission(body),
      (error: Error) =>
        error instanceof InvalidSubmission && reason.test(error.message) && !error.message.includes("<"),
      body,
    );
  }
});

test("addresses: the usual ones pass, and nothing that could add a header or a recipient", () => {
  for (const email of [
    "a@b.co",
    "first.last+tag@sub.example.org",
    "o'hara@example.ie",
    "x_y-z@xn--bcher-kva.example",
  ]) {
    assert.equal(read({ ...valid, email }).email, email);
  }
  assert.equal(read({ ...valid, email: "me@bücher.example" }).email, "me@xn--bcher-kva.example");
  const refused = [
    "plain",
    "@example.com",
    "a@",
    "a@localhost",
    "a@example..com",
    "a@-example.com",
    ".a@example.com",
    "a.@example.com",
    "a..b@example.com",
    "a b@example.com",
    "a@example.com\nBcc: other@example.com",
    "a@example.com\r\n\r\nbody",
    "a@example.com,other@example.com",
    "a@example.com;other@example.com",
    "Ada <a@example.com>",
    '"a b"@example.com',
    "a@[127.0.0.1]",
    "a@exämple.com/evil",
    `${"x".repeat(65)}@example.com`,
    `a@${"x".repeat(60)}.${"y".repeat(60)}.${"z".repeat(60)}.${"w".repeat(60)}.${"v".repeat(20)}.example`,
  ];
  for (const email of refused) assert.throws(() => read({ ...valid, email }), InvalidSubmission, email);
});

test("line breaks and control characters cannot leave the field they came in", () => {
  const { name, message } = read({
    ...valid,
    name: "Ada\r\nBcc: other@example.com\u2028X\u0000\u202eY",
    message: "a\u0000b\u001bc\r\n.\r\nd\u202e\u0085e\tf",
  });
  assert.equal(name, "Ada Bcc: other@example.com X Y");
  assert.equal(message, "abc\n.\nde\tf");
  assert.doesNotMatch(composeMail({ ...valid, name }).subject, /[\r\n]/);
});

test("markup stays text", () => {
  const message = '<img src=x onerror="alert(1)"> & <b>bold</b>';
  assert.equal(read({ ...valid, message }).message, message);
  assert.ok(composeMail({ ...valid, message }).text.includes(message));
});

test("the id follows the content, not the way it was written", () => {
  const id = submissionId(valid);
  assert.match(id, /^[0-9a-f]{64}$/);
  assert.equal(submissionId(read({ ...valid, name: " Ada  Lovelace", email: "ADA@example.com" })), id);
  assert.notEqual(submissionId({ ...valid, message: "other" }), id);
  // The border between fields counts.
  assert.notEqual(
    submissionId({ ...valid, name: "ab", message: "c" }),
    submissionId({ ...valid, name: "a", message: "bc" }),
  );
});
