/**
 * The mailbox at `/_aws/ses`: every mail that was accepted, as JSON, in the form that existing local tools read.
 *
 *     GET    /_aws/ses                 { "messages": [ … ] }, oldest first
 *     GET    /_aws/ses?id=…            one of them
 *     GET    /_aws/ses?email=…         those from this address
 *     GET    /_aws/ses/ID              the message itself, as message/rfc822
 *     DELETE /_aws/ses, …?id=…         empties the mailbox, or takes one mail out
 */
import { Readable } from "node:stream";
import type { FlowContext, HttpFront, HttpRequest, HttpResponse } from "../service.ts";
import { decodeWords, parseMailbox } from "./addresses.ts";
import { headerOf, readMime } from "./mime.ts";
import { findMail, forgetMail, readMail } from "./send.ts";
import { mailKeys, mails, type StoredMail } from "./state.ts";

/** Mails taken out of the mailbox in one transaction. */
const DELETE_MAX = 1000;

/** @param authRequired then mail is shown to callers who signed, and only their own account's */
export function createMailboxFront(authRequired: boolean): HttpFront {
  return {
    name: "ses-mailbox",
    path: /^\/_aws\/ses(?:\/(?<id>[0-9a-f-]+))?\/?$/,
    handle: (flow, request, groups) => answer(flow, request, groups["id"], authRequired),
  };
}

async function answer(
  flow: FlowContext,
  request: HttpRequest,
  id: string | undefined,
  authRequired: boolean,
): Promise<HttpResponse> {
  if (authRequired && flow.principal.type === "anonymous") {
    return {
      status: 403,
      headers: { "content-type": "text/plain" },
      body: "Sign this request with a key of the account.\n",
    };
  }
  const visible = (mail: StoredMail) => !authRequired || mail.accountId === flow.accountId;
  if (request.method === "DELETE") return remove(flow, (await select(flow, request)).filter(visible));
  if (request.method !== "GET" && request.method !== "HEAD") {
    return { status: 405, headers: { allow: "GET, HEAD, DELETE", "content-type": "text/plain" }, body: "" };
  }
  if (id !== undefined) return show(flow, id, visible);
  const wanted = (await select(flow, request)).filter(visible);
  const headers = { "content-type": "application/json", "cache-control": "no-store" };
  return { status: 200, headers, body: Readable.from(listing(flow, wanted)) };
}

/** One mail in memory at a time: a mailbox may hold more than fits. */
async function* listing(flow: FlowContext, wanted: readonly StoredMail[]): AsyncGenerator<string> {
  let before = '{"messages":[';
  for (const mail of wanted) {
    // Between selecting and reading, somebody may have taken it out.
    const mime = await readMail(flow, mail).catch((error) => {
      if (error.code !== "ENOENT") throw error;
    });
    if (!mime) continue;
    yield before + JSON.stringify(describe(mail, mime));
    before = ",";
  }
  yield before === "," ? "]}" : `${before}]}`;
}

async function select(flow: FlowContext, request: HttpRequest): Promise<StoredMail[]> {
  const query = new URLSearchParams(request.query);
  const id = query.get("id");
  const email = query.get("email");
  const found = await flow.write((tx) => {
    if (id !== null) return [findMail(tx, id)].filter((mail) => mail !== undefined);
    const { start, end } = mailKeys();
    return Array.from(mails.range(tx, start, end), ([, mail]) => mail);
  });
  return found.filter((mail) => email === null || parseMailbox(mail.source).address === email || mail.source === email);
}

async function show(flow: FlowContext, id: string, visible: (mail: StoredMail) => boolean): Promise<HttpResponse> {
  const mail = await flow.write((tx) => findMail(tx, id));
  if (!mail || !visible(mail))
    return { status: 404, headers: { "content-type": "text/plain" }, body: `There is no mail ${id}.\n` };
  const headers = {
    "content-type": "message/rfc822",
    "content-disposition": `attachment; filename="${id}.eml"`,
    "x-content-type-options": "nosniff",
  };
  return { status: 200, headers, body: await readMail(flow, mail) };
}

async function remove(flow: FlowContext, mailsToGo: readonly StoredMail[]): Promise<HttpResponse> {
  for (let at = 0; at < mailsToGo.length; at += DELETE_MAX) {
    await flow.write((tx) => {
      for (const { id } of mailsToGo.slice(at, at + DELETE_MAX)) {
        const mail = findMail(tx, id);
        if (mail) forgetMail(tx, mail);
      }
    });
  }
  return { status: 204, headers: {} };
}

function describe(mail: StoredMail, mime: Buffer) {
  const read = readMime(mime);
  const shown = (part: string | undefined) => (mail.unterminated ? part?.replace(/\n$/, "") : part) ?? null;
  return {
    Id: mail.id,
    Region: mail.region,
    Account: mail.accountId,
    Timestamp: new Date(mail.createdMs).toISOString(),
    Source: mail.source,
    Destination: {
      ToAddresses: mail.destination.to,
      CcAddresses: mail.destination.cc,
      BccAddresses: mail.destination.bcc,
    },
    Subject: decodeWords(headerOf(read.headers, "subject") ?? ""),
    Body: { text_part: shown(read.text), html_part: shown(read.html) },
    Attachments: read.attachments.map(({ fileName, contentType, bytes }) => ({
      FileName: fileName ?? null,
      ContentType: contentType,
      Size: bytes,
    })),
    Headers: read.headers.map(({ name, value }) => ({ Name: name, Value: decodeWords(value) })),
    Tags: mail.tags,
    ...(mail.raw ? { RawData: mime.toString("utf8") } : {}),
  };
}
