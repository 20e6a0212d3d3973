/** The Lambda function behind the bucket: every event is one uploaded picture. */
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { pictureOf } from "./picture.ts";
import { type Ports, processPicture } from "./process.ts";
import { render } from "./render.ts";

interface Event {
  readonly Records: readonly {
    readonly s3: {
      readonly bucket: { readonly name: string };
      readonly object: { readonly key: string; readonly size: number };
    };
  }[];
}

const s3 = new S3Client({});
const sqs = new SQSClient({});
const Results = process.env["RESULTS_BUCKET"]!;
const QueueUrl = process.env["DEAD_LETTER_QUEUE_URL"]!;

const status = (error: unknown) => (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;

export async function handler(event: Event): Promise<void> {
  for (const record of event.Records) {
    const { bucket, object } = record.s3;
    const id = pictureOf(object.key);
    if (id === undefined) {
      console.log(JSON.stringify({ left: object.key }));
      continue;
    }
    const ports: Ports = {
      load: async () => {
        const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket.name, Key: `uploads/${id}` }));
        return Buffer.from(await Body!.transformToByteArray());
      },
      render,
      isDone: async (Key) => {
        try {
          await s3.send(new HeadObjectCommand({ Bucket: Results, Key }));
          return true;
        } catch (error) {
          if (status(error) === 404) return false;
          throw error;
        }
      },
      save: async (Key, Body, ContentType) => {
        const CacheControl = "public, max-age=31536000, immutable";
        await s3.send(new PutObjectCommand({ Bucket: Results, Key, Body, ContentType, CacheControl }));
      },
      saveOnce: async (Key, Body) => {
        try {
          await s3.send(
            new PutObjectCommand({ Bucket: Results, Key, Body, ContentType: "application/json", IfNoneMatch: "*" }),
          );
        } catch (error) {
          // Another run of the same event was faster: its result says the same.
          if (status(error) !== 412 && status(error) !== 409) throw error;
        }
      },
      giveUp: async (reason) => {
        await sqs.send(
          new SendMessageCommand({
            QueueUrl,
            MessageBody: JSON.stringify({ Records: [record] }),
            MessageAttributes: { ErrorMessage: { DataType: "String", StringValue: reason } },
          }),
        );
      },
    };
    const result = await processPicture(id, object.size, ports);
    console.log(JSON.stringify({ id, result: result === "done before" ? result : result.state }));
  }
}
