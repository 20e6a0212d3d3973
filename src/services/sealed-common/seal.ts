/**
 * Secrets as they lie on disk: AES-256-GCM under a key of the account and Region, which lies in the same store. That keeps them out of sight, out
 * of logs and dumps of records; whoever has the whole data directory has the key too.
 *
 *     ("sealed", account, region) → Key
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import type { Random } from "../../kernel/random.ts";
import { key } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";
import type { Transaction } from "../../storage/transaction.ts";

interface Where {
  readonly accountId: string;
  readonly region: string;
}

const Keys = defineRecord<{ readonly bytes: Uint8Array }>("sealed.Key", 1);
const keyKey = ({ accountId, region }: Where) => key("sealed", accountId, region);

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

function keyOf(tx: Transaction, at: Where, random: Random): Uint8Array {
  const known = Keys.get(tx, keyKey(at));
  if (known) return known.bytes;
  const bytes = random.bytes(KEY_BYTES);
  Keys.put(tx, keyKey(at), { bytes });
  return bytes;
}

/** @returns base64 */
export function seal(tx: Transaction, at: Where, random: Random, plain: string | Uint8Array): string {
  const nonce = random.bytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(tx, at, random), nonce);
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString("base64");
}

/** What {@link seal} made, opened by whoever is in the same account and Region. */
export function unseal(tx: Transaction, at: Where, sealed: string): Buffer {
  const bytes = Buffer.from(sealed, "base64");
  const decipher = createDecipheriv(CIPHER, Keys.get(tx, keyKey(at))!.bytes, bytes.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
}
