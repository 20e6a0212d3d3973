/**
 * Signatures of what SNS sends, and the certificate by which receivers verify them, served at `/_aws/sns/SimpleNotificationService-ID.pem`.
 *
 * @see https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
 */
import { createHash, createPrivateKey, type KeyObject, sign } from "node:crypto";
import { assert } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { HttpFront, OperationContext } from "../service.ts";
import { selfSignedCertificate } from "./certificate.ts";
import { SigningKeys, signingKey } from "./state.ts";

/** Makes an RSA key; chance is the machine's affair. */
export type MakeKeyPair = () => { readonly privateKey: KeyObject; readonly publicKey: KeyObject };

const DAY_MS = 24 * 3_600_000;
const VALID_MS = 20 * 365 * DAY_MS;

/** Makes the key that signs everything, unless there is one. */
export function ensureSigningKey(tx: Transaction, context: OperationContext, makeKeyPair: MakeKeyPair): void {
  if (SigningKeys.read(tx, signingKey)) return;
  const { privateKey, publicKey } = makeKeyPair();
  const certificate = selfSignedCertificate({
    name: "sns.amazonaws.com",
    privateKey,
    publicKey: publicKey.export({ type: "spki", format: "der" }),
    serial: Buffer.from([1, ...context.random.bytes(15)]),
    fromMs: context.nowMs - DAY_MS,
    untilMs: context.nowMs + VALID_MS,
  });
  SigningKeys.put(tx, signingKey, {
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    certificate,
    id: createHash("sha256").update(certificate).digest("hex").slice(0, 32),
  });
}

/** Fields that are signed, in this order, as far as a message has them. */
const NOTIFICATION = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"] as const;
const CONFIRMATION = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"] as const;

type Fields = Readonly<Record<string, string | undefined>>;

/** What is signed: names and values, each on a line. */
export function canonicalText(fields: Fields): string {
  const names = fields["Type"] === "Notification" ? NOTIFICATION : CONFIRMATION;
  return names
    .filter((name) => fields[name] !== undefined)
    .map((name) => `${name}\n${fields[name]}\n`)
    .join("");
}

export interface Signature {
  readonly SignatureVersion: "1" | "2";
  readonly Signature: string;
  readonly SigningCertURL: string;
}

/** The key as OpenSSL holds it: reading PEM costs as much as signing. */
let held: { readonly pem: string; readonly key: KeyObject } | undefined;

/** Version 1 is SHA-1 with RSA, version 2 SHA-256 with RSA. */
export function signatureOf(tx: Transaction, endpoint: string, version: "1" | "2", fields: Fields): Signature {
  const stored = SigningKeys.read(tx, signingKey);
  assert(stored, "the signing key is there before the first topic");
  if (held?.pem !== stored.privateKey) held = { pem: stored.privateKey, key: createPrivateKey(stored.privateKey) };
  const text = Buffer.from(canonicalText(fields));
  return {
    SignatureVersion: version,
    Signature: sign(version === "1" ? "sha1" : "sha256", text, held.key).toString("base64"),
    SigningCertURL: `${endpoint}/_aws/sns/SimpleNotificationService-${stored.id}.pem`,
  };
}

export const certificateFront: HttpFront = {
  name: "sns-certificate",
  method: /^(GET|HEAD)$/,
  path: /^\/_aws\/sns\/SimpleNotificationService-(?<id>[0-9a-f]+)\.pem$/,
  async handle(flow, _request, groups) {
    const key = await flow.write((tx) => SigningKeys.read(tx, signingKey));
    if (!key || key.id !== groups["id"]) {
      return { status: 404, headers: { "content-type": "text/plain" }, body: "There is no such certificate.\n" };
    }
    return { status: 200, headers: { "content-type": "application/x-pem-file" }, body: key.certificate };
  },
};
