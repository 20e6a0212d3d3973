/** What a visitor may send, and what becomes of it: pure rules, without AWS. */
import { createHash } from "node:crypto";
import { domainToASCII } from "node:url";

export interface Submission {
  readonly name: string;
  readonly email: string;
  readonly message: string;
}

/** In UTF-16 units, as the form's maxlength counts them. */
export const NAME_LENGTH_MAX = 100;
/** RFC 5321 §4.5.3.1: a path of 256 octets, its angle brackets included. */
export const EMAIL_LENGTH_MAX = 254;
export const MESSAGE_LENGTH_MAX = 5_000;

/** The message can never be processed, however often it is tried. */
export class InvalidSubmission extends Error {
  override readonly name = "InvalidSubmission";
}

/** The control characters of C0 and C1, line and paragraph separators, and what changes the direction of text around it. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;
/** The same without tab and line feed. */
const CONTROL_IN_TEXT =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** Dot-atom of RFC 5321: no quotes, no comments. ASCII, because SES sends to no other local parts. */
const LOCAL = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/i;
const LOCAL_LENGTH_MAX = 64;
/** Labels with at least one dot between them; no address literals. */
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/i;

/**
 * Reads the body that the form posted.
 * @throws InvalidSubmission naming what is wrong, without repeating what was sent
 */
export function readSubmission(body: string): Submission {
  let fields: unknown;
  try {
    fields = JSON.parse(body);
  } catch {
    throw new InvalidSubmission("The body is not JSON");
  }
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
    throw new InvalidSubmission("The body is not an object");
  }
  const { name, email, message } = fields as Record<string, unknown>;
  return {
    name: oneLine("name", name, NAME_LENGTH_MAX),
    email: address(email),
    message: text("message", message, MESSAGE_LENGTH_MAX),
  };
}

/** The same for the same submission, whoever delivers it and however often. */
export function submissionId({ name, email, message }: Submission): string {
  return createHash("sha256")
    .update(JSON.stringify([name, email.toLowerCase(), message]))
    .digest("hex");
}

export interface Mail {
  readonly subject: string;
  readonly replyTo: string;
  readonly text: string;
}

/** Plain text on purpose: what a visitor wrote is never markup. */
export function composeMail({ name, email, message }: Submission): Mail {
  return {
    subject: `Message from ${name}`,
    replyTo: email,
    text: `${name} <${email}> wrote:\n\n${message}\n`,
  };
}

/** A single line: control characters become spaces, runs of spaces one. */
function oneLine(field: string, value: unknown, lengthMax: number): string {
  const line = string(field, value).normalize("NFC").replace(CONTROL, " ").replace(/\s+/g, " ").trim();
  return bounded(field, line, lengthMax);
}

/** Several lines: ends of line become line feeds, other control characters vanish. */
function text(field: string, value: unknown, lengthMax: number): string {
  const lines = string(field, value).normalize("NFC").replace(/\r\n?/g, "\n").replace(CONTROL_IN_TEXT, "").trim();
  return bounded(field, lines, lengthMax);
}

/** An address is taken as it is or not at all: a corrected one would be somebody else's. A domain in other scripts is written in ASCII. */
function address(value: unknown): string {
  const trimmed = string("email", value).trim();
  const at = trimmed.lastIndexOf("@");
  const local = trimmed.slice(0, Math.max(at, 0));
  const written = trimmed.slice(at + 1);
  // The conversion would also drop what does not belong into a host name, such as line breaks: those are not handed to it.
  const domain = /^[a-z0-9.\u00a1-\uffff-]*$/i.test(written) ? domainToASCII(written) : "";
  if (!LOCAL.test(local) || local.length > LOCAL_LENGTH_MAX || !DOMAIN.test(domain)) {
    throw new InvalidSubmission("email is not an address");
  }
  return bounded("email", `${local}@${domain}`, EMAIL_LENGTH_MAX);
}

function string(field: string, value: unknown): string {
  if (typeof value !== "string") throw new InvalidSubmission(`${field} is not a string`);
  if (!value.isWellFormed()) throw new InvalidSubmission(`${field} is not well-formed text`);
  return value;
}

function bounded(field: string, value: string, lengthMax: number): string {
  if (value === "") throw new InvalidSubmission(`${field} is empty`);
  if (value.length > lengthMax) throw new InvalidSubmission(`${field} is longer than ${lengthMax} characters`);
  return value;
}
