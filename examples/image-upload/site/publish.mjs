/**
 * A CloudFormation custom resource: uploads the folder `pages` to the website's bucket, with the addresses they need written into them. When the
 * stack goes, it empties the buckets, which could not be deleted otherwise.
 *
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html
 */
import { readdir, readFile } from "node:fs/promises";
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { contentType, fillIn } from "./pages.mjs";

const s3 = new S3Client({});
const folder = new URL("pages/", import.meta.url);

export async function handler(event, context) {
  console.log(JSON.stringify({ request: event.RequestType, properties: event.ResourceProperties }));
  const { Bucket, Uploads, Results, ApiUrl } = event.ResourceProperties;
  try {
    if (event.RequestType === "Delete") for (const bucket of [Bucket, Uploads, Results]) await removeAll(bucket);
    else await publish(Bucket, { Uploads, Results, ApiUrl });
    await respond(event, { Status: "SUCCESS" });
  } catch (error) {
    console.error(error);
    await respond(event, {
      Status: "FAILED",
      Reason: `${error.message} (see the log stream ${context.logStreamName})`,
    });
  }
}

async function publish(Bucket, { Uploads, Results, ApiUrl }) {
  const values = {
    API_URL: ApiUrl,
    API_ORIGIN: new URL(ApiUrl).origin,
    UPLOADS_ORIGIN: await originOf(Uploads),
    RESULTS_ORIGIN: await originOf(Results),
  };
  const names = await readdir(folder);
  for (const name of names) {
    const content = await readFile(new URL(name, folder));
    await s3.send(
      new PutObjectCommand({
        Bucket,
        Key: name,
        Body: name.endsWith(".html") ? fillIn(content.toString("utf8"), values) : content,
        ContentType: contentType(name),
        CacheControl: "no-cache",
      }),
    );
  }
  await removeAll(Bucket, (key) => !names.includes(key));
}

/** Where browsers reach a bucket: a signed address says so. */
const originOf = async (Bucket) => new URL(await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "x" }))).origin;

async function removeAll(Bucket, unwanted = () => true) {
  let ContinuationToken;
  do {
    const page = await s3.send(new ListObjectsV2Command({ Bucket, ContinuationToken }));
    const Objects = (page.Contents ?? []).filter(({ Key }) => unwanted(Key)).map(({ Key }) => ({ Key }));
    if (Objects.length > 0) {
      const { Errors = [] } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
      if (Errors.length > 0) throw new Error(`${Errors[0].Key} was not deleted: ${Errors[0].Message}`);
    }
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken);
}

/** The pages belong to their bucket: published to another one, they are another resource, and the old bucket is emptied afterwards. */
async function respond(event, { Status, Reason }) {
  const PhysicalResourceId =
    event.RequestType === "Delete" ? event.PhysicalResourceId : `pages-of-${event.ResourceProperties.Bucket}`;
  const { StackId, RequestId, LogicalResourceId } = event;
  const response = await fetch(event.ResponseURL, {
    method: "PUT",
    // The address is signed for an empty content type.
    headers: { "content-type": "" },
    body: JSON.stringify({ Status, Reason, PhysicalResourceId, StackId, RequestId, LogicalResourceId }),
  });
  if (!response.ok) throw new Error(`CloudFormation did not take the response: ${response.status}`);
}
