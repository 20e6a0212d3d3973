/**
 * The first key. Where only signed requests of known keys are taken, somebody must be known: the root of the account, whose key lies in the data
 * folder, readable by its owner alone, in the format of `~/.aws/credentials`.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { iamId, mixedId } from "../kernel/ids.ts";
import { SystemRandom } from "../kernel/random.ts";
import { Failure } from "./failure.ts";

export interface RootKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const SECRET_LENGTH = 40;

export const rootKeyFile = (dataDirectory: string): string => join(dataDirectory, "credentials");

export function createRootKey(): RootKey {
  const random = new SystemRandom();
  return { accessKeyId: iamId(random, "AKIA"), secretAccessKey: mixedId(random, SECRET_LENGTH) };
}

/** Reads the key of a data folder, or makes it. @throws Failure when the file is there and holds none */
export function keptRootKey(dataDirectory: string): RootKey {
  const file = rootKeyFile(dataDirectory);
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  const key = createRootKey();
  const text = `[default]\naws_access_key_id = ${key.accessKeyId}\naws_secret_access_key = ${key.secretAccessKey}\n`;
  try {
    writeFileSync(file, text, { mode: 0o600, flag: "wx" });
    return key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const kept = readKey(file);
  if (!kept) throw new Failure(`${file} holds no key.`, "Remove it, and a new one is made at the next start.");
  return kept;
}

/** The default profile's key in a credentials file. */
export function readKey(file: string): RootKey | undefined {
  const text = readFileSync(file, "utf8");
  const profile = /^\s*\[default\]\s*$([^[]*)/m.exec(text)?.[1] ?? "";
  const accessKeyId = /^\s*aws_access_key_id\s*=\s*(\S+)/m.exec(profile)?.[1];
  const secretAccessKey = /^\s*aws_secret_access_key\s*=\s*(\S+)/m.exec(profile)?.[1];
  return accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : undefined;
}
