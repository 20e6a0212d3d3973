/** Where a function's or layer's code comes from: the request itself, S3, or a folder of this machine; and where it can be fetched again. */
import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { AwsError } from "../../kernel/errors.ts";
import { type Blobs, dropBlob, keepBlob } from "../../storage/blobs.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { FlowContext, HttpFront } from "../service.ts";
import { accessDenied, invalidParameterValue, requestTooLarge } from "./errors.ts";
import { type LambdaPorts, packageRefused } from "./ports.ts";
import { LIMITS } from "./rules.ts";
import { type Code, layerVersionKey, layerVersions, type Place, versionKey, versions } from "./state.ts";

/**
 * The bucket name that stands for "S3Key is a folder of this machine": a convention of existing local AWS tools. AWS refuses the name
 * as nobody there owns such a bucket, so no template that works on AWS means it.
 */
const FOLDER_BUCKET = "hot-reload";

export interface CodeSource {
  readonly ZipFile?: Uint8Array | undefined;
  readonly S3Bucket?: string | undefined;
  readonly S3Key?: string | undefined;
  readonly S3ObjectVersion?: string | undefined;
}

/**
 * Brings code in. The archive is stored and unpacked once to see that it can be.
 * @throws InvalidParameterValueException, RequestEntityTooLargeException
 */
export async function receiveCode(flow: FlowContext, ports: LambdaPorts, source: CodeSource): Promise<Code> {
  const { ZipFile, S3Bucket, S3Key } = source;
  if (ZipFile !== undefined && S3Bucket !== undefined) {
    throw invalidParameterValue("Please do not provide other FunctionCode parameters when providing a ZipFile.");
  }
  if (ZipFile !== undefined && ZipFile.byteLength > 0) {
    if (ZipFile.byteLength > LIMITS.zipUploadBytes) {
      throw requestTooLarge(`Zipped size must be smaller than ${LIMITS.zipUploadBytes} bytes`);
    }
    return storeArchive(flow, ports, ZipFile);
  }
  if (S3Bucket === undefined && S3Key === undefined) {
    throw invalidParameterValue("Please provide a source for function code.");
  }
  if (S3Bucket === undefined || S3Key === undefined) {
    throw invalidParameterValue("Please provide both S3Bucket and S3Key for the function code.");
  }
  if (S3Bucket === FOLDER_BUCKET) return folder(flow, ports, S3Key);
  try {
    const { Body } = await flow.call("s3", "GetObject", {
      Bucket: S3Bucket,
      Key: S3Key,
      VersionId: source.S3ObjectVersion,
    });
    return await storeArchive(flow, ports, Body as unknown as Readable | Uint8Array);
  } catch (error) {
    if (!(error instanceof AwsError) || error.code === "InvalidParameterValueException") throw error;
    throw invalidParameterValue(
      `Error occurred while GetObject. S3 Error Code: ${error.code}. S3 Error Message: ${error.message}`,
    );
  }
}

async function folder(flow: FlowContext, ports: LambdaPorts, path: string): Promise<Code> {
  if (!ports.folders.mayUse(flow.principal)) {
    throw accessDenied("Only the root user of the platform's own account may take code from a folder of this machine.");
  }
  if (!path.startsWith("/") && !/^[A-Za-z]:[\\/]/.test(path)) {
    throw invalidParameterValue(`The code folder ${path} must be an absolute path.`);
  }
  if (!(await ports.folders.isFolder(path))) {
    throw invalidParameterValue(`The code folder ${path} does not exist on this machine.`);
  }
  return { kind: "folder", path, sha256: createHash("sha256").update(path).digest("base64"), bytes: 0 };
}

async function storeArchive(flow: FlowContext, ports: LambdaPorts, body: Readable | Uint8Array): Promise<Code> {
  const hash = createHash("sha256");
  const blob = await flow.blobs.write(body, {
    bytesMax: LIMITS.unzippedBytes,
    tooLarge: () => invalidParameterValue(`Unzipped size must be smaller than ${LIMITS.unzippedBytes} bytes`),
    onChunk: (chunk) => void hash.update(chunk),
  });
  const code: Code = { kind: "zip", blob, sha256: hash.digest("base64"), bytes: blob.bytes };
  try {
    await codeDirectory(flow.blobs, ports, code);
  } catch (error) {
    await flow.blobs.discard(blob);
    throw error;
  }
  return code;
}

