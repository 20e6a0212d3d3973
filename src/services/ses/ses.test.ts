import assert from "node:assert/strict";
import type { Readable } from "node:stream";
import { after, before, beforeEach, describe, test } from "node:test";
import fc from "fast-check";
import { AwsError } from "../../kernel/errors.ts";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import { decodeWords } from "../mail-common/addresses.ts";
import { createMailboxFront } from "../mail-common/mailbox.ts";
import { composeMime, headerOf, readMime } from "../mail-common/mime.ts";
import { KEPT_MAX, type RelayedMail } from "../mail-common/send.ts";
import { mailboxes, mailboxKey } from "../mail-common/state.ts";
import type { HttpRequest, InputOf } from "../service.ts";

const FROM = "shop@example.com";
let platform: TestPlatform;

const refused = (promise: Promise<unknown>, code: string, message?: string) =>
  assert.rejects(promise, (error: AwsError) => {
    assert.ok(error instanceof AwsError, String(error));
    assert.equal(error.code, code);
    if (message !== undefined) assert.equal(error.message, message);
    return true;
  });

async function mailbox(query = "", method = "GET", id?: string): Promise<any> {
  const request = { method, path: "", query, headers: {} } as unknown as HttpRequest;
  const response = await createMailboxFront(false).handle(platform.flow(), request, id === undefined ? {} : { id });
  if (method !== "GET" || id !== undefined) return response;
  return JSON.parse(
    Buffer.concat(await (response.body as Readable).map((part) => Buffer.from(part)).toArray()).toString(),
  ).messages;
}

const v1 = (input: Partial<InputOf<"ses", "SendEmail">> = {}) =>
  platform.call("ses", "SendEmail", {
    Source: FROM,
    Destination: { ToAddresses: ["ada@example.org"] },
    Message: { Subject: { Data: "Hello" }, Body: { Text: { Data: "plain" }, Html: { Data: "<b>rich</b>" } } },
    ...input,
  });
const v2 = (input: Partial<InputOf<"sesv2", "SendEmail">> = {}) =>
  platform.call("sesv2", "SendEmail", {
    FromEmailAddress: FROM,
    Destination: { ToAddresses: ["ada@example.org"] },
    Content: { Simple: { Subject: { Data: "Hello" }, Body: { Text: { Data: "plain" } } } },
    ...input,
  });

