/** Small things that every part of the transform needs: values under construction, intrinsic values, hashes and tags. */
import { createHash } from "node:crypto";
import { isObject, type Value, type ValueObject } from "../template/values.ts";

/** A value under construction. */
export type Draft = { [name: string]: any };

export const ref = (name: string): Draft => ({ Ref: name });
export const getAtt = (logicalId: string, attribute: string): Draft => ({ "Fn::GetAtt": [logicalId, attribute] });

export function isIntrinsic(value: unknown): value is ValueObject {
  if (!isObject(value)) return false;
  const names = Object.keys(value);
  return names.length === 1 && (names[0] === "Ref" || names[0] === "Condition" || names[0]!.startsWith("Fn::"));
}

/** `{Ref: name}` → name. */
export function refName(value: unknown): string | undefined {
  return isIntrinsic(value) && typeof value["Ref"] === "string" ? value["Ref"] : undefined;
}

/** Members that are undefined are left out. */
export function present(object: Draft): Draft {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

/** SAM's hash: SHA-1 of compact JSON with sorted keys and everything beyond ASCII escaped. */
export function hash(data: unknown, length = 10): string {
  return createHash("sha1").update(stable(data)).digest("hex").slice(0, length);
}

function stable(data: unknown): string {
  if (typeof data === "string") return data;
  return encode(data);
}

function encode(data: unknown): string {
  if (Array.isArray(data)) return `[${data.map(encode).join(",")}]`;
  if (isObject(data)) {
    const members = Object.entries(data)
      .filter(([, value]) => value !== undefined)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, value]) => `${encode(name)}:${encode(value)}`);
    return `{${members.join(",")}}`;
  }
  return JSON.stringify(data).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Tags as a list, SAM's own first. */
export function tagList(tags: Value | undefined, own?: string): Draft[] {
  const mine = own === undefined ? [] : [{ Key: own, Value: "SAM" }];
  return [...mine, ...Object.entries((tags ?? {}) as ValueObject).map(([Key, Value]) => ({ Key, Value }))];
}

/** Bucket, key and version of an S3 location: `s3://bucket/key?versionId=v` or `{Bucket, Key, Version}`. */
export function s3Location(value: unknown): { Bucket: any; Key: any; Version?: any } | undefined {
  if (typeof value === "string") {
    const match = /^s3:\/\/([^/]+)\/([^?]+)(?:\?versionId=(.+))?$/i.exec(value);
    if (!match) return undefined;
    return { Bucket: match[1], Key: match[2], ...(match[3] === undefined ? {} : { Version: match[3] }) };
  }
  if (!isObject(value) || value["Bucket"] === undefined || value["Key"] === undefined) return undefined;
  const { Bucket, Key, Version } = value;
  return { Bucket, Key, ...(Version === undefined ? {} : { Version }) };
}
