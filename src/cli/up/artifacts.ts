/** What CloudFormation must fetch (large templates, layers, zip files) goes to a bucket of its own, as `sam deploy` and `cdk bootstrap` do. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import type { S3Client } from "@aws-sdk/client-s3";
import { isCode, s3Client } from "../clients.ts";
import type { Target } from "../endpoint.ts";

export interface Artifacts {
  /** The same content has the same key. */
  put(key: string, body: Uint8Array): Promise<{ readonly bucket: string; readonly key: string }>;
  putFile(path: string): Promise<{ readonly bucket: string; readonly key: string }>;
}

/** @param accountId the bucket's name carries it, for names are everybody's */
export function createArtifacts(target: Target, accountId: () => Promise<string>): Artifacts {
  let ready: Promise<{ readonly s3: S3Client; readonly bucket: string }> | undefined;

  async function prepare(): Promise<{ readonly s3: S3Client; readonly bucket: string }> {
    const { CreateBucketCommand } = await import("@aws-sdk/client-s3");
    const s3 = await s3Client(target);
    const bucket = `virga-artifacts-${await accountId()}-${target.region}`;
    try {
      await s3.send(
        new CreateBucketCommand({
          Bucket: bucket,
          ...(target.region === "us-east-1"
            ? {}
            : { CreateBucketConfiguration: { LocationConstraint: target.region as "eu-west-1" } }),
        }),
      );
    } catch (error) {
      if (!isCode(error, "BucketAlreadyOwnedByYou")) throw error;
    }
    return { s3, bucket };
  }

  const put = async (key: string, body: Uint8Array) => {
    ready ??= prepare();
    const { s3, bucket } = await ready;
    const { PutObjectCommand } = await import("@aws-sdk/client-s3");
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
    return { bucket, key };
  };
  return { put, putFile: async (path) => put(basename(path), await readFile(path)) };
}