describe("sending", () => {
  before(async () => {
    platform = await openTestPlatform({ seed: 5, nowMs: Date.UTC(2026, 4, 1) });
    await platform.call("ses", "VerifyEmailIdentity", { EmailAddress: FROM });
  });
  beforeEach(() => mailbox("", "DELETE"));
  after(() => platform.close());

  test("a formatted mail is kept and listed", async () => {
    const { MessageId } = await v1({
      Source: `"The Shop" <${FROM}>`,
      Destination: { ToAddresses: ["Ada <ada@example.org>"], BccAddresses: ["secret@example.org"] },
      ReplyToAddresses: ["reply@example.com"],
      Tags: [{ Name: "kind", Value: "test" }],
    });
    assert.match(MessageId!, /^0100[0-9a-f]{12}-[0-9a-f-]{36}-000000$/);
    const [mail, ...more] = await mailbox();
    assert.equal(more.length, 0);
    assert.deepEqual(
      { ...mail, Headers: undefined },
      {
        Id: MessageId,
        Region: "us-east-1",
        Account: "000000000000",
        Timestamp: "2026-05-01T00:00:00.000Z",
        Source: `"The Shop" <${FROM}>`,
        Destination: {
          ToAddresses: ["Ada <ada@example.org>"],
          CcAddresses: [],
          BccAddresses: ["secret@example.org"],
        },
        Subject: "Hello",
        Body: { text_part: "plain", html_part: "<b>rich</b>" },
        Attachments: [],
        Headers: undefined,
        Tags: [{ Name: "kind", Value: "test" }],
      },
    );
    const headers = Object.fromEntries(mail.Headers.map(({ Name, Value }: any) => [Name, Value]));
    assert.equal(headers["Message-ID"], `<${MessageId}@email.amazonses.com>`);
    assert.equal(headers["Date"], "Fri, 01 May 2026 00:00:00 +0000");
    assert.equal(headers["Reply-To"], "reply@example.com");
    const { body } = await mailbox("", "GET", MessageId);
    assert.ok(!String(body).includes("secret@"));
    assert.equal((await mailbox(`id=${MessageId}`)).length, 1);
    assert.equal((await mailbox(`email=${FROM}`)).length, 1);
    assert.equal((await mailbox("email=other@example.com")).length, 0);
    assert.equal((await mailbox(`id=${MessageId}`, "DELETE")).status, 204);
    assert.equal((await mailbox()).length, 0);
  });

  test("header injection does no harm", async () => {
    await v1({
      Message: {
        Subject: { Data: "Hi\r\nBcc: victim@example.org\r\n\r\n<script>" },
        Body: { Text: { Data: "x\r\n.\r\nMAIL FROM:<a@b.c>" } },
      },
    });
    const [mail] = await mailbox();
    assert.deepEqual(mail.Headers.map(({ Name }: any) => Name.toLowerCase()).includes("bcc"), false);
    assert.equal(mail.Subject.replace(/\s+/g, " "), "Hi Bcc: victim@example.org <script>");
    assert.equal(mail.Body.text_part, "x\n.\nMAIL FROM:<a@b.c>");
    await refused(v1({ Source: `${FROM}\r\nBcc: victim@example.org` }), "InvalidParameterValue");
    await refused(v1({ Destination: { ToAddresses: ["a@example.org\r\nDATA"] } }), "InvalidParameterValue");
    await refused(
      v2({
        Content: {
          Simple: {
            Subject: { Data: "x" },
            Body: { Text: { Data: "x" } },
            Headers: [{ Name: "X-A", Value: "1\r\nBcc: a@b.c" }],
          },
        },
      }),
      "BadRequestException",
    );
    await refused(
      v2({
        Content: {
          Simple: { Subject: { Data: "x" }, Body: { Text: { Data: "x" } }, Headers: [{ Name: "Bcc", Value: "a@b.c" }] },
        },
      }),
      "BadRequestException",
    );
  });

  test("nobody sends from where it is not verified", async () => {
    const message =
      "Email address is not verified. The following identities failed the check in region US-EAST-1: x@example.net";
    await refused(v1({ Source: "x@example.net" }), "MessageRejected", message);
    await refused(v2({ FromEmailAddress: "x@example.net" }), "MessageRejected", message);
    await refused(v1({ ReturnPath: "x@example.net" }), "MessageRejected", message);
    await refused(
      platform.call("sesv2", "SendEmail", {
        FromEmailAddress: FROM,
        Destination: { ToAddresses: ["a@example.org"] },
        Content: { Raw: { Data: Buffer.from("From: x@example.net\r\n\r\nhi") } },
      }),
      "MessageRejected",
      message,
    );
    await refused(
      platform.call("ses", "SendRawEmail", {
        Destinations: ["a@example.org"],
        RawMessage: { Data: Buffer.from(`From: x@example.net, ${FROM}\r\n\r\nhi`) },
      }),
      "MessageRejected",
      message,
    );
    await platform.call("ses", "VerifyDomainIdentity", { Domain: "Example.NET" });
    await v1({ Source: "x@sub.example.net" });
    await platform.call("ses", "DeleteIdentity", { Identity: "example.net" });
    await refused(v1({ Source: "x@example.net" }), "MessageRejected");
  });

  test("recipients and parameters are checked in SES's words", async () => {
    const to = (ToAddresses: string[]) => ({ Destination: { ToAddresses } });
    await refused(v1(to(["ada"])), "InvalidParameterValue", "Missing final '@domain'");
    await refused(v2(to(["ada"])), "BadRequestException", "Missing final '@domain'");
    await refused(
      v1(to(["a da@example.org"])),
      "InvalidParameterValue",
      "Local address contains control or whitespace",
    );
    await refused(v1(to(["ada@"])), "InvalidParameterValue", "Missing domain");
    await refused(v1(to(["Doe, Jane <jane@example.org>"])), "InvalidParameterValue", "Missing final '@domain'");
    await refused(v1(to(["<a@example.org> <b@example.org>"])), "InvalidParameterValue", "Illegal address");
    await refused(v1(to(["ada@exa mple.org"])), "InvalidParameterValue", "Domain contains control or whitespace");
    await refused(v1(to([])), "InvalidParameterValue");
    const crowd = Array.from({ length: 51 }, (_, i) => `a${i}@example.org`);
    await refused(v1(to(crowd)), "InvalidParameterValue", "Recipient count exceeds 50.");
    await v1(to(crowd.slice(1)));
    await refused(v1({ ConfigurationSetName: "x" }), "NotImplemented");
    const big = { Subject: { Data: "x" }, Body: { Text: { Data: "x".repeat(10_500_000) } } };
    await refused(v1({ Message: big }), "InvalidParameterValue");
    assert.equal((await mailbox()).length, 1);
  });

  test("a large mail lies in a file, and is listed like any other", async () => {
    const text = "line of text, ünïcödé\n".repeat(3000);
    await v2({
      Content: {
        Simple: {
          Subject: { Data: "Größe" },
          Body: { Text: { Data: text } },
          Attachments: [
            { FileName: "naïve.bin", RawContent: Buffer.alloc(40_000, 7), ContentType: "application/x-thing" },
          ],
        },
      },
    });
    const [mail] = await mailbox();
    assert.equal(mail.Subject, "Größe");
    assert.equal(mail.Body.text_part, text);
    assert.deepEqual(mail.Attachments, [{ FileName: "naïve.bin", ContentType: "application/x-thing", Size: 40_000 }]);
  });

  test("the mailbox keeps the latest", async () => {
    await v1({ ReplyToAddresses: ["first@example.org"] });
    const text = "x".repeat(30_000);
    await v1({ Message: { Subject: { Data: "large" }, Body: { Text: { Data: text } } } });
    await platform.core.store.write((tx) => {
      const { next } = mailboxes.get(tx, mailboxKey)!;
      mailboxes.put(tx, mailboxKey, { kept: KEPT_MAX - 1, next });
    });
    const subjects = async () => (await mailbox()).map(({ Subject }: any) => Subject);
    await v1();
    assert.deepEqual(await subjects(), ["Hello", "large", "Hello"]);
    await v1();
    assert.deepEqual(await subjects(), ["large", "Hello", "Hello"]);
    await v1();
    assert.deepEqual(await subjects(), ["Hello", "Hello", "Hello"]);
    await platform.core.store.write((tx) => {
      const { next } = mailboxes.get(tx, mailboxKey)!;
      mailboxes.put(tx, mailboxKey, { kept: 3, next });
    });
    await mailbox("", "DELETE");
    const { kept } = (await platform.core.store.write((tx) => mailboxes.get(tx, mailboxKey)))!;
    assert.equal(kept, 0);
  });

  test("raw mail goes to whom its headers or its destinations name", async () => {
    const data = Buffer.from(
      [
        `From: Shop <${FROM}>`,
        "To: =?UTF-8?Q?Zo=C3=AB?= <zoe@example.org>,",
        " bob@example.org",
        "Bcc: hidden@example.org",
        "Subject: =?utf-8?B?R3LDvMOfZQ==?=",
        "MIME-Version: 1.0",
        'Content-Type: multipart/mixed; boundary="b1"',
        "",
        "--b1",
        "Content-Type: text/plain; charset=iso-8859-1",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "Gr=FC=DFe=",
        " aus",
        "--b1",
        "Content-Type: application/pdf; name=x.pdf",
        "Content-Transfer-Encoding: base64",
        "Content-Disposition: attachment; filename*=UTF-8''na%C3%AFve.pdf",
        "",
        "AAEC",
        "--b1--",
        "",
      ].join("\r\n"),
    );
    await platform.call("ses", "SendRawEmail", { RawMessage: { Data: data } });
    const [mail] = await mailbox();
    assert.deepEqual(mail.Destination, {
      ToAddresses: ['"Zoë" <zoe@example.org>', "bob@example.org"],
      CcAddresses: [],
      BccAddresses: ["hidden@example.org"],
    });
    assert.equal(mail.Subject, "Grüße");
    assert.equal(mail.Body.text_part, "Grüße aus");
    assert.deepEqual(mail.Attachments, [{ FileName: "naïve.pdf", ContentType: "application/pdf", Size: 3 }]);
    assert.equal(mail.RawData, data.toString());
    await platform.call("ses", "SendRawEmail", { Destinations: ["only@example.org"], RawMessage: { Data: data } });
    const listed = await mailbox();
    assert.deepEqual(listed[1].Destination, { ToAddresses: [], CcAddresses: [], BccAddresses: ["only@example.org"] });
    const raw = (text: string) => platform.call("ses", "SendRawEmail", { RawMessage: { Data: Buffer.from(text) } });
    await refused(raw("Subject: x\r\n\r\nbody"), "InvalidParameterValue", "Missing required header 'From'.");
    await refused(raw("<html>: x\r\n\r\n"), "InvalidParameterValue");
    await refused(raw("no header here\r\n\r\n"), "InvalidParameterValue", "Illegal header 'no header here'.");
    await refused(raw(`From: ${FROM}\r\nX-SES-CONFIGURATION-SET: x\r\nTo: a@b.c\r\n\r\n`), "NotImplemented");
  });
});

