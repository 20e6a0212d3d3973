/**
 * Deployment packages on disk: unpacked once, in a folder named by their content, as a worker sees them at /var/task or below /opt. A folder is
 * there whole or not at all.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync, mkdirSync, rmSync } from "node:fs";
import { chmod, lstat, mkdir, readdir, rename, rm, symlink } from "node:fs/promises";
import { dirname, join, normalize, resolve } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Entry, openPromise, type ZipFile } from "yauzl";
import yazl from "yazl";

/** Layers included; a package alone may fill it. */
export const UNPACKED_BYTES_MAX = 250 * 1024 * 1024;
const FILES_MAX = 100_000;
const LINK_BYTES_MAX = 4096;

/** The package cannot be unpacked; `message` tells a person why. */
export class PackageRefused extends Error {
  override readonly name = "PackageRefused";
  /** `InvalidZip` for what is no package, `TooLarge` past AWS's limit. */
  readonly reason: "InvalidZip" | "TooLarge";

  constructor(reason: PackageRefused["reason"], message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface UnpackedPackage {
  readonly directory: string;
  /** Base64, as `CodeSha256` has it. */
  readonly sha256: string;
  readonly packedBytes: number;
  readonly unpackedBytes: number;
}

export interface Packages {
  /**
   * Unpacks a zip file, or finds it unpacked.
   * @throws PackageRefused
   */
  unpack(zipFile: string): Promise<UnpackedPackage>;
  /** A zip archive of these files, the same bytes for the same files. */
  zip(files: Readonly<Record<string, string | Uint8Array>>): Promise<Buffer>;
  /** Removes the folders of all packages but these (by base64 SHA-256). No worker may be using the others. */
  keep(sha256s: ReadonlySet<string>): Promise<void>;
}

export function createPackages(directory: string): Packages {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const temporary = join(directory, "unpacking");
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary);
  const sizes = new Map<string, number>();
  const underWay = new Map<string, Promise<number>>();
  let attempts = 0;

  const unpackOnce = async (zipFile: string, target: string): Promise<number> => {
    const known = sizes.get(target);
    if (known !== undefined && existsSync(target)) return known;
    const folder = join(temporary, String(attempts++));
    await mkdir(folder);
    await chmod(folder, 0o755);
    try {
      const bytes = await unpackInto(zipFile, folder);
      // Left by an earlier life: what is there is whole, and the same.
      if (existsSync(target)) await rm(folder, { recursive: true });
      else await rename(folder, target);
      sizes.set(target, bytes);
      return bytes;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  };

  return {
    async unpack(zipFile) {
      const hash = createHash("sha256");
      let packedBytes = 0;
      for await (const chunk of createReadStream(zipFile) as AsyncIterable<Buffer>) {
        hash.update(chunk);
        packedBytes += chunk.length;
      }
      const digest = hash.digest();
      const target = join(directory, digest.toString("hex"));
      let work = underWay.get(target);
      if (!work) {
        work = unpackOnce(zipFile, target).finally(() => underWay.delete(target));
        underWay.set(target, work);
      }
      return { directory: target, sha256: digest.toString("base64"), packedBytes, unpackedBytes: await work };
    },
    zip: (files) => zip(files),
    async keep(sha256s) {
      const wanted = new Set([...sha256s].map((sha256) => Buffer.from(sha256, "base64").toString("hex")));
      for (const name of await readdir(directory))
        if (/^[0-9a-f]{64}$/.test(name) && !wanted.has(name) && !underWay.has(join(directory, name))) {
          sizes.delete(join(directory, name));
          await rm(join(directory, name), { recursive: true, force: true });
        }
    },
  };
}

async function unpackInto(zipFile: string, folder: string): Promise<number> {
  let archive: ZipFile;
  try {
    archive = await openPromise(zipFile, { lazyEntries: true, autoClose: false });
  } catch {
    throw new PackageRefused(
      "InvalidZip",
      "Could not unzip uploaded file. Please check your file, then try to upload again.",
    );
  }
  let bytes = 0;
  let files = 0;
  /** Folders known to be folders. */
  const made = new Set([folder]);
  const count = (chunkBytes: number) => {
    bytes += chunkBytes;
    if (bytes > UNPACKED_BYTES_MAX)
      throw new PackageRefused("TooLarge", `Unzipped size must be smaller than ${UNPACKED_BYTES_MAX} bytes`);
  };
  try {
    for await (const entry of archive.eachEntry()) {
      if (++files > FILES_MAX) throw new PackageRefused("InvalidZip", `The package has more than ${FILES_MAX} files.`);
      await unpackEntry(archive, entry, folder, made, count);
    }
  } catch (error) {
    if (error instanceof PackageRefused) throw error;
    throw new PackageRefused("InvalidZip", `Could not unzip uploaded file: ${(error as Error).message}`);
  } finally {
    archive.close();
  }
  return bytes;
}

async function unpackEntry(
  archive: ZipFile,
  entry: Entry,
  folder: string,
  made: Set<string>,
  count: (bytes: number) => void,
): Promise<void> {
  const name = entry.fileName;
  const path = join(folder, normalize(name));
  const inside = (candidate: string) => candidate === folder || candidate.startsWith(`${folder}/`);
  if (name.includes("\0") || name.startsWith("/") || !inside(path))
    throw new PackageRefused("InvalidZip", `The package names a file outside of itself: ${name}`);
  const mode = entry.externalFileAttributes >>> 16;
  const kind = mode & 0o170000;
  if (name.endsWith("/") || kind === 0o040000) {
    await makeFolder(path, made);
    return;
  }
  await makeFolder(dirname(path), made);
  const source = await archive.openReadStreamPromise(entry);
  if (kind === 0o120000) {
    const parts: Buffer[] = [];
    for await (const part of source as AsyncIterable<Buffer>) {
      parts.push(part);
      count(part.length);
    }
    const target = Buffer.concat(parts).toString("utf8");
    if (target.length > LINK_BYTES_MAX || target.startsWith("/") || !inside(resolve(dirname(path), target)))
      throw new PackageRefused("InvalidZip", `The package links to a file outside of itself: ${name} -> ${target}`);
    await symlink(target, path);
    return;
  }
  if (kind !== 0 && kind !== 0o100000)
    throw new PackageRefused(
      "InvalidZip",
      `The package holds something that is neither file, folder nor link: ${name}`,
    );
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      try {
        count(chunk.length);
        callback(null, chunk);
      } catch (error) {
        callback(error as Error);
      }
    },
  });
  // A name given twice is refused: nothing that exists is followed or overwritten.
  await pipeline(source, counted, createWriteStream(path, { flags: "wx" }));
  // Workers run as other users: readable for all, executable where it is for its owner.
  await chmod(path, mode & 0o100 ? 0o755 : 0o644);
}

/**
 * Makes a folder and what is missing above it, one at a time: what an archive calls a folder must be one, never a link that was unpacked
 * before, for it would lead elsewhere. All are readable whatever the platform's umask is.
 */
async function makeFolder(path: string, made: Set<string>): Promise<void> {
  if (made.has(path)) return;
  await makeFolder(dirname(path), made);
  try {
    await mkdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    if (!(await lstat(path)).isDirectory())
      throw new PackageRefused("InvalidZip", `The package puts files below something that is no folder: ${path}`);
  }
  await chmod(path, 0o755);
  made.add(path);
}

/** Zip's own epoch: archives of the same files are the same bytes. */
const ZIP_EPOCH = new Date(1980, 0, 1);

async function zip(files: Readonly<Record<string, string | Uint8Array>>): Promise<Buffer> {
  const archive = new yazl.ZipFile();
  for (const [name, content] of Object.entries(files))
    archive.addBuffer(Buffer.from(content as string), name, {
      mtime: ZIP_EPOCH,
      mode: /^(?:bootstrap$|extensions\/)/.test(name) ? 0o100755 : 0o100644,
      forceDosTimestamp: true,
    });
  archive.end();
  const chunks: Buffer[] = [];
  for await (const chunk of archive.outputStream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