/** A record names this code from now on. */
export function keepCode(tx: Transaction, code: Code): void {
  if (code.kind === "zip") keepBlob(tx, code.blob);
}

/** A record that named this code is gone. */
export function dropCode(tx: Transaction, code: Code): void {
  if (code.kind === "zip") dropBlob(tx, code.blob);
}

/** Folders of archives by hash, as far as this process has unpacked or found them. */
const unpacked = new WeakMap<LambdaPorts, Map<string, Promise<string>>>();

/** The folder with the code, unpacked if it is not yet. @throws InvalidParameterValueException */
export function codeDirectory(blobs: Blobs, ports: LambdaPorts, code: Code): Promise<string> {
  if (code.kind === "folder") return Promise.resolve(code.path);
  let known = unpacked.get(ports);
  if (!known) unpacked.set(ports, (known = new Map()));
  let directory = known.get(code.sha256);
  if (!directory) {
    directory = unpack(ports, blobs.path(code.blob));
    known.set(code.sha256, directory);
    directory.catch(() => known.delete(code.sha256));
  }
  return directory;
}

async function unpack(ports: LambdaPorts, zipFile: string): Promise<string> {
  try {
    return (await ports.packages.unpack(zipFile)).directory;
  } catch (error) {
    const reason = packageRefused(error);
    if (reason === undefined) throw error;
    throw invalidParameterValue(
      reason === "TooLarge"
        ? `Unzipped size must be smaller than ${LIMITS.unzippedBytes} bytes`
        : "Could not unzip uploaded file. Please check your file, then try to upload again.",
    );
  }
}

export const functionCodeLocation = (
  endpoint: string,
  at: Place,
  name: string,
  version: string,
  token: string,
): string =>
  `${endpoint}/_aws/lambda/code/${at.accountId}/${at.region}/function/${name}/${encodeURIComponent(version)}/${token}`;

export const layerCodeLocation = (endpoint: string, at: Place, name: string, version: number, token: string): string =>
  `${endpoint}/_aws/lambda/code/${at.accountId}/${at.region}/layer/${name}/${version}/${token}`;

/** Answers the addresses that GetFunction and GetLayerVersion give as `Location`. The token in them is the permission, as in AWS's presigned URLs. */
export function codeFront(ports: LambdaPorts): HttpFront {
  return {
    name: "lambda-code",
    path: /^\/_aws\/lambda\/code\/(?<accountId>\d{12})\/(?<region>[a-z0-9-]+)\/(?<noun>function|layer)\/(?<name>[A-Za-z0-9-_]+)\/(?<version>\d+|\$LATEST|%24LATEST)\/(?<token>[0-9a-f-]{36})$/,
    async handle(flow, request, groups) {
      const found = await flow
        .as({ accountId: groups.accountId, region: groups.region } as Place)
        .write((tx, context) => {
          const { noun, name, token } = groups as Record<"noun" | "name" | "token", string>;
          const version = decodeURIComponent(groups.version!);
          const record =
            noun === "function"
              ? versions.get(tx, versionKey(context, name, version))
              : layerVersions.get(tx, layerVersionKey(context, name, Number(version)));
          return record?.codeToken === token ? record.code : undefined;
        });
      if (!found || (request.method !== "GET" && request.method !== "HEAD")) {
        return { status: 404, headers: { "content-type": "text/plain" }, body: "There is no code at this address.\n" };
      }
      const headers: Record<string, string> = { "content-type": "application/zip" };
      if (found.kind === "zip") headers["content-length"] = String(found.bytes);
      if (request.method === "HEAD") return { status: 200, headers };
      const body = found.kind === "zip" ? await flow.blobs.read(found.blob) : await ports.folders.zip(found.path);
      return { status: 200, headers, body };
    },
  };
}