describe("templates", () => {
  before(async () => {
    platform = await openTestPlatform({ seed: 6, nowMs: Date.UTC(2026, 4, 1) });
    await platform.call("ses", "VerifyEmailIdentity", { EmailAddress: FROM });
  });
  after(() => platform.close());
  const Template = {
    TemplateName: "hello",
    SubjectPart: "Hi {{name}}",
    TextPart: "Dear {{name}}",
    HtmlPart: "<i>{{name}}</i>",
  };

  test("are one and the same in both APIs", async () => {
    await platform.call("ses", "CreateTemplate", { Template });
    await refused(
      platform.call("ses", "CreateTemplate", { Template }),
      "AlreadyExists",
      "Template hello already exists",
    );
    const TemplateContent = { Subject: "x", Text: "y" };
    await refused(
      platform.call("sesv2", "CreateEmailTemplate", { TemplateName: "hello", TemplateContent }),
      "AlreadyExistsException",
    );
    const { TemplateContent: content } = await platform.call("sesv2", "GetEmailTemplate", { TemplateName: "hello" });
    assert.deepEqual(content, { Subject: Template.SubjectPart, Text: Template.TextPart, Html: Template.HtmlPart });
    await refused(
      platform.call("ses", "GetTemplate", { TemplateName: "x" }),
      "TemplateDoesNotExist",
      "Template x does not exist",
    );
    await refused(
      platform.call("sesv2", "DeleteEmailTemplate", { TemplateName: "x" }),
      "NotFoundException",
      "Template x does not exist",
    );
    await refused(
      platform.call("ses", "CreateTemplate", {
        Template: { TemplateName: "bad", SubjectPart: "{{#if x}}", TextPart: "y" },
      }),
      "InvalidTemplate",
    );
    for (let i = 0; i < 3; i++) {
      await platform.call("sesv2", "CreateEmailTemplate", { TemplateName: `t${i}`, TemplateContent });
    }
    const first = await platform.call("ses", "ListTemplates", { MaxItems: 2 });
    const second = await platform.call("ses", "ListTemplates", { MaxItems: 2, NextToken: first.NextToken });
    const names = [...first.TemplatesMetadata!, ...second.TemplatesMetadata!].map(({ Name }) => Name);
    assert.deepEqual([names, second.NextToken], [["hello", "t0", "t1", "t2"], undefined]);
  });

  test("are rendered, sent, and tried", async () => {
    await mailbox("", "DELETE");
    const Destination = { ToAddresses: ["ada@example.org"] };
    const send = (TemplateData: string) =>
      platform.call("ses", "SendTemplatedEmail", { Source: FROM, Destination, Template: "hello", TemplateData });
    await send('{"name":"<Ada>"}');
    await platform.call("sesv2", "SendEmail", {
      FromEmailAddress: FROM,
      Destination,
      Content: { Template: { TemplateName: "hello", TemplateData: '{"name":"Bob"}' } },
    });
    const listed = await mailbox();
    assert.deepEqual(
      listed.map(({ Subject, Body }: any) => [Subject, Body.text_part, Body.html_part]),
      [
        ["Hi <Ada>", "Dear <Ada>", "<i><Ada></i>"],
        ["Hi Bob", "Dear Bob", "<i>Bob</i>"],
      ],
    );
    await refused(send("no json"), "InvalidRenderingParameter");
    const accepted = await send("{}");
    assert.ok(accepted.MessageId);
    assert.equal((await mailbox()).length, 2);
    const test = (TemplateData: string) =>
      platform.call("ses", "TestRenderTemplate", { TemplateName: "hello", TemplateData });
    assert.match((await test('{"name":"Zoë"}')).RenderedTemplate!, /Dear Zo=C3=AB/);
    await refused(test("{}"), "MissingRenderingAttribute", "Attribute 'name' is not present in the rendering data.");
  });

  test("bulk: each destination has an outcome of its own", async () => {
    await mailbox("", "DELETE");
    const { Status } = await platform.call("ses", "SendBulkTemplatedEmail", {
      Source: FROM,
      Template: "hello",
      DefaultTemplateData: '{"name":"you"}',
      Destinations: [
        { Destination: { ToAddresses: ["a@example.org"] }, ReplacementTemplateData: '{"name":"A"}' },
        { Destination: { ToAddresses: ["broken"] } },
        { Destination: { ToAddresses: ["b@example.org"] } },
      ],
    });
    assert.deepEqual(
      Status!.map((one) => one.Status),
      ["Success", "InvalidParameterValue", "Success"],
    );
    assert.deepEqual(
      (await mailbox()).map(({ Subject }: any) => Subject),
      ["Hi A", "Hi you"],
    );
    const { BulkEmailEntryResults } = await platform.call("sesv2", "SendBulkEmail", {
      FromEmailAddress: "nobody@example.net",
      DefaultContent: { Template: { TemplateName: "hello", TemplateData: '{"name":"x"}' } },
      BulkEmailEntries: [{ Destination: { ToAddresses: ["a@example.org"] } }],
    });
    assert.equal(BulkEmailEntryResults![0]!.Status, "MESSAGE_REJECTED");
  });
});

