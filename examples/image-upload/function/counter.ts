/**
 * The Lambda function behind the API.
 *
 *     POST /pictures       a new picture's id, and the form by which it may be uploaded
 *     GET  /pictures/{id}  what has become of it
 */

import { randomUUID } from "node:crypto";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { isPictureId, PICTURE_BYTES_MAX, type Rendition, type Result, resultKey, uploadKey } from "./picture.ts";

interface Request {
  readonly routeKey: string;
  readonly pathParameters?: { readonly id?: string };
}

const s3 = new S3Client({});
const Uploads = process.env["UPLOADS_BUCKET"]!;
const Results = process.env["RESULTS_BUCKET"]!;
/** How long a form may be used, and a rendition be looked at, in seconds. */
const FORM_SECONDS = 300;
const LOOK_SECONDS = 900;

export async function handler(request: Request) {
  if (request.routeKey === "POST /pictures") return answer(201, await begin());
  const id = request.pathParameters?.id ?? "";
  if (!isPictureId(id)) return answer(404, { message: "There is no such picture." });
  return answer(200, await look(id));
}

const answer = (statusCode: number, body: object) => ({
  statusCode,
  headers: { "content-type": "application/json", "cache-control": "no-store" },
  body: JSON.stringify(body),
});

/** S3 itself refuses what is larger than the form allows, or not called a picture. */
async function begin() {
  const id = randomUUID();
  const { url, fields } = await createPresignedPost(s3, {
    Bucket: Uploads,
    Key: uploadKey(id),
    Expires: FORM_SECONDS,
    Conditions: [
      ["content-length-range", 1, PICTURE_BYTES_MAX],
      ["starts-with", "$Content-Type", "image/"],
    ],
  });
  return { id, url, fields, bytesMax: PICTURE_BYTES_MAX };
}

async function look(id: string) {
  let result: Result;
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: Results, Key: resultKey(id) }));
    result = JSON.parse(await Body!.transformToString()) as Result;
  } catch (error) {
    if ((error as Error).name === "NoSuchKey") return { state: "waiting" };
    throw error;
  }
  if (result.state === "failed") return result;
  const [thumbnail, web] = await Promise.all([shown(result.thumbnail), shown(result.web)]);
  return { ...result, thumbnail, web };
}

/** A rendition with an address at which it can be seen for a while. */
async function shown({ key, ...rendition }: Rendition) {
  const command = new GetObjectCommand({ Bucket: Results, Key: key });
  return { ...rendition, url: await getSignedUrl(s3, command, { expiresIn: LOOK_SECONDS }) };
}
