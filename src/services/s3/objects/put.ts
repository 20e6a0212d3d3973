/**
 * PutObject.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
 */
import type { Transaction } from "../../../storage/transaction.ts";
import type { FlowContext, InputOf, OperationContext, OutputOf } from "../../service.ts";
import { discardRefused, keepBody, receiveBody } from "../bodies.ts";
import { requireBucket } from "../buckets.ts";
import { checksumMembers } from "../checksums.ts";
import { notifyCreated } from "../notifications/notify.ts";
import { checkAcl, checkedMetadata, checkKey, checkStorageOptions, storedHeaders, tagsOfHeader } from "../rules.ts";
import type { BucketRecord } from "../state.ts";
import { addObject, currentObject } from "../versions.ts";
import { checkWriteConditions, quoted } from "./conditions.ts";

type Input = InputOf<"s3", "PutObject">;

/** Inputs that came in a browser's form: their event has another name. */
const formUploads = new WeakSet<Input>();

/** The same input, known to come from a form. */
export function fromForm(input: Input): Input {
  formUploads.add(input);
  return input;
}

/**
 * The body is read before anything is decided, unless it is so large that it becomes a file: then whatever can be refused is refused first.
 * @throws NoSuchBucket, KeyTooLongError, MetadataTooLarge, PreconditionFailed, BadDigest, InvalidDigest, IncompleteBody, EntityTooLarge …
 */
export async function putObject(flow: FlowContext, input: Input): Promise<OutputOf<"s3", "PutObject">> {
  const received = await receiveBody(flow, input, {
    before: () => flow.write((tx, context) => void admit(tx, input, context)),
  });
  try {
    return await flow.write((tx, context) => {
      const { bucket, ...described } = admit(tx, input, context);
      received.verify();
      const object = addObject(tx, context, bucket, input.Key!, {
        ...described,
        size: received.size,
        etag: received.etag,
        body: keepBody(tx, context, received.bytes),
        checksum: received.checksum,
      });
      notifyCreated(tx, context, bucket, input.Key!, object, formUploads.has(input) ? "Post" : "Put");
      return {
        ETag: quoted(object.etag),
        ...checksumMembers(object.checksum),
        ServerSideEncryption: "AES256" as const,
        VersionId: bucket.versioning === "Enabled" ? object.versionId : undefined,
      };
    });
  } catch (error) {
    await discardRefused(flow, received, error);
    throw error;
  }
}

/** What of an upload can be judged without its body, and what it stores beside it. */
function admit(tx: Transaction, input: Input, context: OperationContext) {
  const bucket = requireBucket(tx, context, input);
  const described = describe(bucket, input);
  checkWriteConditions(input.Key!, currentObject(tx, bucket.name, input.Key!), input);
  return { bucket, ...described };
}

/** Everything about a new object except its bytes, from PutObject or CreateMultipartUpload. */
export function describe(bucket: BucketRecord, input: Input | InputOf<"s3", "CreateMultipartUpload">) {
  checkKey(input.Key!);
  checkAcl(bucket, input);
  checkStorageOptions(input);
  const tags = tagsOfHeader(input.Tagging);
  return {
    headers: storedHeaders(input),
    metadata: checkedMetadata(input.Metadata),
    ...(tags && Object.keys(tags).length > 0 && { tags }),
  };
}