describe("identities", () => {
  before(async () => {
    platform = await openTestPlatform({ seed: 8 });
  });
  after(() => platform.close());

  test("are one and the same in both APIs, and verified at once", async () => {
    await platform.call("sesv2", "CreateEmailIdentity", { EmailIdentity: FROM, Tags: [{ Key: "a", Value: "b" }] });
    await refused(
      platform.call("sesv2", "CreateEmailIdentity", { EmailIdentity: FROM }),
      "AlreadyExistsException",
      `Email identity ${FROM} already exist.`,
    );
    await platform.call("ses", "VerifyEmailIdentity", { EmailAddress: FROM });
    const { VerificationToken } = await platform.call("ses", "VerifyDomainIdentity", { Domain: "example.com" });
    const again = await platform.call("ses", "VerifyDomainIdentity", { Domain: "example.com" });
    assert.equal(again.VerificationToken, VerificationToken);
    assert.deepEqual((await platform.call("ses", "ListIdentities", { IdentityType: "Domain" })).Identities, [
      "example.com",
    ]);
    const attributes = await platform.call("ses", "GetIdentityVerificationAttributes", {
      Identities: [FROM, "example.com", "gone.example"],
    });
    assert.deepEqual(attributes.VerificationAttributes, {
      [FROM]: { VerificationStatus: "Success" },
      "example.com": { VerificationStatus: "Success", VerificationToken },
    });
    const identity = await platform.call("sesv2", "GetEmailIdentity", { EmailIdentity: FROM });
    assert.deepEqual(
      [identity.IdentityType, identity.VerifiedForSendingStatus, identity.Tags],
      ["EMAIL_ADDRESS", true, [{ Key: "a", Value: "b" }]],
    );
    const ResourceArn = "arn:aws:ses:us-east-1:000000000000:identity/shop@example.com";
    await platform.call("sesv2", "TagResource", { ResourceArn, Tags: [{ Key: "c", Value: "d" }] });
    await platform.call("sesv2", "UntagResource", { ResourceArn, TagKeys: ["a"] });
    assert.deepEqual((await platform.call("sesv2", "ListTagsForResource", { ResourceArn })).Tags, [
      { Key: "c", Value: "d" },
    ]);
    assert.equal((await platform.call("sesv2", "ListEmailIdentities", {})).EmailIdentities!.length, 2);
    await platform.call("sesv2", "DeleteEmailIdentity", { EmailIdentity: FROM });
    await refused(
      platform.call("sesv2", "GetEmailIdentity", { EmailIdentity: FROM }),
      "NotFoundException",
      `Email identity ${FROM} does not exist.`,
    );
    await refused(
      platform.call("ses", "VerifyEmailIdentity", { EmailAddress: "x" }),
      "InvalidParameterValue",
      "Invalid email address<x>.",
    );
  });

  test("quota and statistics count recipients", async () => {
    await v1();
    await platform.advance(3_600_000);
    await v1({ Destination: { ToAddresses: ["a@example.org", "b@example.org"] } });
    const quota = await platform.call("ses", "GetSendQuota", {});
    assert.equal(quota.SentLast24Hours, 3);
    const { SendDataPoints } = await platform.call("ses", "GetSendStatistics", {});
    assert.deepEqual(
      SendDataPoints!.map(({ DeliveryAttempts }) => DeliveryAttempts),
      [1, 2],
    );
    await platform.advance(24.5 * 3_600_000);
    assert.equal((await platform.call("sesv2", "GetAccount", {})).SendQuota!.SentLast24Hours, 0);
  });
});

