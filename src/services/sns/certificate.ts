/**
 * A self-signed X.509 certificate around an RSA key, written in DER by hand: Node reads certificates and does not make them.
 *
 * @see https://www.rfc-editor.org/rfc/rfc5280#section-4.1
 */
import { type KeyObject, sign } from "node:crypto";

const element = (tag: number, ...contents: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOf(body.length), body]);
};

function lengthOf(bytes: number): Buffer {
  if (bytes < 0x80) return Buffer.from([bytes]);
  const digits: number[] = [];
  for (let left = bytes; left > 0; left >>= 8) digits.unshift(left & 0xff);
  return Buffer.from([0x80 | digits.length, ...digits]);
}

const sequence = (...contents: readonly Uint8Array[]) => element(0x30, ...contents);
const set = (...contents: readonly Uint8Array[]) => element(0x31, ...contents);
const integer = (bytes: Uint8Array) => element(0x02, bytes[0]! & 0x80 ? Buffer.from([0, ...bytes]) : bytes);
const bitString = (bytes: Uint8Array) => element(0x03, Buffer.from([0]), bytes);
const NULL = Buffer.from([0x05, 0x00]);
/** 1.2.840.113549.1.1.11: sha256WithRSAEncryption. */
const SHA256_RSA = sequence(element(0x06, Buffer.from("2a864886f70d01010b", "hex")), NULL);
/** 2.5.4.3: commonName. */
const COMMON_NAME = element(0x06, Buffer.from("550403", "hex"));

/** `20260101000000Z` */
const time = (ms: number): Buffer =>
  element(
    0x18,
    Buffer.from(
      `${new Date(ms)
        .toISOString()
        .replace(/\.\d+Z$/, "")
        .replace(/[-:T]/g, "")}Z`,
    ),
  );

/** @returns PEM */
export function selfSignedCertificate(options: {
  readonly name: string;
  readonly privateKey: KeyObject;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly serial: Uint8Array;
  readonly fromMs: number;
  readonly untilMs: number;
}): string {
  const name = sequence(set(sequence(COMMON_NAME, element(0x0c, Buffer.from(options.name)))));
  const body = sequence(
    element(0xa0, integer(Buffer.from([2]))),
    integer(options.serial),
    SHA256_RSA,
    name,
    sequence(time(options.fromMs), time(options.untilMs)),
    name,
    options.publicKey,
  );
  const der = sequence(body, SHA256_RSA, bitString(sign("sha256", body, options.privateKey)));
  const lines = der.toString("base64").match(/.{1,64}/g)!;
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
