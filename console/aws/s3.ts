/** S3, whose requests are paths rather than operations. */
import { type Request, send } from "./client.ts";
import { encode } from "./sign.ts";
import { parseXml } from "./xml.ts";

export interface Bucket {
  readonly Name: string;
  readonly CreationDate: string;
}

export interface StoredObject {
  readonly Key: string;
  readonly LastModified: string;
  readonly ETag: string;
  readonly Size: string;
  readonly StorageClass?: string;
}

export interface Listing {
  readonly Contents?: readonly StoredObject[];
  readonly CommonPrefixes?: readonly { readonly Prefix: string }[];
  readonly NextContinuationToken?: string;
  readonly KeyCount?: string;
}

/** An S3 path may hold `.` and `..` as names, which browsers would resolve. */
const segment = (text: string): string => encode(text).replace(/^\.{1,2}$/, (dots) => dots.replaceAll(".", "%2E"));
const pathOf = (bucket: string, key?: string): string =>
  key === undefined ? `/${segment(bucket)}` : `/${segment(bucket)}/${key.split("/").map(segment).join("/")}`;

async function xml<T>(request: Request): Promise<T> {
  return parseXml(await (await send("s3", request)).text()) as T;
}

export async function listBuckets(): Promise<Bucket[]> {
  const { Buckets } = await xml<{ Buckets: Bucket[] | "" }>({ method: "GET", path: "/" });
  return Buckets || [];
}

export function listObjects(bucket: string, prefix: string, token?: string): Promise<Listing> {
  const query: [string, string][] = [
    ["list-type", "2"],
    ["delimiter", "/"],
    ["prefix", prefix],
  ];
  if (token) query.push(["continuation-token", token]);
  return xml({ method: "GET", path: pathOf(bucket), query });
}

export const getObject = (bucket: string, key: string, range?: string): Promise<Response> =>
  send("s3", { method: "GET", path: pathOf(bucket, key), headers: range ? { range } : {} });

export const headObject = (bucket: string, key: string): Promise<Response> =>
  send("s3", { method: "HEAD", path: pathOf(bucket, key) });

export const putObject = (bucket: string, key: string, body: Blob): Promise<Response> =>
  send("s3", {
    method: "PUT",
    path: pathOf(bucket, key),
    headers: { "content-type": body.type || "application/octet-stream" },
    body,
    traced: true,
  });

export const deleteObject = (bucket: string, key: string): Promise<Response> =>
  send("s3", { method: "DELETE", path: pathOf(bucket, key), traced: true });

export const createBucket = (bucket: string): Promise<Response> =>
  send("s3", { method: "PUT", path: pathOf(bucket), traced: true });

export const deleteBucket = (bucket: string): Promise<Response> =>
  send("s3", { method: "DELETE", path: pathOf(bucket), traced: true });