test("the relay gets each mail, and again while it fails", async () => {
  const sent: RelayedMail[] = [];
  let failures = 2;
  platform = await openTestPlatform({
    seed: 9,
    ports: {
      relay: async (mail) => {
        if (failures-- > 0) throw new Error("connection refused");
        sent.push(mail);
      },
    },
  });
  await platform.call("ses", "VerifyEmailIdentity", { EmailAddress: FROM });
  const { MessageId } = await v1({
    ReturnPath: FROM,
    Destination: { ToAddresses: ["a@example.org"], BccAddresses: ["A <b@example.org>"] },
  });
  await platform.advance(3_600_000);
  assert.deepEqual(
    sent.map(({ id, from, to }) => ({ id, from, to })),
    [{ id: MessageId, from: FROM, to: ["a@example.org", "b@example.org"] }],
  );
  assert.ok(!sent[0]!.mime.includes("b@example.org"));
  const Data = Buffer.from(`From: ${FROM}\nTo: a@example.org\nBcc: b@example.org\nMessage-ID: <mine>\n\nbody\n`);
  const raw = await platform.call("sesv2", "SendEmail", { Content: { Raw: { Data } } });
  await platform.advance(1000);
  assert.equal(
    sent[1]!.mime.toString(),
    `Message-ID: <${raw.MessageId}@email.amazonses.com>\r\nDate: Thu, 01 Jan 2026 01:00:00 +0000\r\nFrom: ${FROM}\r\nTo: a@example.org\r\n\r\nbody\n`,
  );
  assert.deepEqual(sent[1]!.to, ["a@example.org", "b@example.org"]);
  await platform.close();
});

test("what is composed is read back as it was", async () => {
  const text = fc.string({ unit: "grapheme", maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(text, text, text, async (subject, plain, html) => {
      const mime = await composeMime({
        from: "a@example.com",
        to: ["b@example.com"],
        cc: [],
        replyTo: [],
        subject,
        text: plain,
        html,
        headers: [],
        attachments: [],
        messageId: "<1@x>",
        dateMs: 0,
      });
      const read = readMime(mime);
      const lines = (value: string) => value.replace(/\r\n?/g, "\n").replace(/\n$/, "");
      assert.equal(lines(read.text ?? ""), lines(plain));
      assert.equal(lines(read.html ?? ""), lines(html));
      const given = decodeWords(headerOf(read.headers, "subject") ?? "");
      assert.equal(given.replace(/\s+/g, " ").trim(), subject.replace(/\s+/g, " ").trim());
    }),
    { numRuns: 150, seed: 42 },
  );
});
