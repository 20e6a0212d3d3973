/**
 * The data directory: who holds it, whether this Virga can read it, and where things lie in it.
 *
 *     DIRECTORY/lock         the process that has it open
 *     DIRECTORY/virga.json   the format, readable by people
 *     DIRECTORY/data.mdb     the store
 *     DIRECTORY/blobs/       bodies
 *     DIRECTORY/functions/   unpacked code
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { lockDirectory } from "../storage/lock.ts";

/** Raised when an older Virga could not read what this one writes. */
export const FORMAT = 1;

export class DataRefused extends Error {
  override readonly name = "DataRefused";
}

export interface DataDirectory {
  readonly path: string;
  readonly storePath: string;
  readonly blobsPath: string;
  readonly functionsPath: string;
  unlock(): void;
}

/**
 * Opens a data directory, making it when it is missing. Changes nothing in one it refuses.
 * @throws DirectoryLocked when another process has it, DataRefused when it is newer, damaged or not Virga's
 */
export function openDirectory(path: string): DataDirectory {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const unlock = lockDirectory(path);
  try {
    const facts = join(path, "virga.json");
    const storePath = join(path, "data.mdb");
    if (existsSync(facts)) checkFormat(path, facts);
    else if (existsSync(storePath))
      throw new DataRefused(
        `${facts} is missing, but ${storePath} is there. Restore it from a copy, or choose another folder with --data.`,
      );
    if (existsSync(storePath)) checkStore(storePath);
    if (!existsSync(facts)) writeFormat(path, facts);
    return { path, storePath, blobsPath: join(path, "blobs"), functionsPath: join(path, "functions"), unlock };
  } catch (error) {
    unlock();
    throw error;
  }
}

function checkFormat(path: string, facts: string): void {
  let format: unknown;
  try {
    format = JSON.parse(readFileSync(facts, "utf8")).format;
  } catch {
    throw new DataRefused(
      `${facts} cannot be read: it is damaged. Restore it from a copy, or choose another folder with --data.`,
    );
  }
  if (typeof format !== "number")
    throw new DataRefused(`${facts} names no format: ${path} is not a Virga data folder. Choose another with --data.`);
  if (format > FORMAT) {
    throw new DataRefused(
      `The data in ${path} has format ${format}, written by a newer Virga; this one reads up to ${FORMAT}. Update Virga, or choose another folder with --data.`,
    );
  }
}

function writeFormat(path: string, facts: string): void {
  const temporary = `${facts}.new`;
  writeFileSync(temporary, `${JSON.stringify({ product: "virga", format: FORMAT })}\n`, { mode: 0o600 });
  const file = openSync(temporary, "r");
  fsyncSync(file);
  closeSync(file);
  renameSync(temporary, facts);
  const folder = openSync(path, "r");
  fsyncSync(folder);
  closeSync(folder);
}

/** LMDB's two meta pages each carry this at byte 24 of the page (after the page header), the format's version after it, and the last page's number. */
const MAGIC = 0xbeefc0de;
const META_MAGIC_AT = 24;
const META_PAGE_SIZE_AT = META_MAGIC_AT + 24;
const META_LAST_PAGE_AT = META_MAGIC_AT + 24 + 2 * 48;

/**
 * LMDB maps its file: opening one that is not LMDB's, or that was cut off, would crash the process instead of failing. So look first.
 */
function checkStore(path: string): void {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    if (size === 0) return;
    const head = Buffer.alloc(4096);
    const damaged = (what: string) =>
      new DataRefused(
        `${path} is damaged: ${what}. Nothing was changed. Restore it from a copy, or choose another folder with --data.`,
      );
    if (readSync(file, head, 0, head.length, 0) < META_LAST_PAGE_AT + 8) throw damaged("it is too short to be a store");
    if (head.readUInt32LE(META_MAGIC_AT) !== MAGIC) throw damaged("it is not an LMDB file");
    const pageBytes = head.readUInt32LE(META_PAGE_SIZE_AT);
    const second = Buffer.alloc(512);
    readSync(file, second, 0, second.length, pageBytes);
    if (second.readUInt32LE(META_MAGIC_AT) !== MAGIC) throw damaged("its second header is gone");
    const lastPage = Math.max(
      Number(head.readBigUInt64LE(META_LAST_PAGE_AT)),
      Number(second.readBigUInt64LE(META_LAST_PAGE_AT)),
    );
    if (size < (lastPage + 1) * pageBytes)
      throw damaged(`it ends after ${size} of ${(lastPage + 1) * pageBytes} bytes`);
  } finally {
    closeSync(file);
  }
}
